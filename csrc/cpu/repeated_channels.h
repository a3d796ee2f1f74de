// Images whose channels are repeated M times each, side by side: what makes a depthwise convolution with M filters a channel one with one.
#pragma once

#include "cpu/work.h"
#include "ops/depthwise_conv2d.h"

namespace fastcnn::cpu::FASTCNN_ISA {

constexpr int64_t repeated_chunk = 8192;  // floats of a task

FASTCNN_INLINE int64_t repeated_floats(const DepthwiseConv2d& conv) { return conv.N * conv.window.H * conv.window.W * conv.C * conv.M; }

// Of scratch memory; none where M is 1.
FASTCNN_INLINE int64_t repeated_bytes(const DepthwiseConv2d& conv) {
  return conv.M > 1 ? Carver::bytes_of<float>(repeated_floats(conv)) : 0;
}

// x with its channels repeated: itself where M is 1.
[[maybe_unused]] static const float* repeated(const DepthwiseConv2d& conv, const float* x, Carver& carver, const Parallel& parallel) {
  if (conv.M == 1) return x;
  float* const to = carver.take<float>(repeated_floats(conv));
  const int64_t values = repeated_floats(conv) / conv.M;
  parallel_for(parallel, ceil_div(values, repeated_chunk), [&](int64_t task, int) {
    for (int64_t i = task * repeated_chunk; i < min((task + 1) * repeated_chunk, values); ++i)
      for (int64_t m = 0; m < conv.M; ++m) to[i * conv.M + m] = x[i];
  });
  return to;
}

// And back: each channel is the sum of its repeats.
[[maybe_unused]] static void add_repeats(const DepthwiseConv2d& conv, const float* from, float* to, const Parallel& parallel) {
  const int64_t values = repeated_floats(conv) / conv.M;
  parallel_for(parallel, ceil_div(values, repeated_chunk), [&](int64_t task, int) {
    for (int64_t i = task * repeated_chunk; i < min((task + 1) * repeated_chunk, values); ++i) {
      float total = 0;
      for (int64_t m = 0; m < conv.M; ++m) total += from[i * conv.M + m];
      to[i] = total;
    }
  });
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
