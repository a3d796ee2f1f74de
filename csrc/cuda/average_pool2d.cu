// average_pool2d (ops/average_pool2d.h): one thread an element of y forward, of dx backward, as in max_pool2d.cu.
#include "ops/average_pool2d.h"

#include "cuda/pool.cuh"

namespace fastcnn::cuda {
namespace {

__device__ float weight_of(const Span& rows, const Span& columns) {
  return 1.0f / static_cast<float>((rows.end - rows.begin) * (columns.end - columns.begin));
}

struct Forward {
  Pool2d pool;
  const float* x;
  float* y;

  __device__ void operator()(int64_t i) const {
    const PixelsUnder under = pixels_under(pool, i);
    float total = 0;
    for (int r = under.rows.begin; r < under.rows.end; ++r) {
      float row = 0;  // row by row, so that rounding grows with the window's side
      for (int s = under.columns.begin; s < under.columns.end; ++s) row += x[under.corner + (r * pool.window.W + s) * pool.C];
      total += row;
    }
    y[i] = total * weight_of(under.rows, under.columns);
  }
};

struct Backward {
  Pool2d pool;
  const float* dy;
  float* dx;

  __device__ void operator()(int64_t i) const {
    dx[i] = sum_over_windows(pool, i, [&](int64_t output, int p, int q, int64_t) {
      const Window& win = pool.window;
      return dy[output] * weight_of(inside(p, win.stride_h, win.top, win.R, win.H), inside(q, win.stride_w, win.left, win.S, win.W));
    });
  }
};

}  // namespace

void average_pool2d_forward(const Pool2d& pool, const float* x, float* y, const Parallel& parallel) {
  launch_elements(parallel, pool.N * pool.window.P * pool.window.Q * pool.C, Forward{pool, x, y});
}

void average_pool2d_backward(const Pool2d& pool, const float* dy, float* dx, const Parallel& parallel) {
  launch_elements(parallel, pool.N * pool.window.H * pool.window.W * pool.C, Backward{pool, dy, dx});
}

}  // namespace fastcnn::cuda
