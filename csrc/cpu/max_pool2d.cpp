// max_pool2d (ops/max_pool2d.h): vectors over channels. A task is one row of outputs forward, one image backward.
//
// Forward, a vector of maxima and one of their positions pass over the window. Backward, where windows do not overlap, each pixel of dx is
// written once, with dy or 0; where they do, dx is cleared and each window adds to its winner.
#include "ops/max_pool2d.h"

#include "cpu/pool.h"
#include "cpu/small_integers.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

// Gradients of a window's last channels, fewer than a vector has lanes, each to its winner by itself: what a masked vector has written the
// next, which overlaps it, would wait for. window: its first pixel, and what of it lies in the image.
void scatter(const Pool2d& pool, const Span& rows, const Span& columns, const float* dy, const uint16_t* index, int64_t count,
             float* window) {
  const auto S = static_cast<uint32_t>(pool.window.S);
  for (int64_t c = 0; c < count; ++c) {
    const int64_t r = index[c] / S, s = index[c] % S;
    if (rows.has(r) && columns.has(s)) window[(r * pool.window.W + s) * pool.C + c] += dy[c];
  }
}

}  // namespace

void max_pool2d_forward(const Pool2d& pool, const float* x, float* y, uint16_t* index, const Parallel& parallel) {
  const Window& win = pool.window;
  parallel_for(parallel, pool.N * win.P, [&](int64_t task, int) {
    const int64_t n = task / win.P, p = task % win.P;
    const Span rows = span(p, win.stride_h, win.top, win.R, win.H);
    for (int64_t q = 0; q < win.Q; ++q) {
      const Span columns = span(q, win.stride_w, win.left, win.S, win.W);
      const float* corner = x + ((n * win.H + rows.start) * win.W + columns.start) * pool.C;
      const int64_t output = (task * win.Q + q) * pool.C;
      for (int64_t c = 0; c < pool.C; c += lanes) {
        const int64_t count = min(lanes, pool.C - c);
        Vec best = load_lanes(corner + (rows.first * win.W + columns.first) * pool.C + c, count);
        IntVec winner = IntVec{} + static_cast<int32_t>(rows.first * win.S + columns.first);
        for (int64_t r = rows.first; r < rows.end; ++r) {
          for (int64_t s = columns.first; s < columns.end; ++s) {
            const Vec v = load_lanes(corner + (r * win.W + s) * pool.C + c, count);
            const IntVec wins = ~(v <= best) & (best == best);  // larger, or the first NaN
            best = select(wins, v, best);
            winner = wins ? IntVec{} + static_cast<int32_t>(r * win.S + s) : winner;
          }
        }
        store_lanes(y + output + c, best, count);
        if (index != nullptr) store_small(index + output + c, winner, count);
      }
    }
  });
}

void max_pool2d_backward(const Pool2d& pool, const float* dy, const uint16_t* index, float* dx, const Parallel& parallel) {
  const Window& win = pool.window;
  const bool apart = win.stride_h >= win.R && win.stride_w >= win.S;
  const bool covered = apart && win.top == 0 && win.left == 0 && win.stride_h == win.R && win.stride_w == win.S && win.P * win.R == win.H &&
                       win.Q * win.S == win.W;
  const int64_t image = win.H * win.W * pool.C;
  parallel_for(parallel, pool.N, [&](int64_t n, int) {
    if (!covered) __builtin_memset(dx + n * image, 0, static_cast<size_t>(image) * sizeof(float));
    for (int64_t p = 0; p < win.P; ++p) {
      const Span rows = span(p, win.stride_h, win.top, win.R, win.H);
      for (int64_t q = 0; q < win.Q; ++q) {
        const Span columns = span(q, win.stride_w, win.left, win.S, win.W);
        float* corner = dx + ((n * win.H + rows.start) * win.W + columns.start) * pool.C;
        const int64_t output = ((n * win.P + p) * win.Q + q) * pool.C;
        for (int64_t c = 0; c < pool.C; c += lanes) {
          const int64_t count = min(lanes, pool.C - c);
          if (count < lanes && !apart) {
            scatter(pool, rows, columns, dy + output + c, index + output + c, count, corner + c);
            continue;
          }
          const Vec gradient = load_lanes(dy + output + c, count);
          const IntVec winner = load_small(index + output + c, count);
          for (int64_t r = rows.first; r < rows.end; ++r) {
            for (int64_t s = columns.first; s < columns.end; ++s) {
              float* to = corner + (r * win.W + s) * pool.C + c;
              const Vec won = select(winner == IntVec{} + static_cast<int32_t>(r * win.S + s), gradient, Vec{});
              store_lanes(to, apart ? won : load_lanes(to, count) + won, count);
            }
          }
        }
      }
    }
  });
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
