// max_pool2d: the largest value of each window of each channel, and where it was. NHWC -> NPQC, float32.
//
//   y[n,p,q,c]     = max over r,s of x[n, p*stride_h + r - top, q*stride_w + s - left, c], over the pixels inside the image
//   index[n,p,q,c] = r*S + s of the first window element that holds it (uint16, so a window has at most 65,535 elements)
//   dx[n,h,w,c]    = sum of dy[n,p,q,c] over the windows whose index points to (h, w)
// NaN is larger than anything: a window that holds one gives the first NaN, and its gradient goes there, as in PyTorch and in Keras on
// PyTorch. (Keras on TensorFlow loses it: there NaN never wins, and a window of nothing else gives the lowest float.) Errors
// (ArgumentError): rank, what window.h says, a window that lies in the padding altogether. Exact; no rounding is involved but in dx's sums.
// Source: Keras's MaxPooling2D; PyTorch's max_pool2d gives the index into the image instead.
#pragma once

#include <cstdint>

#include "core/dispatch.h"
#include "core/forward.h"
#include "ops/window.h"

namespace fastcnn {

struct Pool2d {
  int64_t N, C;
  Window window;

  Pool2d of(int64_t images) const { return {images, C, window}; }
};

// Checks the shapes and gives the pooling's sizes; `operation` names it in errors (average_pool2d shares the checks).
Pool2d pool2d(const char* operation, const Shape& x, std::array<int64_t, 2> window, std::array<int64_t, 2> stride, const Padding& padding);
Pool2d max_pool2d(const Shape& x, std::array<int64_t, 2> window, std::array<int64_t, 2> stride, const Padding& padding);

// index may be null where nobody will go back.
void max_pool2d_forward(Context& context, const Pool2d& pool, const float* x, float* y, uint16_t* index);
void max_pool2d_backward(Context& context, const Pool2d& pool, const float* dy, const uint16_t* index, float* dx);

}  // namespace fastcnn

FASTCNN_KERNEL(void, max_pool2d_forward, (const Pool2d& pool, const float* x, float* y, uint16_t* index, const Parallel& parallel))
FASTCNN_KERNEL(void, max_pool2d_backward, (const Pool2d& pool, const float* dy, const uint16_t* index, float* dx, const Parallel& parallel))
