// Stochastic gradient descent on n floats, in place, as Keras computes it:
//   momentum 0:  p -= learning_rate * g
//   otherwise:   m = momentum * m - learning_rate * g;  p += m, or with Nesterov's  p += momentum * m - learning_rate * g
//   corrected:   m = momentum * m + g;  p -= learning_rate * m, or with Nesterov's  p -= learning_rate * (momentum * m + g)
// The first keeps the rates at which the gradients came, so a step goes on at rates of the past; the corrected one (PyTorch's) goes at today's
// (Goyal et al. 2017, remark 2). While the rate stays the two are one.
// after the decay  p -= learning_rate * weight_decay * p,  of which neither g nor m knows (Loshchilov and Hutter 2019).
// Source: Sutskever, Martens, Dahl and Hinton 2013.
// Allowed error against float64: 1e-6 of the update. As a stage's optimizer its slot is m (none for momentum 0), its attributes momentum,
// nesterov and momentum_correction.
#pragma once

#include <cstdint>

#include "core/dispatch.h"
#include "core/forward.h"

namespace fastcnn {

struct Sgd {
  double learning_rate, momentum;
  bool nesterov, momentum_correction;
  double weight_decay;
};

// m may be null where momentum is 0.
void sgd(Context& context, int64_t n, const Sgd& settings, float* parameters, const float* gradients, float* m);

}  // namespace fastcnn

// m = momentum * m + gradient_scale * g;  p += step_scale * m, or with Nesterov's step_scale * (momentum * m + gradient_scale * g). With
// momentum 0 p += gradient_scale * g. decay: the share of p that it loses, and where it is 0 p is not touched.
FASTCNN_KERNEL(void, sgd,
               (int64_t n, float gradient_scale, float step_scale, float momentum, bool nesterov, float decay, float* parameters,
                const float* gradients, float* m, const Parallel& parallel))
