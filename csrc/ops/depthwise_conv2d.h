// depthwise_conv2d: each channel of the input convolved with M filters of its own. NHWC x RSCM -> NPQ(CM), float32.
//
//   fprop   y[n,p,q,c*M+m] = b[c*M+m] + sum over r,s   of  x[n, p*stride_h + r - top, q*stride_w + s - left, c] * w[r,s,c,m]
//   dgrad   dx[n,h,w,c]    =            sum over p,q,m of  dy[n,p,q,c*M+m] * w[h - p*stride_h + top, w - q*stride_w + left, c, m]
//   wgrad   dw[r,s,c,m]    =            sum over n,p,q of  x[n, p*stride_h + r - top, q*stride_w + s - left, c] * dy[n,p,q,c*M+m]
//           db[c*M+m]      =            sum over n,p,q of  dy[n,p,q,c*M+m]
// where input pixels outside the image are zero. Any filter, stride and padding; N may be 0, C and M may not.
// Errors (ArgumentError): ranks, channels of w and x that differ, a b of another length than C * M, and what window.h says.
// FLOPs of each: 2 * N * P * Q * C * M * R * S, the taps in the padding included. Source: Howard et al. 2017 (MobileNets); the order of the
// channels is Keras's DepthwiseConv2D's, and that of PyTorch's conv2d with groups = C.
//
// Allowed error against float64: 5e-6 of the largest sum of |products| of the tensor, as for conv2d. (Sums are of R*S*M terms, or of
// N*P*Q, taken row by row in slabs of the batch.)
#pragma once

#include "core/dispatch.h"
#include "core/forward.h"
#include "ops/window.h"

namespace fastcnn {

struct DepthwiseConv2d {
  int64_t N, C, M;
  Window window;

  DepthwiseConv2d of(int64_t images) const { return {images, C, M, window}; }
};

// Checks the shapes and gives the convolution's sizes. b may be null.
DepthwiseConv2d depthwise_conv2d(const Shape& x, const Shape& w, const Shape* b, std::array<int64_t, 2> stride, const Padding& padding);

// b may be null.
void depthwise_conv2d_fprop(Context& context, const DepthwiseConv2d& conv, const float* x, const float* w, const float* b, float* y);
void depthwise_conv2d_dgrad(Context& context, const DepthwiseConv2d& conv, const float* dy, const float* w, float* dx);
// db may be null.
void depthwise_conv2d_wgrad(Context& context, const DepthwiseConv2d& conv, const float* x, const float* dy, float* dw, float* db);

}  // namespace fastcnn

// The kernels. Each is given scratch memory of the size its *_scratch names, in bytes.
FASTCNN_KERNEL(int64_t, depthwise_conv2d_fprop_scratch, (const DepthwiseConv2d& conv))
FASTCNN_KERNEL(int64_t, depthwise_conv2d_dgrad_scratch, (const DepthwiseConv2d& conv))
FASTCNN_KERNEL(int64_t, depthwise_conv2d_wgrad_scratch, (const DepthwiseConv2d& conv))
FASTCNN_KERNEL(void, depthwise_conv2d_fprop,
               (const DepthwiseConv2d& conv, const float* x, const float* w, const float* b, float* y, void* scratch,
                const Parallel& parallel))
FASTCNN_KERNEL(void, depthwise_conv2d_dgrad,
               (const DepthwiseConv2d& conv, const float* dy, const float* w, float* dx, void* scratch, const Parallel& parallel))
FASTCNN_KERNEL(void, depthwise_conv2d_wgrad,
               (const DepthwiseConv2d& conv, const float* x, const float* dy, float* dw, float* db, void* scratch,
                const Parallel& parallel))
