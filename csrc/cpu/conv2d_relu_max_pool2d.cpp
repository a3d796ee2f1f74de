// conv2d_relu_max_pool2d forward (ops/conv2d_relu_max_pool2d.h).
//
// With the usual pooling, 2x2 pixels a window, 3x3 filters may go by Winograd's tiles, each a window (winograd.h), and others by tiles of
// whole windows, which are pooled in registers. Otherwise:
//
// A task is a band of pooled rows of one image: the convolution's rows that they look at go into the worker's scratch memory (some 30 KB:
// the L1 or L2 cache), tile by tile as in conv2d, and are pooled from there. What no pooling window looks at, a ragged last row or column,
// is not computed.
#include "ops/conv2d_relu_max_pool2d.h"

#include "cpu/laid_out.h"
#include "cpu/pool.h"
#include "cpu/prepared_filters.h"
#include "cpu/sliding.h"
#include "cpu/small_integers.h"
#include "cpu/winograd.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

constexpr int64_t band_floats = 8192;

// The convolution's rows, or columns, that pooled ones [first, end) look at.
struct Range {
  int64_t begin, end;
};

Range looked_at(int64_t first, int64_t end, int64_t stride, int64_t pad, int64_t window, int64_t inputs) {
  return {max(0, first * stride - pad), min(inputs, (end - 1) * stride - pad + window)};
}

int64_t band_rows(const Conv2dReluMaxPool2d& op) {
  return max(1, min(op.pool.P, band_floats / max(1, op.pool.stride_h * op.pool.W * op.conv.K)));
}

// Rows of the convolution in the scratch of one worker.
int64_t scratch_rows(const Conv2dReluMaxPool2d& op) { return min(op.pool.H, (band_rows(op) - 1) * op.pool.stride_h + op.pool.R); }

// The part of a group whose outputs lie in the range; they are in rising order.
AxisGroup within(const Axis& axis, const AxisGroup& group, const Range& range) {
  AxisGroup part = group;
  while (part.begin < part.end && axis.entries[part.begin].out < range.begin) ++part.begin;
  while (part.begin < part.end && axis.entries[part.end - 1].out >= range.end) --part.end;
  return part;
}

// One band of the convolution, into out[row - rows.begin][column][k].
void convolve(const SlidingProduct& image, const Window& win, int64_t C, const Range& rows, const Range& columns) {
  for (int64_t i = 0; i < image.rows.group_count; ++i) {
    for (int64_t j = 0; j < image.columns.group_count; ++j) {
      const AxisGroup row_part = within(image.rows, image.rows.groups[i], rows),
                      column_part = within(image.columns, image.columns.groups[j], columns);
      if (row_part.begin == row_part.end || column_part.begin == column_part.end) continue;
      const PixelClass cls = pixel_class(image, row_part, column_part, (row_part.first * win.S + column_part.first) * C, win.S * C);
      for (int64_t block = 0; block < blocks_of(image.out_channels); ++block) run_tiles(image, cls, block, 0, cls.tiles);
    }
  }
}

bool whole(const Span& span, int64_t window) { return span.first == 0 && span.end == window; }

// The largest of a window so far, and its place; the first of equals, and the first NaN.
struct Winner {
  Vec best;
  IntVec place;
};

FASTCNN_INLINE Winner winner_of_one(Vec v, int64_t place) { return {v, IntVec{} + static_cast<int32_t>(place)}; }

FASTCNN_INLINE void challenge(Winner& winner, Vec v, int64_t place) {
  const IntVec wins = ~(v <= winner.best) & (winner.best == winner.best);  // larger, or the first NaN
  winner.best = select(wins, v, winner.best);
  winner.place = wins ? IntVec{} + static_cast<int32_t>(place) : winner.place;
}

FASTCNN_INLINE uint8_t* place_in(uint8_t* index, int64_t offset) { return index == nullptr ? nullptr : index + offset; }

// What passes the ReLU, and, unless index is null, its place.
FASTCNN_INLINE void store_winner(const Winner& winner, int64_t count, float* y, uint8_t* index) {
  const IntVec passes = winner.best > Vec{};
  store_lanes(y, select(winner.best <= Vec{}, Vec{}, winner.best), count);
  if (index != nullptr) store_small(index, passes ? winner.place : IntVec{} + Conv2dReluMaxPool2d::cut, count);
}

