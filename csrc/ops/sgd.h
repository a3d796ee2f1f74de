// Stochastic gradient descent on n floats, in place, as Keras computes it:
//   momentum 0:  p -= learning_rate * g
//   otherwise:   m = momentum * m - learning_rate * g;  p += m, or with Nesterov's  p += momentum * m - learning_rate * g
// Source: Sutskever, Martens, Dahl and Hinton 2013. (PyTorch keeps m without the learning rate in it, which differs when that changes.)
// Allowed error against float64: 1e-6 of the update. As a stage's optimizer its slot is m (none for momentum 0), its attributes momentum
// and nesterov.
#pragma once

#include <cstdint>

#include "core/dispatch.h"
#include "core/forward.h"

namespace fastcnn {

// m may be null where momentum is 0.
void sgd(Context& context, int64_t n, double learning_rate, double momentum, bool nesterov, float* parameters, const float* gradients,
         float* m);

}  // namespace fastcnn

FASTCNN_KERNEL(void, sgd,
               (int64_t n, float learning_rate, float momentum, bool nesterov, float* parameters, const float* gradients, float* m,
                const Parallel& parallel))
