// conv2d: two-dimensional cross-correlation, the "convolution" of every framework. NHWC x RSCK -> NPQK, float32.
//
//   fprop   y[n,p,q,k]  = b[k] + sum over r,s,c of  x[n, p*stride_h + r - top, q*stride_w + s - left, c] * w[r,s,c,k]
//   dgrad   dx[n,h,w,c] =        sum over p,q,k of  dy[n,p,q,k] * w[h - p*stride_h + top, w - q*stride_w + left, c, k]
//   wgrad   dw[r,s,c,k] =        sum over n,p,q of  x[n, p*stride_h + r - top, q*stride_w + s - left, c] * dy[n,p,q,k]
//           db[k]       =        sum over n,p,q of  dy[n,p,q,k]
// where input pixels outside the image are zero. Any filter, stride and padding; N may be 0, K and C may not.
// Errors (ArgumentError): ranks, channels of w and x that differ, a b of another length than K, and what window.h says.
// FLOPs of each: 2 * N * P * Q * K * R * S * C, the taps in the padding included. Source: Dumoulin and Visin 2016; the letters are
// CUTLASS's.
//
// Allowed error against float64: 5e-6 of the largest sum of |products| of the tensor, which is its largest value where products do not
// cancel each other. (Sums are of up to R*S*C terms, or N*P*Q cut into slabs of about 2,048, in float32 with fused multiply-add where there
// is one.)
//
// On the CPU, all three go by Winograd's F(4x4, 3x3) or F(2x2, 3x3) where the filters are 3x3, the stride is 1 and it pays (cpu/winograd.h,
// cpu/winograd_gradients.h): a quarter or less than half of the products. Forward, the error's root mean square is at most three times the
// direct sum's, and it is within 5e-6 of the largest |x| under a tile times the sum of the |w|. What is not finite comes out as from the
// direct sum.
#pragma once

#include "core/dispatch.h"
#include "core/forward.h"
#include "ops/window.h"

namespace fastcnn {

struct Conv2d {
  int64_t N, C, K;
  Window window;
  bool winograd;      // whether it may go by Winograd's algorithm
  bool relu = false;  // whether fprop cuts off what is not above 0; see conv2d_relu.h
};

// The weights of a forward pass: w, and, where somebody has prepared it for batches of up to so many images, what conv2d_prepare made of
// it.
struct Filters {
  const float* w;
  const void* prepared = nullptr;
  int64_t images = 0;
};

// Whether the convolutions from now on may. True at first.
bool winograd_allowed();
void allow_winograd(bool allowed);

// Checks the shapes and gives the convolution's sizes. b may be null.
Conv2d conv2d(const Shape& x, const Shape& w, const Shape* b, std::array<int64_t, 2> stride, const Padding& padding);

// Lays w out as fprop reads it, once for many batches of up to conv.N images. Bytes are 0 where it reads w as it is.
int64_t conv2d_prepared_bytes(const Context& context, const Conv2d& conv);
void conv2d_prepare(const Context& context, const Conv2d& conv, const float* w, void* to);

// b may be null.
void conv2d_fprop(Context& context, const Conv2d& conv, const float* x, const Filters& filters, const float* b, float* y);
void conv2d_dgrad(Context& context, const Conv2d& conv, const float* dy, const float* w, float* dx);
// db may be null.
void conv2d_wgrad(Context& context, const Conv2d& conv, const float* x, const float* dy, float* dw, float* db);

}  // namespace fastcnn

// The kernels. Each is given scratch memory of the size its *_scratch names, in bytes.
FASTCNN_KERNEL(int64_t, conv2d_prepared_bytes, (const Conv2d& conv))
FASTCNN_KERNEL(void, conv2d_prepare, (const Conv2d& conv, const float* w, void* to))
FASTCNN_KERNEL(int64_t, conv2d_fprop_scratch, (const Conv2d& conv, const Filters& filters, int workers))
FASTCNN_KERNEL(int64_t, conv2d_dgrad_scratch, (const Conv2d& conv, int workers))
FASTCNN_KERNEL(int64_t, conv2d_wgrad_scratch, (const Conv2d& conv, int workers))
FASTCNN_KERNEL(void, conv2d_fprop,
               (const Conv2d& conv, const float* x, const Filters& filters, const float* b, float* y, void* scratch,
                const Parallel& parallel))
FASTCNN_KERNEL(void, conv2d_dgrad,
               (const Conv2d& conv, const float* dy, const float* w, float* dx, void* scratch, const Parallel& parallel))
FASTCNN_KERNEL(void, conv2d_wgrad,
               (const Conv2d& conv, const float* x, const float* dy, float* dw, float* db, void* scratch, const Parallel& parallel))
