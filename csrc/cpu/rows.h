// Reductions over one row of K floats, for the softmax and the losses.
#pragma once

#include "cpu/exponential.h"
#include "cpu/simd.h"

namespace fastcnn::cpu::FASTCNN_ISA {

// The largest value, or a NaN if there is one.
[[maybe_unused]] static float largest_of(int64_t K, const float* x) {
  float largest = x[0];
  for (int64_t k = 1; k < K; ++k) largest = !(x[k] <= largest) && largest == largest ? x[k] : largest;
  return largest;
}

// The position of the largest value, the first of equals; NaN is passed over, as in Keras's accuracy.
[[maybe_unused]] static int64_t position_of_largest(int64_t K, const float* x) {
  int64_t position = 0;
  float largest = -__builtin_inff();
  for (int64_t k = 0; k < K; ++k) {
    if (!(x[k] > largest)) continue;
    largest = x[k];
    position = k;
  }
  return position;
}

// y[k] = exp(x[k] - shift), and their sum.
[[maybe_unused]] static float exponentials(int64_t K, const float* x, float shift, float* y) {
  Vec total = {};
  int64_t k = 0;
  for (; k + lanes <= K; k += lanes) {
    const Vec e = exponential(load(x + k) - shift);
    store(y + k, e);
    total += e;
  }
  float rest = 0;
  if (k < K) {
    const Vec e = exponential(load_first(x + k, K - k) - shift);
    store_first(y + k, e, K - k);
    for (int64_t lane = 0; lane < K - k; ++lane) rest += e[lane];
  }
  return sum(total) + rest;
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
