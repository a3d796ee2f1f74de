// Convolutions with 3x3 filters and stride 1 by Winograd's algorithms F(2x2, 3x3) and F(4x4, 3x3): the m x m outputs of a tile from the
// (m + 2) x (m + 2) inputs under them, with one product a channel for each of these, its points. That is 4 or 2.25 an output, where the sum
// over the taps takes 9. The transforms are in winograd_transforms.h.
//
//   U[i,j] = (G g G')[i,j] for each filter g;  V[i,j] = (B' d B)[i,j] for each patch d;  M[i,j] = sum over c of V[i,j,c] U[i,j,c,:]
//   the outputs: A' M A + bias
// So there is a matrix product a point (i, j), tiles x C times C x K; they are those of tile.h, over panels as in sliding.h. A task
// transforms the patches of a group of tiles, multiplies them, and hands the outputs to whoever wants them while they are in the cache: as
// they are, or pooled.
//
// Sums of C terms replace sums of 9 C, so with terms of usual sizes the error of F(2x2) is smaller than that of the direct sum; that of
// F(4x4) is some three times as large. It is relative to a whole tile, though: within 5e-6 of the largest |x| under the tile times the sum
// of the |w|, also where an output reads only small ones. What is not finite would spread over a tile, and very large numbers could
// overflow: a tile with an output that is not finite is summed up directly.
#pragma once

#include "cpu/grid.h"
#include "cpu/laid_out.h"
#include "cpu/slabs.h"
#include "cpu/sliding.h"
#include "cpu/winograd_transforms.h"
#include "cpu/work.h"
#include "ops/conv2d.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace winograd {

FASTCNN_INLINE int64_t points_of(const Grid& grid) { return (grid.m + 2) * (grid.m + 2); }

// Whether all transformed filters, or sums of their gradients, are too many for the L2 cache: each point of them comes from farther away,
// and must be worth it.
constexpr int64_t floats_near = 1 << 18;
FASTCNN_INLINE bool is_far(const Grid& grid, int64_t weights) { return points_of(grid) * weights > floats_near; }

// Whether wgrad's sums are so many that it goes block by block of the channels (winograd_blocks.h), not slab by slab of the images.
constexpr int64_t floats_of_slabs = 1 << 20;
FASTCNN_INLINE bool goes_by_blocks(const Conv2d& conv, const Grid& grid) {
  return points_of(grid) * conv.C * round_up(conv.K, lanes) > floats_of_slabs;
}

// Into how many parts wgrad cuts the images, each with sums of its own.
constexpr int64_t most_slabs = 8;
FASTCNN_INLINE Slabs slabs_of(const Conv2d& conv, const Grid& grid) {
  const int64_t tiles = conv.N * grid.tiles(), slabs = tiles / 16;
  const bool far = is_far(grid, conv.C * round_up(conv.K, lanes));
  return cut_into_slabs(conv, min(most_slabs, far ? min(slabs, max(2, tiles / 240)) : slabs));
}

// How long things take, in multiply-adds of Winograd's products: a multiply-add of the direct sum; a weight, packed for that; and a point
// of a filter that is transformed, once or in each slab. Fitted to the times of 700 shapes a kind, with vectors of 8 and of 16 floats: what
// is chosen takes 1 to 4 % longer than the best choice in the mean. By blocks there are no slabs, and nothing was fitted again.
struct Costs {
  double direct, packed, transformed, of_slab;
  bool of_dgrad;
};
constexpr Costs of_pixels{1.0, 0, 8, 0, false}, of_bands{1.3, 0, 8, 0, false}, of_transposed{1.2, 12, 6, 0, true},
    of_weights{1.0, 0, 4, 8, false}, of_winners{0.36, 12, 6, 0, true};
constexpr double of_point = 10;  // of a patch or of products: a channel's point, transformed

