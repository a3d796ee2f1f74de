// average_pool2d (ops/average_pool2d.h): vectors over channels. A task is one row of outputs forward, one image backward.
#include "ops/average_pool2d.h"

#include "cpu/pool.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {

void average_pool2d_forward(const Pool2d& pool, const float* x, float* y, const Parallel& parallel) {
  const Window& win = pool.window;
  parallel_for(parallel, pool.N * win.P, [&](int64_t task, int) {
    const int64_t n = task / win.P, p = task % win.P;
    const Span rows = span(p, win.stride_h, win.top, win.R, win.H);
    for (int64_t q = 0; q < win.Q; ++q) {
      const Span columns = span(q, win.stride_w, win.left, win.S, win.W);
      const float* corner = x + ((n * win.H + rows.start) * win.W + columns.start) * pool.C;
      const float weight = 1.0f / static_cast<float>((rows.end - rows.first) * (columns.end - columns.first));
      for (int64_t c = 0; c < pool.C; c += lanes) {
        const int64_t count = min(lanes, pool.C - c);
        Vec total = {};
        for (int64_t r = rows.first; r < rows.end; ++r) {
          Vec row = {};  // row by row, so that rounding grows with the window's side
          for (int64_t s = columns.first; s < columns.end; ++s) row += load_lanes(corner + (r * win.W + s) * pool.C + c, count);
          total += row;
        }
        store_lanes(y + (task * win.Q + q) * pool.C + c, total * weight, count);
      }
    }
  });
}

void average_pool2d_backward(const Pool2d& pool, const float* dy, float* dx, const Parallel& parallel) {
  const Window& win = pool.window;
  const int64_t image = win.H * win.W * pool.C;
  parallel_for(parallel, pool.N, [&](int64_t n, int) {
    __builtin_memset(dx + n * image, 0, static_cast<size_t>(image) * sizeof(float));
    for (int64_t p = 0; p < win.P; ++p) {
      const Span rows = span(p, win.stride_h, win.top, win.R, win.H);
      for (int64_t q = 0; q < win.Q; ++q) {
        const Span columns = span(q, win.stride_w, win.left, win.S, win.W);
        float* corner = dx + ((n * win.H + rows.start) * win.W + columns.start) * pool.C;
        const float weight = 1.0f / static_cast<float>((rows.end - rows.first) * (columns.end - columns.first));
        for (int64_t c = 0; c < pool.C; c += lanes) {
          const int64_t count = min(lanes, pool.C - c);
          const Vec share = load_lanes(dy + ((n * win.P + p) * win.Q + q) * pool.C + c, count) * weight;
          for (int64_t r = rows.first; r < rows.end; ++r) {
            for (int64_t s = columns.first; s < columns.end; ++s) {
              float* to = corner + (r * win.W + s) * pool.C + c;
              store_lanes(to, load_lanes(to, count) + share, count);
            }
          }
        }
      }
    }
  });
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
