// depthwise_conv2d and its gradient by x (ops/depthwise_conv2d.h has the mathematics): vectors over the K = C * M output channels.
//
// Both are one sweep: an output pixel is a sum over taps of a pixel of the input times a row of w. Forward the input is x; for dx it is dy,
// and w's rows come in falling order, those of one residue of the stride (taps.h). A tile is up to 8 output pixels of a row that share
// their taps, one vector each; a row is cut into tiles of nearly one size. Where the pixels' taps overlap (stride 1) and are 3 or 5 in a
// row, each input is read once for all of them, T + S - 1 loads for T * S multiply-adds; else per tap one vector of w and T of the input
// for T multiply-adds. All of a tile's channels follow each other, so that what it reads of an image lies in one stretch a row. A task is
// one row of outputs.
//
// With M > 1, each channel of x is written M times, side by side, and the rest is the case M = 1; back, dx is the sum over the M.
#include "ops/depthwise_conv2d.h"

#include "cpu/repeated_channels.h"
#include "cpu/simd.h"
#include "cpu/taps.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

constexpr int tile_pixels = 8;

// What the pixels of a tile share: the taps, and the floats from one to the next in the input and in w.
struct TileTaps {
  int64_t rows, columns;
  int64_t in_row, w_row, w_column;
  int64_t K;
  int64_t in_step, out_step;  // floats from pixel to pixel
};

// S: the taps in a row where the inputs of neighbouring pixels are neighbours; 0 for any.
template <int T, int S, bool whole>
FASTCNN_INLINE void tile_of_vectors(const TileTaps& taps, const float* in, const float* w, const float* bias, float* out, int64_t count) {
  const auto read = [count](const float* from) { return whole ? load(from) : load_first(from, count); };
  Vec sums[T];
#pragma GCC unroll 8
  for (int t = 0; t < T; ++t) sums[t] = bias == nullptr ? Vec{} : read(bias);
  for (int64_t r = 0; r < taps.rows; ++r) {
    const float* from = in + r * taps.in_row;
    const float* weights = w + r * taps.w_row;
    if constexpr (S > 0) {
      Vec row[S];
#pragma GCC unroll 8
      for (int s = 0; s < S; ++s) row[s] = read(weights + s * taps.w_column);
#pragma GCC unroll 16
      for (int i = 0; i < T + S - 1; ++i) {
        const Vec input = read(from + i * taps.K);
#pragma GCC unroll 8
        for (int s = 0; s < S; ++s)
          if (i - s >= 0 && i - s < T) sums[i - s] += input * row[s];
      }
    } else {
      for (int64_t s = 0; s < taps.columns; ++s, from += taps.K, weights += taps.w_column) {
        const Vec weight = read(weights);
#pragma GCC unroll 8
        for (int t = 0; t < T; ++t) sums[t] += read(from + t * taps.in_step) * weight;
      }
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < T; ++t) {
    if (whole)
      store(out + t * taps.out_step, sums[t]);
    else
      store_first(out + t * taps.out_step, sums[t], count);
  }
}

// T pixels, all channels.
template <int T, int S>
__attribute__((noinline)) void tile(const TileTaps& taps, const float* in, const float* w, const float* bias, float* out) {
  int64_t k = 0;
  for (; k + lanes <= taps.K; k += lanes)
    tile_of_vectors<T, S, true>(taps, in + k, w + k, bias == nullptr ? bias : bias + k, out + k, lanes);
  if (k < taps.K) tile_of_vectors<T, S, false>(taps, in + k, w + k, bias == nullptr ? bias : bias + k, out + k, taps.K - k);
}

using TileFunction = void (*)(const TileTaps&, const float*, const float*, const float*, float*);

template <int S, int T = tile_pixels>
TileFunction tile_of(int64_t pixels) {
  if constexpr (T > 1) {
    if (pixels < T) return tile_of<S, T - 1>(pixels);
  }
  return tile<T, S>;
}

TileFunction tile_function(const TileTaps& taps, int64_t pixels) {
  const bool overlap = taps.in_step == taps.K;
  return overlap && taps.columns == 3 ? tile_of<3>(pixels) : overlap && taps.columns == 5 ? tile_of<5>(pixels) : tile_of<0>(pixels);
}

// `pixels` of them.
void tiles(const TileTaps& taps, int64_t pixels, const float* in, const float* w, const float* bias, float* out) {
  const int64_t count = ceil_div(pixels, tile_pixels), small = pixels / count;
  const TileFunction functions[2] = {tile_function(taps, small), tile_function(taps, min(small + 1, tile_pixels))};
  for (int64_t i = 0, begin = 0; i < count; ++i) {
    const int64_t end = (i + 1) * pixels / count;
    functions[end - begin - small](taps, in + begin * taps.in_step, w, bias, out + begin * taps.out_step);
    begin = end;
  }
}

// The rows of w that the taps of an axis meet: tap number i of a phase is row first_of(phase) + i * step.
struct WeightRows {
  int64_t taps, stride;
  bool backward;

  int64_t step() const { return backward ? -stride : 1; }
  int64_t first_of(int64_t phase) const { return backward ? phase + stride * (taps_of_phase(taps, stride, phase) - 1) : 0; }
};

struct Sweep {
  int64_t N, K;
  int64_t in_height, in_width, out_height, out_width;
  int64_t in_step, out_step;  // from one pixel of a class to the next along a row, in pixels
  Axis rows, columns;
  WeightRows w_rows, w_columns;
  int64_t S;
};

void run(const Sweep& sweep, const float* in, const float* w, const float* bias, float* out, const Parallel& parallel) {
  const int64_t K = sweep.K;
  parallel_for(parallel, sweep.N * sweep.rows.size, [&](int64_t task, int) {
    const int64_t n = task / sweep.rows.size;
    const AxisEntry& row = sweep.rows.entries[task % sweep.rows.size];
    const float* const in_row = in + (n * sweep.in_height + row.in) * sweep.in_width * K;
    float* const out_row = out + (n * sweep.out_height + row.out) * sweep.out_width * K;
    const float* const w_row = w + (sweep.w_rows.first_of(row.phase) + row.first * sweep.w_rows.step()) * sweep.S * K;
    for (int64_t group = 0; group < sweep.columns.group_count; ++group) {
      const AxisGroup& columns = sweep.columns.groups[group];
      const AxisEntry& first = sweep.columns.entries[columns.begin];
      const TileTaps taps{row.count, columns.count,     sweep.in_width * K, sweep.w_rows.step() * sweep.S * K, sweep.w_columns.step() * K,
                          K,         sweep.in_step * K, sweep.out_step * K};
      const float* const weights = w_row + (sweep.w_columns.first_of(columns.phase) + columns.first * sweep.w_columns.step()) * K;
      tiles(taps, columns.end - columns.begin, in_row + first.in * K, weights, bias, out_row + first.out * K);
    }
  });
}

}  // namespace

