// Adam on n floats, in place, as Keras computes it:
//   m += (1 - beta_1) (g - m);   v += (1 - beta_2) (g^2 - v)
//   p -= learning_rate * weight_decay * p + learning_rate * sqrt(1 - beta_2^step) / (1 - beta_1^step) * m / (sqrt(v) + epsilon)
// step counts from 1. Source: Kingma and Ba 2015, in the order of the last paragraph of its section 2; Keras's epsilon is 1e-7. (PyTorch
// divides sqrt(v) by sqrt(1 - beta_2^step) before it adds epsilon, which is 1e-8 there.) The decay is decoupled from the gradient:
// Loshchilov and Hutter 2019, AdamW. Allowed error against float64: 1e-6 of the update. As a stage's optimizer its slots are m and v, its
// attributes beta_1, beta_2 and epsilon.
#pragma once

#include <cstdint>

#include "core/dispatch.h"
#include "core/forward.h"

namespace fastcnn {

// As doubles, since the kernel's floats are derived from them: 1 - 0.999 has few digits left in float32.
struct Adam {
  double learning_rate, beta_1, beta_2, epsilon, weight_decay;
};

void adam(Context& context, int64_t n, const Adam& settings, int64_t step, float* parameters, const float* gradients, float* m, float* v);

}  // namespace fastcnn

// alpha: the learning rate with both corrections; one_minus_*: 1 - beta; decay: the share of p that it loses, and where it is 0 p is not
// touched.
FASTCNN_KERNEL(void, adam,
               (int64_t n, float alpha, float one_minus_beta_1, float one_minus_beta_2, float epsilon, float decay, float* parameters,
                const float* gradients, float* m, float* v, const Parallel& parallel))