// Taps of the first P windows of 3 along an axis that lie in the image.
FASTCNN_INLINE int64_t taps_inside(int64_t P, int64_t H, int64_t top) {
  int64_t count = 0;
  for (int64_t r = 0; r < 3; ++r) count += max(0, min(P, H + top - r) - max(0, top - r));
  return count;
}

// The tiles for the first P x Q outputs of each image; m is 0 where the direct sum over the taps that lie in the image is faster. Channels
// that lie in vectors, which are computed as a whole, are K; of dgrad's products C.
[[maybe_unused]] static Grid grid(const Conv2d& conv, int64_t P, int64_t Q, const Costs& costs) {
  const Window& win = conv.window;
  Grid best{0, 0, 0};
  if (!conv.winograd || win.R != 3 || win.S != 3 || win.stride_h != 1 || win.stride_w != 1) return best;
  const int64_t C = round_up(conv.C, lanes), K = round_up(conv.K, lanes), products = costs.of_dgrad ? C * conv.K : conv.C * K;
  const double N = static_cast<double>(conv.N), channels = static_cast<double>(C + K), weights = static_cast<double>(products);
  const double taps = static_cast<double>(taps_inside(P, win.H, win.top) * taps_inside(Q, win.W, win.left));
  double least = (costs.direct * N * taps + costs.packed * 9) * weights;
  for (const int64_t m : {int64_t{2}, int64_t{4}}) {
    const Grid tiles{m, ceil_div(P, m), ceil_div(Q, m)};
    const double of_tiles = N * static_cast<double>(tiles.tiles()) * (weights + of_point * channels);
    const double slabs = goes_by_blocks(conv, tiles) ? 0 : static_cast<double>(slabs_of(conv, tiles).count);
    const double transformed = costs.transformed + costs.of_slab * slabs;
    const double cost = static_cast<double>(points_of(tiles)) * (of_tiles + (is_far(tiles, products) ? 2 : 1) * transformed * weights);
    if (cost < least) {
      least = cost;
      best = tiles;
    }
  }
  return best;
}

// Floats from point to point. Never a multiple of 4 KB: then all points of a tile would want the same few lines of the cache.
FASTCNN_INLINE int64_t filter_step(const Conv2d& conv) { return conv.C * round_up(conv.K, lanes) + 16; }

// Tiles that a worker takes through the products together, and the columns of these: few, so that the products stay in the cache; many
// where the filters are far.
struct Group {
  int64_t tiles, channels, columns;

  int64_t step() const { return round_up(tiles * channels, 16) + 16; }  // of what is transformed: floats from point to point
  int64_t product_step() const { return tiles * columns + 16; }
};
constexpr int64_t tiles_far = (48 / tile_rows + 1) * tile_rows;
FASTCNN_INLINE Group group_of(const Grid& grid, int64_t channels, int64_t outputs) {
  const int64_t columns = round_up(outputs, lanes);
  if (is_far(grid, channels * columns)) return {tiles_far, channels, min(columns, round_up(channels, tile_columns))};
  return {tile_rows, channels, tile_columns};
}
FASTCNN_INLINE Group fprop_group(const Conv2d& conv, const Grid& grid) { return group_of(grid, conv.C, conv.K); }

FASTCNN_INLINE int64_t scratch(const Conv2d& conv, const Grid& grid, int workers) {
  const Group group = fprop_group(conv, grid);
  const int64_t floats = points_of(grid) * (group.step() + group.product_step() + conv.C);
  return laid_out_bytes(points_of(grid) * filter_step(conv), workers) + Carver::bytes_of<float>(workers * floats);
}

// The filters of input channels [begin, end), to panels[point][block][c][width].
template <int M>
static void transform_filters(const Conv2d& conv, const float* w, int64_t begin, int64_t end, float* panels) {
  const int64_t K = conv.K, tap = conv.C * K, step = filter_step(conv);
  for (int64_t block = 0; block < blocks_of(K); ++block) {
    const int64_t width = panel_width(K, block), first = block * tile_columns;
    for (int64_t c = begin; c < end; ++c) {
      for (int64_t k = 0; k < width; k += lanes) {
        const float* from = w + c * K + first + k;
        float* to = panels + first * conv.C + c * width + k;
        const int64_t count = min(lanes, K - first - k);
        along_both_axes<OfFilter, 3, M + 2>([&](int i, int j) { return load_lanes(from + (3 * i + j) * tap, count); },
                                            [&](int i, int j, Vec u) { store(to + (i * (M + 2) + j) * step, u); });
      }
    }
  }
}

