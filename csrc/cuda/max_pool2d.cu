// max_pool2d (ops/max_pool2d.h): one thread an element, neighbours along the channels. Backward a thread owns one element of dx and asks
// the windows over it in their order whether it won: no atomics, the same sum every time.
#include "ops/max_pool2d.h"

#include "cuda/pool.cuh"

namespace fastcnn::cuda {
namespace {

struct Forward {
  Pool2d pool;
  const float* x;
  float* y;
  uint16_t* index;

  __device__ void operator()(int64_t i) const {
    int winner;
    y[i] = largest_in_window(pool, x, i, winner);
    if (index != nullptr) index[i] = static_cast<uint16_t>(winner);
  }
};

}  // namespace

void max_pool2d_forward(const Pool2d& pool, const float* x, float* y, uint16_t* index, const Parallel& parallel) {
  launch_elements(parallel, pool.N * pool.window.P * pool.window.Q * pool.C, Forward{pool, x, y, index});
}

void max_pool2d_backward(const Pool2d& pool, const float* dy, const uint16_t* index, float* dx, const Parallel& parallel) {
  launch_elements(parallel, pool.N * pool.window.H * pool.window.W * pool.C, MaxPoolBackward<uint16_t>{pool, dy, index, dx});
}

}  // namespace fastcnn::cuda
