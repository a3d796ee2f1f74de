// Convolutions with 3x3 filters and stride 1 by Winograd's F(2x2, 3x3): four outputs from the 4x4 inputs under them with 16 products a
// channel where the sum over the taps takes 36. Source: Lavin and Gray 2016, "Fast algorithms for convolutional neural networks".
//
//   U[i,j] = (G g G')[i,j] for each filter g;  V[i,j] = (B' d B)[i,j] for each patch d;  M[i,j] = sum over c of V[i,j,c] U[i,j,c,:]
//   the four outputs: A' M A + bias
// So there are 16 matrix products, tiles x C times C x K, one a point (i, j); they are those of tile.h, over panels as in sliding.h. A task
// transforms the patches of up to tile_rows tiles, multiplies them, and hands the outputs to whoever wants them while they are in the
// cache: as they are, or pooled, where the pooling's window is the tile.
//
// Sums of C terms replace sums of 9 C, and with terms of usual sizes the error is smaller than that of the direct sum. What is not finite
// would spread over a tile, and very large numbers could overflow: a tile with an output that is not finite is summed up directly.
#pragma once

#include "cpu/sliding.h"
#include "ops/conv2d.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace winograd {

constexpr int64_t points = 16;  // of a tile, 4x4; so many are the pixels of its patch
constexpr int64_t side = 4;

// The tiles of an image: (i, j) holds the outputs (2 i, 2 j) to (2 i + 1, 2 j + 1).
struct Grid {
  int64_t rows, columns;
};

// Whether so many tiles are worth it: the transforms of the patches and of the filters must cost less than the products that are saved.
// With few channels they do not, where much of the tiles lies beyond the image.
FASTCNN_INLINE bool pays(const Conv2d& conv, const Grid& grid) {
  const Window& win = conv.window;
  const int64_t fewest = min(conv.C, conv.K), tiles = grid.rows * grid.columns, beyond = 4 * tiles - win.P * win.Q;
  return conv.winograd && win.R == 3 && win.S == 3 && win.stride_h == 1 && win.stride_w == 1 && conv.N * tiles >= 32 &&
         (fewest >= 24 || (fewest >= 16 && 8 * beyond <= 4 * tiles));
}

// Floats from point to point. Never a multiple of 4 KB: then all points of a tile would want the same few lines of the cache.
FASTCNN_INLINE int64_t filter_step(const Conv2d& conv) { return conv.C * round_up(conv.K, lanes) + 16; }
FASTCNN_INLINE int64_t patch_step(const Conv2d& conv) { return round_up(tile_rows * conv.C, 16) + 16; }
constexpr int64_t product_step = tile_rows * tile_columns + 16;

FASTCNN_INLINE int64_t scratch(const Conv2d& conv, int workers) {
  return Carver::bytes_of<float>(points * filter_step(conv)) + Carver::bytes_of<float>(workers * points * patch_step(conv)) +
         Carver::bytes_of<float>(workers * points * product_step) + Carver::bytes_of<float>(workers * points * conv.C);
}

// G g along one axis, G = (1 0 0; 1/2 1/2 1/2; 1/2 -1/2 1/2; 0 0 1).
FASTCNN_INLINE void transform_filter(Vec g0, Vec g1, Vec g2, Vec& u0, Vec& u1, Vec& u2, Vec& u3) {
  const Vec ends = (g0 + g2) * 0.5f, middle = g1 * 0.5f;
  u0 = g0;
  u1 = ends + middle;
  u2 = ends - middle;
  u3 = g2;
}

// B' d along one axis, B' = (1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1).
FASTCNN_INLINE void transform_patch(Vec d0, Vec d1, Vec d2, Vec d3, Vec& v0, Vec& v1, Vec& v2, Vec& v3) {
  v0 = d0 - d2;
  v1 = d1 + d2;
  v2 = d2 - d1;
  v3 = d1 - d3;
}

