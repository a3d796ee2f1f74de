// What the two poolings share: the windows over a pixel, and the pixels under a window.
#pragma once

#include "cuda/element.cuh"
#include "ops/max_pool2d.h"

namespace fastcnn::cuda {

// Numbers in [begin, end).
struct Span {
  int begin, end;
};

// The elements of window `output` that lie in the image, along one axis.
__device__ inline Span inside(int output, int64_t stride, int64_t pad, int64_t window, int64_t inputs) {
  const int start = static_cast<int>(output * stride - pad);
  return {max(0, -start), min(static_cast<int>(window), static_cast<int>(inputs) - start)};
}

// The windows that hold input `h`, along one axis.
__device__ inline Span windows_over(int h, int64_t stride, int64_t pad, int64_t window, int64_t outputs) {
  const int from = static_cast<int>(h + pad - window), step = static_cast<int>(stride);
  return {from < 0 ? 0 : from / step + 1, min(static_cast<int>(outputs), static_cast<int>(h + pad) / step + 1)};
}

// The pixels under window i: those of `rows` and `columns`, (r, s) at corner + (r * W + s) * C.
struct PixelsUnder {
  Span rows, columns;
  int64_t corner;
};

__device__ inline PixelsUnder pixels_under(const Pool2d& pool, int64_t i) {
  const Window& win = pool.window;
  const Element at = element_of(i, win.P, win.Q, pool.C);
  return {inside(at.h, win.stride_h, win.top, win.R, win.H), inside(at.w, win.stride_w, win.left, win.S, win.W),
          ((at.n * win.H + at.h * win.stride_h - win.top) * win.W + at.w * win.stride_w - win.left) * pool.C + at.c};
}

// Element i of dx: the sum of share(output, p, q, place) over the windows (p, q) that hold it, in their order; output: the window's number;
// place: where in the window it lies, r * S + s.
template <class Share>
__device__ float sum_over_windows(const Pool2d& pool, int64_t i, const Share& share) {
  const Window& win = pool.window;
  const Element at = element_of(i, win.H, win.W, pool.C);
  const Span rows = windows_over(at.h, win.stride_h, win.top, win.R, win.P),
             columns = windows_over(at.w, win.stride_w, win.left, win.S, win.Q);
  float total = 0;
  for (int p = rows.begin; p < rows.end; ++p) {
    for (int q = columns.begin; q < columns.end; ++q) {
      const int64_t r = at.h + win.top - p * win.stride_h, s = at.w + win.left - q * win.stride_w;
      total += share(((at.n * win.P + p) * win.Q + q) * pool.C + at.c, p, q, r * win.S + s);
    }
  }
  return total;
}

// The largest value of window i, and its place in the window; a NaN is larger than anything, the first of equals wins.
__device__ inline float largest_in_window(const Pool2d& pool, const float* x, int64_t i, int& winner) {
  const Window& win = pool.window;
  const PixelsUnder under = pixels_under(pool, i);
  float best = x[under.corner + (under.rows.begin * win.W + under.columns.begin) * pool.C];
  winner = static_cast<int>(under.rows.begin * win.S + under.columns.begin);
  for (int r = under.rows.begin; r < under.rows.end; ++r) {
    for (int s = under.columns.begin; s < under.columns.end; ++s) {
      const float v = x[under.corner + (r * win.W + s) * pool.C];
      if (v <= best || best != best) continue;
      best = v;
      winner = static_cast<int>(r * win.S + s);
    }
  }
  return best;
}

// dy goes to the winner of its window.
template <class Index>
struct MaxPoolBackward {
  Pool2d pool;
  const float* dy;
  const Index* index;
  float* dx;

  __device__ void operator()(int64_t i) const {
    dx[i] = sum_over_windows(pool, i, [&](int64_t output, int, int, int64_t place) { return index[output] == place ? dy[output] : 0.0f; });
  }
};

}  // namespace fastcnn::cuda