// The same for the four of a window of 2x2, by fewer instructions: what is not above 0, or a NaN, needs no place.
FASTCNN_INLINE void store_largest(Vec a, Vec b, Vec c, Vec d, int64_t count, float* y, uint8_t* index) {
  const Vec first = b > a ? b : a, second = d > c ? d : c, best = second > first ? second : first;  // a NaN in a stays
  if (__builtin_expect(any_nan(best, b, c, d), false)) {
    Winner winner = winner_of_one(a, 0);
    challenge(winner, b, 1);
    challenge(winner, c, 2);
    challenge(winner, d, 3);
    return store_winner(winner, count, y, index);
  }
  store_lanes(y, best > Vec{} ? best : Vec{}, count);
  if (index == nullptr) return;
  static constexpr int32_t places[4] = {1, 2, 3, Conv2dReluMaxPool2d::cut};
  const int32_t* const numbers = opaque(places);  // from memory: a number out of a register would take the comparisons' unit
  IntVec place = c == best ? IntVec{} + numbers[1] : IntVec{} + numbers[2];
  place = b == best ? IntVec{} + numbers[0] : place;
  place = a == best ? IntVec{} : place;
  store_small(index, best > Vec{} ? place : IntVec{} + numbers[3], count);
}

// `from` points to the window's element (0, 0).
FASTCNN_INLINE void pool_window(const float* from, int64_t row, int64_t column, const Span& rows, const Span& columns, int64_t S,
                                int64_t count, float* y, uint8_t* index) {
  Winner winner = winner_of_one(load_lanes(from + rows.first * row + columns.first * column, count), rows.first * S + columns.first);
#pragma GCC unroll 2
  for (int64_t r = rows.first; r < rows.end; ++r) {
#pragma GCC unroll 2
    for (int64_t s = columns.first; s < columns.end; ++s) challenge(winner, load_lanes(from + r * row + s * column, count), r * S + s);
  }
  store_winner(winner, count, y, index);
}

// Whether it may go by whole windows, whose four pixels are pooled in registers: where there are registers for enough of them, and where
// all its taps lie in the image.
bool goes_by_windows(const Conv2dReluMaxPool2d& op) {
  const Window& win = op.conv.window;
  const bool unpadded =
      win.top == 0 && win.left == 0 && (win.P - 1) * win.stride_h + win.R <= win.H && (win.Q - 1) * win.stride_w + win.S <= win.W;
  return tile_rows >= 8 && is_usual(op.pool) && unpadded;
}

// The tiles of whole windows by which the convolution goes, as they were prepared, or as they pay for this batch; m is 0 for none.
Grid tiles_of(const Conv2dReluMaxPool2d& op, const Filters& filters = {nullptr}) {
  Conv2d conv = op.conv;
  if (filters.prepared != nullptr) conv.N = filters.images;
  if (!is_usual(op.pool)) return {0, 0, 0};
  return winograd::grid(conv, 2 * op.pool.P, 2 * op.pool.Q, goes_by_windows(op) ? winograd::of_pixels : winograd::of_bands);
}

// Pools a tile's outputs in registers.
template <int M>
void fprop_by_tiles(const Conv2dReluMaxPool2d& op, const Grid& grid, const float* x, const Filters& filters, const float* b, float* y,
                    uint8_t* index, void* scratch, const Parallel& parallel) {
  const Window& pool = op.pool;
  const int64_t K = op.conv.K;
  winograd::fprop<M>(
      op.conv, grid, x, filters, b, scratch, parallel, [&](const Tile& tile, int64_t k, int64_t count, const Vec(&outputs)[M* M]) {
#pragma GCC unroll 4
        for (int64_t i = 0; i < M * M / 4; ++i) {
          const int64_t row = i / (M / 2), column = i % (M / 2), p = tile.row * (M / 2) + row, q = tile.column * (M / 2) + column;
          if (p >= pool.P || q >= pool.Q) continue;
          const Vec* const corner = outputs + 2 * (row * M + column);
          const int64_t output = ((tile.n * pool.P + p) * pool.Q + q) * K + k;
          store_largest(corner[0], corner[1], corner[M], corner[M + 1], count, y + output, place_in(index, output));
        }
      });
}

constexpr int tile_windows = tile_rows / 4 > 0 ? tile_rows / 4 : 1;

