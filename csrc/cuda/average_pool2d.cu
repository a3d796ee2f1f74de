// average_pool2d (ops/average_pool2d.h): one thread an element of y forward, of dx backward, as in max_pool2d.cu.
#include "ops/average_pool2d.h"

#include "cuda/pool.cuh"

namespace fastcnn::cuda {
namespace {

__device__ float weight_of(const Range& rows, const Range& columns) {
  return 1.0f / static_cast<float>((rows.end - rows.begin) * (columns.end - columns.begin));
}

struct Forward {
  Pool2d pool;
  const float* x;
  float* y;

  __device__ void operator()(int64_t i) const {
    const Window& win = pool.window;
    const Element at = element_of(i, win.P, win.Q, pool.C);
    const Range rows = inside(at.h, win.stride_h, win.top, win.R, win.H), columns = inside(at.w, win.stride_w, win.left, win.S, win.W);
    const float* corner = x + ((at.n * win.H + at.h * win.stride_h - win.top) * win.W + at.w * win.stride_w - win.left) * pool.C + at.c;
    float total = 0;
    for (int r = rows.begin; r < rows.end; ++r) {
      float row = 0;  // row by row, so that rounding grows with the window's side
      for (int s = columns.begin; s < columns.end; ++s) row += corner[(r * win.W + s) * pool.C];
      total += row;
    }
    y[i] = total * weight_of(rows, columns);
  }
};

struct Backward {
  Pool2d pool;
  const float* dy;
  float* dx;

  __device__ void operator()(int64_t i) const {
    const Window& win = pool.window;
    const Element at = element_of(i, win.H, win.W, pool.C);
    const Range rows = windows_over(at.h, win.stride_h, win.top, win.R, win.P),
                columns = windows_over(at.w, win.stride_w, win.left, win.S, win.Q);
    float total = 0;
    for (int p = rows.begin; p < rows.end; ++p) {
      for (int q = columns.begin; q < columns.end; ++q) {
        const float weight = weight_of(inside(p, win.stride_h, win.top, win.R, win.H), inside(q, win.stride_w, win.left, win.S, win.W));
        total += dy[((at.n * win.P + p) * win.Q + q) * pool.C + at.c] * weight;
      }
    }
    dx[i] = total;
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
