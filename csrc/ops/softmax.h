// softmax over the last axis of (rows, K), and dense_softmax: matrix product, bias and softmax as one operation. float32.
//
//   y[n,k] = exp(x[n,k] - max(x[n])) / sum over j of exp(x[n,j] - max(x[n]));   dx[n,k] = y[n,k] * (dy[n,k] - sum over j of dy[n,j] *
//   y[n,j])
// dense_softmax takes the softmax of a few rows as soon as their products are summed up, while they are in the cache.
// y may be x, dx may be dy. Errors (ArgumentError): as for dense; no axis at all. A NaN, or a +inf, makes its row NaN.
// Allowed error against float64: 1e-6 absolute for softmax (values lie in [0, 1]); dense_softmax adds its product's. Source: Keras's
// softmax.
#pragma once

#include "core/dispatch.h"
#include "core/forward.h"
#include "ops/conv2d.h"

namespace fastcnn {

void softmax_forward(Context& context, int64_t rows, int64_t K, const float* x, float* y);
void softmax_backward(Context& context, int64_t rows, int64_t K, const float* dy, const float* y, float* dx);
// conv: as dense() gives it. b may be null.
void dense_softmax(Context& context, const Conv2d& conv, const float* x, const float* w, const float* b, float* y);

}  // namespace fastcnn

FASTCNN_KERNEL(void, softmax_forward, (int64_t rows, int64_t K, const float* x, float* y, const Parallel& parallel))
FASTCNN_KERNEL(void, softmax_backward, (int64_t rows, int64_t K, const float* dy, const float* y, float* dx, const Parallel& parallel))
FASTCNN_KERNEL(int64_t, dense_softmax_scratch, (const Conv2d& conv))
FASTCNN_KERNEL(void, dense_softmax,
               (const Conv2d& conv, const float* x, const float* w, const float* b, float* y, void* scratch, const Parallel& parallel))
