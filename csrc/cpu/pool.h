// What the poolings share: how far a window reaches into the image, and which pooling is the usual one.
#pragma once

#include "cpu/simd.h"
#include "cpu/work.h"
#include "ops/window.h"

namespace fastcnn::cpu::FASTCNN_ISA {

// The part of a window that lies in the image, along one axis.
struct Span {
  int64_t start, first, end;  // input coordinate of element 0; elements [first, end)
  bool has(int64_t element) const { return first <= element && element < end; }
};

FASTCNN_INLINE Span span(int64_t output, int64_t stride, int64_t pad, int64_t window, int64_t inputs) {
  const int64_t start = output * stride - pad;
  return {start, max(0, -start), min(window, inputs - start)};
}

// Whether the pooling is the usual one: each 2x2 pixels are a window, and all of it lies inside.
FASTCNN_INLINE bool is_usual(const Window& pool) {
  const bool windows = pool.R == 2 && pool.S == 2 && pool.stride_h == 2 && pool.stride_w == 2;
  return windows && pool.top == 0 && pool.left == 0 && 2 * pool.P <= pool.H && 2 * pool.Q <= pool.W;
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
