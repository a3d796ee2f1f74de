// conv2d_relu_max_pool2d: convolution, bias, ReLU and maximum pooling as one operation, which never stores what pooling throws away.
//
//   y = max_pool2d(relu(conv2d(x, w, b)));  index[n,i,j,k] = the winner's place in its pooling window, r * S + s, or `cut` (255) where it
//   is not above 0 (or NaN), so that no gradient passes
// y is that of the three operations one after the other, NaN included. So are the gradients, but that sums run in another order, that a
// gradient of 0 times an x or w that is not finite may count as 0 (on the CPU: a GPU runs the three operations), and that in images of more
// than half a megabyte a gradient that is not finite may spread to the pixels right of its patch.
//
// Backward needs dy, index, x and w alone. At most one gradient in the pooling window's area is not zero, and only these are worked on:
//   wgrad   dw[:,:,:,k] = sum of g * patch(x) over the winners of channel k, g their gradients, patch(x) the R x S x C inputs of a winner
//   dgrad   patch(dx)  += g * w[:,:,:,k], likewise
// so both cost 1 / (pooling window's area) of the dense gradients, less what ReLU cuts. On the CPU dgrad of many channels goes by
// Winograd's tiles instead, where these cost less.
//
// The pooling window has at most 255 pixels. Errors (ArgumentError): those of conv2d and max_pool2d. Allowed error against float64 as for
// conv2d.
#pragma once

#include <cstdint>

#include "core/dispatch.h"
#include "core/forward.h"
#include "ops/conv2d.h"
#include "ops/max_pool2d.h"

namespace fastcnn {

struct Conv2dReluMaxPool2d {
  Conv2d conv;
  Window pool;  // over the convolution's P x Q pixels

  static constexpr uint8_t cut = 255;
};

// Checks that the pooling goes with the convolution.
Conv2dReluMaxPool2d conv2d_relu_max_pool2d(const Conv2d& conv, std::array<int64_t, 2> window, std::array<int64_t, 2> stride,
                                           const Padding& padding);

// The kernels trust an index. Throws ArgumentError for one, of (N, pool.P, pool.Q, K), that points out of its pooling window or into the
// padding.
void check_index(const Conv2dReluMaxPool2d& op, const uint8_t* index);

// As conv2d's.
int64_t conv2d_relu_max_pool2d_prepared_bytes(const Context& context, const Conv2dReluMaxPool2d& op);
void conv2d_relu_max_pool2d_prepare(const Context& context, const Conv2dReluMaxPool2d& op, const float* w, void* to);

// y, index: (N, pool.P, pool.Q, K). b may be null, and index where nobody will go back.
void conv2d_relu_max_pool2d_fprop(Context& context, const Conv2dReluMaxPool2d& op, const float* x, const Filters& filters, const float* b,
                                  float* y, uint8_t* index);
void conv2d_relu_max_pool2d_dgrad(Context& context, const Conv2dReluMaxPool2d& op, const float* dy, const uint8_t* index, const float* w,
                                  float* dx);
// db may be null.
void conv2d_relu_max_pool2d_wgrad(Context& context, const Conv2dReluMaxPool2d& op, const float* x, const float* dy, const uint8_t* index,
                                  float* dw, float* db);

}  // namespace fastcnn

FASTCNN_KERNEL(int64_t, conv2d_relu_max_pool2d_prepared_bytes, (const Conv2dReluMaxPool2d& op))
FASTCNN_KERNEL(void, conv2d_relu_max_pool2d_prepare, (const Conv2dReluMaxPool2d& op, const float* w, void* to))
FASTCNN_KERNEL(int64_t, conv2d_relu_max_pool2d_fprop_scratch, (const Conv2dReluMaxPool2d& op, const Filters& filters, int workers))
FASTCNN_KERNEL(int64_t, conv2d_relu_max_pool2d_dgrad_scratch, (const Conv2dReluMaxPool2d& op, int workers))
FASTCNN_KERNEL(int64_t, conv2d_relu_max_pool2d_wgrad_scratch, (const Conv2dReluMaxPool2d& op, int workers))
FASTCNN_KERNEL(void, conv2d_relu_max_pool2d_fprop,
               (const Conv2dReluMaxPool2d& op, const float* x, const Filters& filters, const float* b, float* y, uint8_t* index,
                void* scratch, const Parallel& parallel))
FASTCNN_KERNEL(void, conv2d_relu_max_pool2d_dgrad,
               (const Conv2dReluMaxPool2d& op, const float* dy, const uint8_t* index, const float* w, float* dx, void* scratch,
                const Parallel& parallel))
FASTCNN_KERNEL(void, conv2d_relu_max_pool2d_wgrad,
               (const Conv2dReluMaxPool2d& op, const float* x, const float* dy, const uint8_t* index, float* dw, float* db, void* scratch,
                const Parallel& parallel))
