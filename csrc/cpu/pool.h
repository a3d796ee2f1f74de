// What the two poolings share: how far a window reaches into the image.
#pragma once

#include "cpu/simd.h"
#include "cpu/work.h"

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

}  // namespace fastcnn::cpu::FASTCNN_ISA