// The filters of input channels [begin, end), to panels[point][block][c][width].
static void transform_filters(const Conv2d& conv, const float* w, int64_t begin, int64_t end, float* panels) {
  const int64_t K = conv.K, tap = conv.C * K, step = filter_step(conv);
  for (int64_t block = 0; block < blocks_of(K); ++block) {
    const int64_t width = panel_width(K, block), first = block * tile_columns;
    for (int64_t c = begin; c < end; ++c) {
      for (int64_t k = 0; k < width; k += lanes) {
        const float* from = w + c * K + first + k;
        float* to = panels + first * conv.C + c * width + k;
        const int64_t count = min(lanes, K - first - k);
        Vec rows[3][side], u[side];
#pragma GCC unroll 3
        for (int r = 0; r < 3; ++r, from += 3 * tap)
          transform_filter(load_lanes(from, count), load_lanes(from + tap, count), load_lanes(from + 2 * tap, count), rows[r][0],
                           rows[r][1], rows[r][2], rows[r][3]);
#pragma GCC unroll 4
        for (int j = 0; j < side; ++j) {
          transform_filter(rows[0][j], rows[1][j], rows[2][j], u[0], u[1], u[2], u[3]);
#pragma GCC unroll 4
          for (int i = 0; i < side; ++i) store(to + (i * side + j) * step, u[i]);
        }
      }
    }
  }
}

