// conv2d_relu_max_pool2d (ops/conv2d_relu_max_pool2d.h), for now as the convolution's kernels and one of its own in each direction, with
// the unpooled values in scratch memory.
#include "ops/conv2d_relu_max_pool2d.h"

#include "cuda/pool.cuh"

namespace fastcnn::cuda {
namespace {

int64_t unpooled_elements(const Conv2dReluMaxPool2d& op) { return op.conv.N * op.conv.window.P * op.conv.window.Q * op.conv.K; }
// Rounded up, so that what follows begins at a cache line.
int64_t unpooled_bytes(const Conv2dReluMaxPool2d& op) { return blocks_for(unpooled_elements(op) * 4, 256) * 256; }

struct ReluMaxPool {
  Pool2d pool;
  const float* x;
  float* y;
  uint8_t* index;

  __device__ void operator()(int64_t i) const {
    int winner;
    const float best = largest_in_window(pool, x, i, winner);
    y[i] = best <= 0 ? 0 : best;
    if (index != nullptr) index[i] = static_cast<uint8_t>(best > 0 ? winner : Conv2dReluMaxPool2d::cut);
  }
};

void unpool(const Conv2dReluMaxPool2d& op, const float* dy, const uint8_t* index, float* unpooled, const Parallel& parallel) {
  const Pool2d pool{op.conv.N, op.conv.K, op.pool};
  launch_elements(parallel, unpooled_elements(op), MaxPoolBackward<uint8_t>{pool, dy, index, unpooled});
}

}  // namespace

int64_t conv2d_relu_max_pool2d_prepared_bytes(const Conv2dReluMaxPool2d&) { return 0; }
void conv2d_relu_max_pool2d_prepare(const Conv2dReluMaxPool2d&, const float*, void*) {}

int64_t conv2d_relu_max_pool2d_fprop_scratch(const Conv2dReluMaxPool2d& op, const Filters& filters, int workers) {
  return unpooled_bytes(op) + conv2d_fprop_scratch(op.conv, filters, workers);
}
int64_t conv2d_relu_max_pool2d_dgrad_scratch(const Conv2dReluMaxPool2d& op, int workers) {
  return unpooled_bytes(op) + conv2d_dgrad_scratch(op.conv, workers);
}
int64_t conv2d_relu_max_pool2d_wgrad_scratch(const Conv2dReluMaxPool2d& op, int workers) {
  return unpooled_bytes(op) + conv2d_wgrad_scratch(op.conv, workers);
}

void conv2d_relu_max_pool2d_fprop(const Conv2dReluMaxPool2d& op, const float* x, const Filters& filters, const float* b, float* y,
                                  uint8_t* index, void* scratch, const Parallel& parallel) {
  float* const unpooled = static_cast<float*>(scratch);
  conv2d_fprop(op.conv, x, filters, b, unpooled, static_cast<char*>(scratch) + unpooled_bytes(op), parallel);
  const Pool2d pool{op.conv.N, op.conv.K, op.pool};
  launch_elements(parallel, pool.N * op.pool.P * op.pool.Q * pool.C, ReluMaxPool{pool, unpooled, y, index});
}

void conv2d_relu_max_pool2d_dgrad(const Conv2dReluMaxPool2d& op, const float* dy, const uint8_t* index, const float* w, float* dx,
                                  void* scratch, const Parallel& parallel) {
  float* const unpooled = static_cast<float*>(scratch);
  unpool(op, dy, index, unpooled, parallel);
  conv2d_dgrad(op.conv, unpooled, w, dx, static_cast<char*>(scratch) + unpooled_bytes(op), parallel);
}

void conv2d_relu_max_pool2d_wgrad(const Conv2dReluMaxPool2d& op, const float* x, const float* dy, const uint8_t* index, float* dw,
                                  float* db, void* scratch, const Parallel& parallel) {
  float* const unpooled = static_cast<float*>(scratch);
  unpool(op, dy, index, unpooled, parallel);
  conv2d_wgrad(op.conv, x, unpooled, dw, db, static_cast<char*>(scratch) + unpooled_bytes(op), parallel);
}

}  // namespace fastcnn::cuda