// Channels [k, k + count) of a tile's outputs, summed up tap by tap. Rows of outputs beyond the image stay as they are.
template <int M>
static __attribute__((noinline)) void direct_outputs(const Conv2d& conv, const float* image, const float* w, Vec bias, const Tile& tile,
                                                     int64_t k, int64_t count, Vec* y) {
  const Window& win = conv.window;
  const int64_t C = conv.C, left = M * tile.column - win.left;
  bool inside[M + 2];
  for (int64_t j = 0; j < M + 2; ++j) inside[j] = left + j >= 0 && left + j < win.W;
  for (int64_t i = 0; i < min(M, win.P - M * tile.row); ++i) {
    Vec sums[M]{};
    for (int64_t r = 0; r < 3; ++r) {
      const int64_t h = M * tile.row + i - win.top + r;
      if (h < 0 || h >= win.H) continue;
      const float *const pixels = image + (h * win.W + left) * C, *const filter = w + 3 * r * C * conv.K + k;
      for (int64_t c = 0; c < C; ++c) {
#pragma GCC unroll 3
        for (int s = 0; s < 3; ++s) {
          const Vec weights = load_lanes(filter + (s * C + c) * conv.K, count);
#pragma GCC unroll 4
          for (int j = 0; j < M; ++j) {
            if (inside[j + s]) sums[j] += broadcast(pixels[(j + s) * C + c]) * weights;
          }
        }
      }
    }
    for (int j = 0; j < M; ++j) y[i * M + j] = sums[j] + bias;
  }
}

// Channels [begin, end) of a tile's patch, transformed, to v[point]. padded: room for them with the zeros around the image.
template <int M>
FASTCNN_INLINE void transform_tile(const Conv2d& conv, const float* image, const Tile& tile, int64_t begin, int64_t end, float* padded,
                                   float* v, int64_t step) {
  constexpr int side = M + 2;
  const Window& win = conv.window;
  const int64_t C = conv.C, channels = end - begin, top = M * tile.row - win.top, left = M * tile.column - win.left;
  const float* patch = image + (top * win.W + left) * C + begin;
  int64_t pixel_step = C, row = win.W * C;
  if (top < 0 || left < 0 || top + side > win.H || left + side > win.W) {
    for (int64_t pixel = 0; pixel < side * side; ++pixel) {
      const int64_t h = top + pixel / side, at = left + pixel % side;
      const bool inside = h >= 0 && h < win.H && at >= 0 && at < win.W;
      const float* from = image + (h * win.W + at) * C + begin;
      for (int64_t c = 0; c < channels; ++c) padded[pixel * channels + c] = inside ? from[c] : 0;
    }
    patch = padded;
    pixel_step = channels;
    row = side * channels;
  }
  const auto transform = [&](int64_t c, int64_t count) {
    along_both_axes<OfPatch, side, side>([&](int i, int j) { return load_lanes(patch + i * row + j * pixel_step + c, count); },
                                         [&](int i, int j, Vec u) { store_lanes(v + (i * side + j) * step + c, u, count); });
  };
  int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) transform(c, lanes);
  if (c < channels) transform(c, channels - c);
}