// The inputs of some windows' pixels, four by four; those of a window share two pointers, for its rows.
template <int Windows>
struct WindowInputs {
  const float* tops[Windows];
  const float* bottoms[Windows];
  int64_t across;  // floats from pixel to pixel

  WindowInputs(const float* const* corners, int64_t right, int64_t down) : across(right) {
#pragma GCC unroll 4
    for (int i = 0; i < Windows; ++i) {
      tops[i] = corners[i];
      bottoms[i] = corners[i] + down;
    }
  }
  float operator()(int pixel, int64_t j) const {
    const float* const row = pixel % 4 < 2 ? tops[pixel / 4] : bottoms[pixel / 4];
    return row[pixel % 2 == 0 ? j : j + across];
  }
};

// Some windows, side by side in y and index, `step` apart. corners: where the windows begin in x; across, down: to their other pixels.
template <int Windows, int V>
void pool_tile(const TileProduct& product, const float* const* corners, int64_t across, int64_t down, int64_t step, float* y,
               uint8_t* index) {
  Vec sums[4 * Windows][V];
  sum_products(product, WindowInputs<Windows>(corners, across, down), sums);
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    const Vec bias = bias_of(product, v);
    const int64_t count = min(product.columns - v * lanes, lanes);
#pragma GCC unroll 4
    for (int i = 0; i < Windows; ++i) {
      store_largest(sums[4 * i][v] + bias, sums[4 * i + 1][v] + bias, sums[4 * i + 2][v] + bias, sums[4 * i + 3][v] + bias, count,
                    y + i * step + v * lanes, place_in(index, i * step + v * lanes));
    }
  }
}

using PoolTile = void (*)(const TileProduct&, const float* const*, int64_t, int64_t, int64_t, float*, uint8_t*);

template <int Windows = tile_windows>
PoolTile pool_tile_function(int64_t windows, int64_t vectors) {
  if constexpr (Windows > 1) {
    if (windows < Windows) return pool_tile_function<Windows - 1>(windows, vectors);
  }
  return vectors == 1 ? pool_tile<Windows, 1> : pool_tile<Windows, 2>;
}

// All windows [first, end) of all images, over weights in panels.
void fprop_windows(const Conv2dReluMaxPool2d& op, const float* x, const float* panels, const float* b, int64_t first, int64_t end, float* y,
                   uint8_t* index) {
  const Conv2d& conv = op.conv;
  const Window& win = conv.window;
  const int64_t K = conv.K, rows = win.R * win.S * conv.C, across = win.stride_w * conv.C, down = win.stride_h * win.W * conv.C;
  for (int64_t block = 0; block < blocks_of(K); ++block) {
    const int64_t width = panel_width(K, block), first_k = block * tile_columns;
    const TileProduct product{win.R,
                              win.S * conv.C,
                              win.W * conv.C,
                              panels + first_k * rows,
                              win.S * conv.C * width,
                              width,
                              b == nullptr ? nullptr : b + first_k,
                              min(K - first_k, tile_columns)};
    const Grid windows_of{2, op.pool.P, op.pool.Q};
    Tile window(windows_of, first);
    for (int64_t at = first; at < end;) {
      const int64_t windows = min(tile_windows, end - at);
      const float* corners[tile_windows];
      for (int64_t i = 0; i < windows; ++i, window.advance(windows_of))
        corners[i] = x + window.n * win.H * win.W * conv.C + 2 * window.row * down + 2 * window.column * across;
      pool_tile_function(windows, width / lanes)(product, corners, across, down, K, y + at * K + first_k,
                                                 place_in(index, at * K + first_k));
      at += windows;
    }
  }
}

}  // namespace

int64_t conv2d_relu_max_pool2d_prepared_bytes(const Conv2dReluMaxPool2d& op) { return prepared_bytes(op.conv, tiles_of(op)); }

void conv2d_relu_max_pool2d_prepare(const Conv2dReluMaxPool2d& op, const float* w, void* to) {
  prepare_filters(op.conv, tiles_of(op), w, to);
}

