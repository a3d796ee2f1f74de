// average_pool2d: the mean of each window of each channel. NHWC -> NPQC, float32.
//
//   y[n,p,q,c]  = 1 / count(p,q) * sum over r,s of x[n, p*stride_h + r - top, q*stride_w + s - left, c], over the pixels inside the image
//   dx[n,h,w,c] = sum of dy[n,p,q,c] / count(p,q) over the windows that hold (h, w)
// count(p,q) is the number of the window's pixels inside the image, as in Keras (PyTorch: count_include_pad=False).
// With a window of the whole image it is the global average pooling.
// Errors (ArgumentError) as for max_pool2d. Allowed error against float64: 1e-6 of the largest value for windows up to 16 x 16.
#pragma once

#include "core/dispatch.h"
#include "core/forward.h"
#include "ops/max_pool2d.h"

namespace fastcnn {

Pool2d average_pool2d(const Shape& x, std::array<int64_t, 2> window, std::array<int64_t, 2> stride, const Padding& padding);
// One window, the whole image.
Pool2d global_average_pool2d(const Shape& x);

void average_pool2d_forward(Context& context, const Pool2d& pool, const float* x, float* y);
void average_pool2d_backward(Context& context, const Pool2d& pool, const float* dy, float* dx);

}  // namespace fastcnn

FASTCNN_KERNEL(void, average_pool2d_forward, (const Pool2d& pool, const float* x, float* y, const Parallel& parallel))
FASTCNN_KERNEL(void, average_pool2d_backward, (const Pool2d& pool, const float* dy, float* dx, const Parallel& parallel))