// For each point, the product of `count` rows v[point][i][channel] with columns [first, first + group.columns) of its filters, laid out in
// panels, to m[point][i][column - first].
template <int Points>
static void multiply_points(const Group& group, const float* v, int64_t count, const float* panels, int64_t panel_step, int64_t first,
                            int64_t columns, float* m) {
  const int64_t parts = ceil_div(count, tile_rows), last = min(first + group.columns, round_up(columns, lanes));
  for (int64_t point = 0; point < Points; ++point, v += group.step(), panels += panel_step, m += group.product_step()) {
    for (int64_t column = first; column < last; column += tile_columns) {
      const int64_t width = min(last - column, tile_columns);
      const TileProduct product{1, group.channels, 0, panels + column * group.channels, 0, width, nullptr, width};
      for (int64_t part = 0; part < parts; ++part) {
        const int64_t row = part * count / parts, rows = (part + 1) * count / parts - row;
        const float* in[tile_rows];
        float* out[tile_rows];
        for (int64_t i = 0; i < rows; ++i) {
          in[i] = v + (row + i) * group.channels;
          out[i] = m + (row + i) * group.columns + column - first;
        }
        tile_function(rows, width / lanes)(product, in, out);
      }
    }
  }
}

// finish(tile, k, count, y) gets channels [k, k + count) of a tile's M x M outputs, row by row; those beyond the image are anything. w is
// as ever, b may be null.
template <int M, class Finish>
static void fprop(const Conv2d& conv, const Grid& grid, const float* x, const Filters& given, const float* b, void* memory,
                  const Parallel& parallel, const Finish& finish) {
  constexpr int side = M + 2, points = side * side;
  const Window& win = conv.window;
  const Group group = fprop_group(conv, grid);
  const int64_t C = conv.C, K = conv.K, image_floats = win.H * win.W * C, v_step = group.step(), m_step = group.product_step();
  Carver carver(memory);
  const auto some_channels = [&](int64_t part, float* to) {
    transform_filters<M>(conv, given.w, part * tile_rows, min((part + 1) * tile_rows, C), to);
  };
  const LaidOut filters(given.prepared, carver, points * filter_step(conv), ceil_div(C, tile_rows), parallel, some_channels);
  const int64_t worker_floats = points * (v_step + m_step + C);
  float* const of_workers = carver.take<float>(parallel.workers * worker_floats);

  const int64_t tiles = conv.N * grid.tiles(), tasks = min(tiles, round_up(ceil_div(tiles, group.tiles), parallel.workers));
  parallel_for(parallel, tasks, [&](int64_t task, int worker) {
    const int64_t first = task * tiles / tasks, count = (task + 1) * tiles / tasks - first;
    const float* const panels = filters.of(worker);
    float *const v = of_workers + worker * worker_floats, *const m = v + points * v_step, *const padded = m + points * m_step;
    Tile tile(grid, first);
    for (int64_t i = 0; i < count; ++i, tile.advance(grid))
      transform_tile<M>(conv, x + tile.n * image_floats, tile, 0, C, padded, v + i * C, v_step);
    for (int64_t first_k = 0; first_k < K; first_k += group.columns) {
      multiply_points<points>(group, v, count, panels, filter_step(conv), first_k, K, m);
      tile = Tile(grid, first);
      for (int64_t i = 0; i < count; ++i, tile.advance(grid)) {
        for (int64_t k = 0; k < group.columns && first_k + k < K; k += lanes) {
          const int64_t left = min(lanes, K - first_k - k);
          const Vec bias = b == nullptr ? Vec{} : load_lanes(b + first_k + k, left);
          const float* const of_tile = m + i * group.columns + k;
          Vec y[M * M], all{};
          along_both_axes<OfProducts, side, M>([&](int r, int s) { return load(of_tile + (r * side + s) * m_step); },
                                               [&](int p, int q, Vec output) { y[p * M + q] = output + bias; });
#pragma GCC unroll 16
          for (int o = 0; o < M * M; ++o) all += y[o];
          if (any(all - all != Vec{})) direct_outputs<M>(conv, x + tile.n * image_floats, given.w, bias, tile, first_k + k, left, y);
          finish(tile, first_k + k, left, y);
        }
      }
    }
  });
}

}  // namespace winograd
}  // namespace fastcnn::cpu::FASTCNN_ISA