int64_t depthwise_conv2d_fprop_scratch(const DepthwiseConv2d& conv) {
  return axis_scratch(conv.window.P) + axis_scratch(conv.window.Q) + repeated_bytes(conv);
}

int64_t depthwise_conv2d_dgrad_scratch(const DepthwiseConv2d& conv) {
  return axis_scratch(conv.window.H) + axis_scratch(conv.window.W) + repeated_bytes(conv);
}

void depthwise_conv2d_fprop(const DepthwiseConv2d& conv, const float* x, const float* w, const float* b, float* y, void* scratch,
                            const Parallel& parallel) {
  const Window& win = conv.window;
  Carver carver(scratch);
  Sweep sweep{conv.N, conv.C * conv.M, win.H, win.W, win.P, win.Q, win.stride_w, 1, {}, {}, {win.R, 1, false}, {win.S, 1, false}, win.S};
  sweep.rows = forward_axis(carver, win.P, win.H, win.R, win.stride_h, win.top);
  sweep.columns = forward_axis(carver, win.Q, win.W, win.S, win.stride_w, win.left);
  run(sweep, repeated(conv, x, carver, parallel), w, b, y, parallel);
}

void depthwise_conv2d_dgrad(const DepthwiseConv2d& conv, const float* dy, const float* w, float* dx, void* scratch,
                            const Parallel& parallel) {
  const Window& win = conv.window;
  Carver carver(scratch);
  Sweep sweep{conv.N,
              conv.C * conv.M,
              win.P,
              win.Q,
              win.H,
              win.W,
              1,
              win.stride_w,
              {},
              {},
              {win.R, win.stride_h, true},
              {win.S, win.stride_w, true},
              win.S};
  sweep.rows = backward_axis(carver, win.H, win.P, win.R, win.stride_h, win.top);
  sweep.columns = backward_axis(carver, win.W, win.Q, win.S, win.stride_w, win.left);
  if (conv.M == 1) return run(sweep, dy, w, nullptr, dx, parallel);
  float* const repeats = carver.take<float>(repeated_floats(conv));
  run(sweep, dy, w, nullptr, repeats, parallel);
  add_repeats(conv, repeats, dx, parallel);
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