int64_t conv2d_relu_max_pool2d_fprop_scratch(const Conv2dReluMaxPool2d& op, const Filters& filters, int workers) {
  if (const Grid grid = tiles_of(op, filters); grid.m > 0) return winograd::scratch(op.conv, grid, workers);
  const Window& win = op.conv.window;
  return axis_scratch(win.P) + axis_scratch(win.Q) + laid_out_bytes(packed_floats(win.R * win.S * op.conv.C, op.conv.K), workers) +
         workers * Carver::bytes_of<float>(scratch_rows(op) * win.Q * op.conv.K);
}

void conv2d_relu_max_pool2d_fprop(const Conv2dReluMaxPool2d& op, const float* x, const Filters& filters, const float* b, float* y,
                                  uint8_t* index, void* scratch, const Parallel& parallel) {
  const Conv2d& conv = op.conv;
  const Window &win = conv.window, &pool = op.pool;
  if (const Grid grid = tiles_of(op, filters); grid.m > 0) {
    (grid.m == 4 ? fprop_by_tiles<4> : fprop_by_tiles<2>)(op, grid, x, filters, b, y, index, scratch, parallel);
    return;
  }
  Carver carver(scratch);
  const Axis rows = forward_axis(carver, win.P, win.H, win.R, win.stride_h, win.top);
  const Axis columns = forward_axis(carver, win.Q, win.W, win.S, win.stride_w, win.left);
  const int64_t taps = win.R * win.S * conv.C, image_floats = win.H * win.W * conv.C;
  const RowsInParts some_rows{filters.w, taps, conv.K};
  const LaidOut panels(filters.prepared, carver, packed_floats(taps, conv.K), some_rows.parts(), parallel, some_rows);
  if (goes_by_windows(op)) {
    const int64_t windows = conv.N * pool.P * pool.Q, work = 4 * taps * conv.K, a_task = round_up(ceil_div(task_work, work), tile_windows);
    parallel_for(parallel, ceil_div(windows, a_task), [&](int64_t task, int worker) {
      fprop_windows(op, x, panels.of(worker), b, task * a_task, min((task + 1) * a_task, windows), y, index);
    });
    return;
  }
  const int64_t worker_floats = Carver::bytes_of<float>(scratch_rows(op) * win.Q * conv.K) / static_cast<int64_t>(sizeof(float));
  float* const worker_rows = carver.take<float>(parallel.workers * worker_floats);

  const int64_t band = band_rows(op), bands = ceil_div(pool.P, band);
  parallel_for(parallel, conv.N * bands, [&](int64_t task, int worker) {
    const int64_t n = task / bands, first = task % bands * band, end = min(first + band, pool.P);
    const Range conv_rows = looked_at(first, end, pool.stride_h, pool.top, pool.R, pool.H);
    const Range conv_columns = looked_at(0, pool.Q, pool.stride_w, pool.left, pool.S, pool.W);
    const int64_t row = win.Q * conv.K;
    float* const origin = worker_rows + worker * worker_floats - conv_rows.begin * row;  // where row 0 would be
    convolve({1, win.W, conv.C, win.Q, conv.K, image_floats, 0, rows, columns, x + n * image_floats, origin, b, panels.of(worker), taps, 0},
             win, conv.C, conv_rows, conv_columns);
    for (int64_t p = first; p < end; ++p) {
      const Span row_span = span(p, pool.stride_h, pool.top, pool.R, pool.H);
      for (int64_t q = 0; q < pool.Q; ++q) {
        const Span column_span = span(q, pool.stride_w, pool.left, pool.S, pool.W);
        const float* corner = origin + row_span.start * row + column_span.start * conv.K;
        const int64_t output = ((n * pool.P + p) * pool.Q + q) * conv.K;
        int64_t k = 0;
        if (pool.R == 2 && pool.S == 2 && whole(row_span, 2) && whole(column_span, 2)) {  // the usual pooling, without loops
          constexpr Span both{0, 0, 2};
          for (; k + lanes <= conv.K; k += lanes)
            pool_window(corner + k, row, conv.K, both, both, 2, lanes, y + output + k, place_in(index, output + k));
        }
        for (; k + lanes <= conv.K; k += lanes)
          pool_window(corner + k, row, conv.K, row_span, column_span, pool.S, lanes, y + output + k, place_in(index, output + k));
        if (k < conv.K)
          pool_window(corner + k, row, conv.K, row_span, column_span, pool.S, conv.K - k, y + output + k, place_in(index, output + k));
      }
    }
  });
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