// `count` channels of a patch, whose pixel (r, s) lies at r * row + s * column, to v[point].
FASTCNN_INLINE void transform_channels(const float* patch, int64_t row, int64_t column, int64_t count, float* v, int64_t step) {
  Vec rows[side][side], u[side];
#pragma GCC unroll 4
  for (int r = 0; r < side; ++r) {
    const float* from = patch + r * row;
    transform_patch(load_lanes(from, count), load_lanes(from + column, count), load_lanes(from + 2 * column, count),
                    load_lanes(from + 3 * column, count), rows[r][0], rows[r][1], rows[r][2], rows[r][3]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < side; ++j) {
    transform_patch(rows[0][j], rows[1][j], rows[2][j], rows[3][j], u[0], u[1], u[2], u[3]);
#pragma GCC unroll 4
    for (int i = 0; i < side; ++i) store_lanes(v + (i * side + j) * step, u[i], count);
  }
}

// A' M A + bias, A' = (1 1 1 0; 0 1 -1 -1), row by row.
FASTCNN_INLINE void transform_products(const float* m, Vec bias, Vec (&y)[4]) {
  Vec upper[side], lower[side];
#pragma GCC unroll 4
  for (int j = 0; j < side; ++j) {
    const Vec m0 = load(m + j * product_step), m1 = load(m + (side + j) * product_step), m2 = load(m + (2 * side + j) * product_step),
              m3 = load(m + (3 * side + j) * product_step);
    upper[j] = m0 + m1 + m2;
    lower[j] = m1 - m2 - m3;
  }
  y[0] = upper[0] + upper[1] + upper[2] + bias;
  y[1] = upper[1] - upper[2] - upper[3] + bias;
  y[2] = lower[0] + lower[1] + lower[2] + bias;
  y[3] = lower[1] - lower[2] - lower[3] + bias;
}

// Channels [k, k + count) of one output, summed up tap by tap.
static __attribute__((noinline)) Vec direct_output(const Conv2d& conv, const float* image, const float* w, Vec bias, int64_t p, int64_t q,
                                                   int64_t k, int64_t count) {
  const Window& win = conv.window;
  Vec sum{};
  for (int64_t tap = 0; tap < 9; ++tap) {
    const int64_t h = p - win.top + tap / 3, column = q - win.left + tap % 3;
    if (h < 0 || h >= win.H || column < 0 || column >= win.W) continue;
    const float* pixel = image + (h * win.W + column) * conv.C;
    for (int64_t c = 0; c < conv.C; ++c) sum += broadcast(pixel[c]) * load_lanes(w + (tap * conv.C + c) * conv.K + k, count);
  }
  return sum + bias;
}

// A tile on its walk over all images.
struct Tile {
  int64_t n, row, column;

  Tile(const Grid& grid, int64_t number)
      : n(number / (grid.rows * grid.columns)), row(number / grid.columns % grid.rows), column(number % grid.columns) {}

  void advance(const Grid& grid) {
    if (++column < grid.columns) return;
    column = 0;
    if (++row < grid.rows) return;
    row = 0;
    ++n;
  }
};

// A tile's patch, transformed, to v[point]. padded: room for it with the zeros around the image.
FASTCNN_INLINE void transform_tile(const Conv2d& conv, const float* image, const Tile& tile, float* padded, float* v, int64_t step) {
  const Window& win = conv.window;
  const int64_t C = conv.C, top = 2 * tile.row - win.top, left = 2 * tile.column - win.left;
  const float* patch = image + (top * win.W + left) * C;
  int64_t row = win.W * C;
  if (top < 0 || left < 0 || top + side > win.H || left + side > win.W) {
    for (int64_t pixel = 0; pixel < points; ++pixel) {
      const int64_t h = top + pixel / side, at = left + pixel % side;
      const bool inside = h >= 0 && h < win.H && at >= 0 && at < win.W;
      const float* from = image + (h * win.W + at) * C;
      for (int64_t c = 0; c < C; ++c) padded[pixel * C + c] = inside ? from[c] : 0;
    }
    patch = padded;
    row = side * C;
  }
  int64_t c = 0;
  for (; c + lanes <= C; c += lanes) transform_channels(patch + c, row, C, lanes, v + c, step);
  if (c < C) transform_channels(patch + c, row, C, C - c, v + c, step);
}

// finish(tile, k, count, y) gets channels [k, k + count) of each tile's outputs; those beyond the image are anything. w is as ever, b may
// be null.
template <class Finish>
static void fprop(const Conv2d& conv, const Grid& grid, const float* x, const float* w, const float* b, void* memory,
                  const Parallel& parallel, const Finish& finish) {
  const Window& win = conv.window;
  const int64_t C = conv.C, K = conv.K, image_floats = win.H * win.W * C, v_step = patch_step(conv);
  Carver carver(memory);
  float* const panels = carver.take<float>(points * filter_step(conv));
  float* const patches = carver.take<float>(parallel.workers * points * v_step);
  float* const products = carver.take<float>(parallel.workers * points * product_step);
  float* const paddings = carver.take<float>(parallel.workers * points * C);

  const int64_t channels = max(1, 4096 / K);  // a task's
  parallel_for(parallel, ceil_div(C, channels),
               [&](int64_t task, int) { transform_filters(conv, w, task * channels, min((task + 1) * channels, C), panels); });

  const int64_t tiles = conv.N * grid.rows * grid.columns, groups = min(tiles, round_up(ceil_div(tiles, tile_rows), parallel.workers));
  parallel_for(parallel, groups, [&](int64_t group, int worker) {
    const int64_t first = group * tiles / groups, count = (group + 1) * tiles / groups - first;
    float* const v = patches + worker * points * v_step;
    float* const m = products + worker * points * product_step;
    Tile tile(grid, first);
    for (int64_t i = 0; i < count; ++i, tile.advance(grid))
      transform_tile(conv, x + tile.n * image_floats, tile, paddings + worker * points * C, v + i * C, v_step);
    for (int64_t block = 0; block < blocks_of(K); ++block) {
      const int64_t width = panel_width(K, block), first_k = block * tile_columns;
      TileProduct product{1, C, 0, panels + first_k * C, 0, width, nullptr, width};
      const TileFunction multiply = tile_function(count, width / lanes);
      const float* in[tile_rows];
      float* out[tile_rows];
      for (int64_t i = 0; i < count; ++i) {
        in[i] = v + i * C;
        out[i] = m + i * width;
      }
      for (int64_t point = 0; point < points; ++point) {
        multiply(product, in, out);
        product.w += filter_step(conv);
        for (int64_t i = 0; i < count; ++i) {
          in[i] += v_step;
          out[i] += product_step;
        }
      }
      tile = Tile(grid, first);
      for (int64_t i = 0; i < count; ++i, tile.advance(grid)) {
        for (int64_t k = 0; k < width; k += lanes) {
          const int64_t left = min(lanes, K - first_k - k);
          const Vec bias = b == nullptr ? Vec{} : load_lanes(b + first_k + k, left);
          Vec y[4];
          transform_products(m + i * width + k, bias, y);
          const Vec all = y[0] + y[1] + y[2] + y[3];
          if (any(all - all != Vec{})) {
            for (int64_t o = 0; o < 4; ++o)
              y[o] =
                  direct_output(conv, x + tile.n * image_floats, w, bias, 2 * tile.row + o / 2, 2 * tile.column + o % 2, first_k + k, left);
          }
          finish(tile, first_k + k, left, y);
        }
      }
    }
  });
}

}  // namespace winograd
}  // namespace fastcnn::cpu::FASTCNN_ISA
