// Stochastic gradient descent on n floats, in place, as Keras computes it:
//   momentum 0:  p -= learning_rate * g
//   otherwise:   m = momentum * m - learning_rate * g;  p += m, or with Nesterov's  p += momentum * m - learning_rate * g
// after the decay  p -= learning_rate * weight_decay * p,  of which neither g nor m knows (Loshchilov and Hutter 2019).
// Source: Sutskever, Martens, Dahl and Hinton 2013. (PyTorch keeps m without the learning rate in it, which differs when that changes.)
// Allowed error against float64: 1e-6 of the update. As a stage's optimizer its slot is m (none for momentum 0), its attributes momentum
// and nesterov.
#pragma once

#include <cstdint>

#include "core/dispatch.h"
#include "core/forward.h"

namespace fastcnn {

struct Sgd {
  double learning_rate, momentum;
  bool nesterov;
  double weight_decay;
};

// m may be null where momentum is 0.
void sgd(Context& context, int64_t n, const Sgd& settings, float* parameters, const float* gradients, float* m);

}  // namespace fastcnn

// decay: the share of p that it loses, and where it is 0 p is not touched.
FASTCNN_KERNEL(void, sgd,
               (int64_t n, float learning_rate, float momentum, bool nesterov, float decay, float* parameters, const float* gradients,
                float* m, const Parallel& parallel))
