// The gradients of a convolution by Winograd's algorithm: winograd.h's products, and its transforms, the other way.
//
//   y = A' [U * V] A, U = G g G', V = B' d B: with W = A dy A' of each tile, (m + 2) x (m + 2) points again,
//   dgrad   dx's patch += B [sum over k of W[i,j,k] U[i,j,:,k]] B'      tiles of an image overlap, and are added in their order
//   wgrad   dw = G' [sum over tiles of V[i,j,c] W[i,j,k]] G
//
// So a tile takes as many products as forward, where the sums over the taps take 9 m m.
//
// dgrad: a task is some images. wgrad: a task is a slab of images (slabs.h): all patches and gradients of some tiles are transformed, then
// multiplied point by point. Of many channels wgrad goes by blocks (winograd_blocks.h).
#pragma once

#include "cpu/outer_tile.h"
#include "cpu/output_gradients.h"
#include "cpu/winograd.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace winograd {

// That wgrad transforms, then multiplies.
FASTCNN_INLINE int64_t tiles_at_once(const Conv2d& conv, const Grid& grid) {
  return is_far(grid, conv.C * round_up(conv.K, lanes)) ? 128 : 64;
}

// The tiles of the convolution's outputs.
FASTCNN_INLINE Grid dgrad_grid(const Conv2d& conv) { return grid(conv, conv.window.P, conv.window.Q, of_transposed); }
FASTCNN_INLINE Grid wgrad_grid(const Conv2d& conv) { return grid(conv, conv.window.P, conv.window.Q, of_weights); }
FASTCNN_INLINE OutputGradients gradients_of(const Conv2d& conv, const float* dy) { return {dy, conv.window.P, conv.window.Q, conv.K}; }

// As filter_step and fprop_group, with the channels' roles exchanged.
FASTCNN_INLINE int64_t transposed_step(const Conv2d& conv) { return conv.K * round_up(conv.C, lanes) + 16; }
FASTCNN_INLINE Group dgrad_group(const Conv2d& conv, const Grid& grid) { return group_of(grid, conv.K, conv.C); }
FASTCNN_INLINE int64_t dgrad_scratch(const Conv2d& conv, const Grid& grid, int workers) {
  const Group group = dgrad_group(conv, grid);
  return laid_out_bytes(points_of(grid) * transposed_step(conv), workers) +
         Carver::bytes_of<float>(workers * points_of(grid) * (group.step() + group.product_step()));
}

FASTCNN_INLINE int64_t block_step(const Conv2d& conv, const Grid& grid, int64_t channels) {
  return tiles_at_once(conv, grid) * round_up(channels, lanes) + 16;
}

// Of a worker: a block of transformed patches, one of transformed gradients, the sums, and room for padding.
FASTCNN_INLINE int64_t wgrad_floats(const Conv2d& conv, const Grid& grid) {
  return points_of(grid) * round_up(block_step(conv, grid, conv.C) + block_step(conv, grid, conv.K) + filter_step(conv) + conv.C, 16);
}

FASTCNN_INLINE int64_t wgrad_scratch(const Conv2d& conv, const Grid& grid, int workers) {
  return slabs_of(conv, grid).bytes() + Carver::bytes_of<float>(workers * wgrad_floats(conv, grid));
}

// The filters of input channels [first, first + lanes) and output channels [begin, end), to panels[point][block of C][k][width].
template <int M>
static void transform_transposed(const Conv2d& conv, const float* w, int64_t first, int64_t begin, int64_t end, float* panels) {
  const int64_t C = conv.C, K = conv.K, step = transposed_step(conv), block = first / tile_columns, width = panel_width(C, block);
  for (int64_t k = begin; k < end; k += lanes) {
    const int64_t count = min(lanes, end - k);
    Vec taps[9][lanes];  // [tap][k], lanes of c
    for (int64_t tap = 0; tap < 9; ++tap) {
      for (int64_t c = 0; c < lanes; ++c) taps[tap][c] = first + c < C ? load_lanes(w + (tap * C + first + c) * K + k, count) : Vec{};
      transpose(taps[tap]);
    }
    for (int64_t i = 0; i < count; ++i) {
      float* const to = panels + block * tile_columns * K + (k + i) * width + first % tile_columns;
      along_both_axes<OfFilter, 3, M + 2>([&](int r, int s) { return taps[r * 3 + s][i]; },
                                          [&](int r, int s, Vec u) { store(to + (r * (M + 2) + s) * step, u); });
    }
  }
}

// Channels [begin, end) of a tile's gradients, transformed, to v[point]; beyond the image they are 0.
template <int M, class Gradients>
FASTCNN_INLINE void transform_gradients(const Gradients& gradients, const Tile& tile, int64_t begin, int64_t end, float* v, int64_t step) {
  const auto transform = [&](int64_t k, int64_t count) {
    along_both_axes<OfOutputs, M, M + 2>(
        [&](int i, int j) { return gradients.at(tile.n, M * tile.row + i, M * tile.column + j, k, count); },
        [&](int i, int j, Vec value) { store_lanes(v + (i * (M + 2) + j) * step + k - begin, value, count); });
  };
  int64_t k = begin;
  for (; k + lanes <= end; k += lanes) transform(k, lanes);
  if (k < end) transform(k, end - k);
}

// Channels [c, c + count) of what pixel (i, j) of a tile's patch gets from the tile's gradients, summed up tap by tap.
template <class Gradients>
static __attribute__((noinline)) Vec direct_gradient(const Conv2d& conv, const Gradients& gradients, const Tile& tile, int64_t m,
                                                     const float* w, int64_t i, int64_t j, int64_t c, int64_t count) {
  Vec total{};
  for (int64_t lane = 0; lane < count; ++lane) {
    Vec of_lane{};
    for (int64_t r = max(0, i - m + 1); r <= min(i, 2); ++r) {
      for (int64_t s = max(0, j - m + 1); s <= min(j, 2); ++s) {
        const int64_t p = m * tile.row + i - r, q = m * tile.column + j - s;
        if (!gradients.has(p, q)) continue;
        const float* const filter = w + ((r * 3 + s) * conv.C + c + lane) * conv.K;
        for (int64_t k = 0; k < conv.K; k += lanes) {
          const int64_t left = min(lanes, conv.K - k);
          const Vec gradient = gradients.at(tile.n, p, q, k, left), product = gradient * load_lanes(filter + k, left);
          of_lane += Gradients::sparse ? select(gradient == Vec{}, Vec{}, product) : product;
        }
      }
    }
    total[lane] = sum(of_lane);
  }
  return total;
}

// `count` tiles from the first on, at most group.tiles, into dx.
template <int M, class Gradients>
static void add_tiles(const Conv2d& conv, const Grid& grid, const Group& group, const Gradients& gradients, const float* w,
                      const float* panels, const Tile& first, int64_t count, float* v, float* dx) {
  constexpr int side = M + 2, points = side * side;
  const Window& win = conv.window;
  const int64_t C = conv.C, K = conv.K, v_step = group.step(), m_step = group.product_step(), dx_image = win.H * win.W * C;
  float* const m = v + points * v_step;
  Tile tile = first;
  for (int64_t i = 0; i < count; ++i, tile.advance(grid)) transform_gradients<M>(gradients, tile, 0, K, v + i * K, v_step);
  for (int64_t first_c = 0; first_c < C; first_c += group.columns) {
    multiply_points<points>(group, v, count, panels, transposed_step(conv), first_c, C, m);
    tile = first;
    for (int64_t i = 0; i < count; ++i, tile.advance(grid)) {
      const int64_t top = M * tile.row - win.top, left = M * tile.column - win.left;
      for (int64_t c = 0; c < group.columns && first_c + c < C; c += lanes) {
        const int64_t used = min(lanes, C - first_c - c);
        const float* const of_tile = m + i * group.columns + c;
        Vec patch[points], all{};
        along_both_axes<BackToPatch, side, side>([&](int r, int s) { return load(of_tile + (r * side + s) * m_step); },
                                                 [&](int r, int s, Vec value) { patch[r * side + s] = value; });
#pragma GCC unroll 36
        for (int pixel = 0; pixel < points; ++pixel) all += patch[pixel];
        if (any(all - all != Vec{})) {
          for (int64_t pixel = 0; pixel < points; ++pixel)
            patch[pixel] = direct_gradient(conv, gradients, tile, M, w, pixel / side, pixel % side, first_c + c, used);
        }
        const int64_t begin = max(0, -left), end = min(side, win.W - left);
        for (int64_t r = max(0, -top); r < min(side, win.H - top); ++r) {
          float* const to = dx + tile.n * dx_image + ((top + r) * win.W + left + begin) * C + first_c + c;
          if (C < lanes) {  // pixels side by side: a vector of each overlaps the next one's
            float row[(M + 2) * lanes];
            for (int64_t s = begin; s < end; ++s) store(row + (s - begin) * C, patch[r * side + s]);
            const int64_t floats = (end - begin) * C;
            for (int64_t at = 0; at < floats; at += lanes)
              store_lanes(to + at, load_lanes(to + at, floats - at) + load(row + at), floats - at);
          } else {
            for (int64_t s = begin; s < end; ++s) {
              float* const pixel = to + (s - begin) * C;
              store_lanes(pixel, load_lanes(pixel, used) + patch[r * side + s], used);
            }
          }
        }
      }
    }
  }
}

template <int M, class Gradients>
static void dgrad(const Conv2d& conv, const Grid& grid, const Gradients& gradients, const float* w, float* dx, void* memory,
                  const Parallel& parallel) {
  constexpr int points = (M + 2) * (M + 2);
  const Window& win = conv.window;
  const int64_t C = conv.C, K = conv.K, tiles = grid.tiles(), dx_image = win.H * win.W * C;
  Carver carver(memory);
  const int64_t groups_of_k = ceil_div(K, lanes);
  const auto some_channels = [&](int64_t part, float* to) {
    const int64_t k = part % groups_of_k * lanes;
    transform_transposed<M>(conv, w, part / groups_of_k * lanes, k, min(k + lanes, K), to);
  };
  const LaidOut filters(nullptr, carver, points * transposed_step(conv), ceil_div(C, lanes) * groups_of_k, parallel, some_channels);
  const Group group = dgrad_group(conv, grid);
  const int64_t worker_floats = points * (group.step() + group.product_step());
  float* const of_workers = carver.take<float>(parallel.workers * worker_floats);

  const int64_t images_at_once = max(1, group.tiles / tiles),
                tasks = min(conv.N, round_up(ceil_div(conv.N, images_at_once), parallel.workers));
  parallel_for(parallel, tasks, [&](int64_t task, int worker) {
    const int64_t begin = task * conv.N / tasks * tiles, end = (task + 1) * conv.N / tasks * tiles;
    const float* const panels = filters.of(worker);
    float* const to = dx + begin / tiles * dx_image;
    __builtin_memset(to, 0, static_cast<size_t>((end - begin) / tiles * dx_image) * sizeof(float));
    for (int64_t tile = begin; tile < end; tile += group.tiles)
      add_tiles<M>(conv, grid, group, gradients, w, panels, Tile(grid, tile), min(group.tiles, end - tile),
                   of_workers + worker * worker_floats, dx);
  });
}

// sums[c][k] (+)= sum over `tiles` of v[tile][c] * g[tile][k], for all C and K.
static void add_outer_products(const Conv2d& conv, int64_t tiles, const float* v, const float* g, bool add, float* sums) {
  const int64_t C = conv.C, columns = round_up(conv.K, lanes), v_row = round_up(C, lanes), parts = ceil_div(C, tile_rows);
  for (int64_t k = 0; k < columns; k += tile_columns) {
    for (int64_t part = 0; part < parts; ++part) {
      const int64_t first = part * C / parts, count = (part + 1) * C / parts - first;
      outer_tile_function<RowsInSteps>(count, min(tile_columns, columns - k) / lanes)(tiles, {v + first, v_row}, g + k, columns,
                                                                                      sums + first * columns + k, columns, add);
    }
  }
}

// The gradients of images [begin, end), into a partial. memory: wgrad_floats.
template <int M>
static void wgrad_slab(const Conv2d& conv, const Grid& grid, const float* x, const OutputGradients& gradients, int64_t begin, int64_t end,
                       float* memory, float* partial) {
  constexpr int side = M + 2, points = side * side;
  const Window& win = conv.window;
  const int64_t C = conv.C, K = conv.K, columns = round_up(K, lanes), v_step = block_step(conv, grid, C),
                g_step = block_step(conv, grid, K), sum_step = filter_step(conv), last = end * grid.tiles(),
                at_once = tiles_at_once(conv, grid);
  float *const v = memory, *const g = v + points * v_step, *const sums = g + points * g_step, *const padded = sums + points * sum_step;
  Tile tile(grid, begin * grid.tiles());
  bool add = false;
  for (int64_t first = begin * grid.tiles(); first < last; first += at_once, add = true) {
    const int64_t count = min(at_once, last - first);
    for (int64_t i = 0; i < count; ++i, tile.advance(grid)) {
      transform_tile<M>(conv, x + tile.n * win.H * win.W * C, tile, 0, C, padded, v + i * round_up(C, lanes), v_step);
      transform_gradients<M>(gradients, tile, 0, K, g + i * columns, g_step);
    }
    for (int64_t point = 0; point < points; ++point)
      add_outer_products(conv, count, v + point * v_step, g + point * g_step, add, sums + point * sum_step);
  }
  for (int64_t k = 0; k < K; k += lanes) {
    const int64_t left = min(lanes, K - k);
    for (int64_t c = 0; c < C; ++c) {
      const float* const from = sums + c * columns + k;
      along_both_axes<BackToFilter, side, 3>([&](int i, int j) { return load_lanes(from + (i * side + j) * sum_step, left); },
                                             [&](int r, int s, Vec value) { store(partial + ((r * 3 + s) * C + c) * columns + k, value); });
    }
    store(partial + 9 * C * columns + k, gradients.sum_of(begin, end, k, left));
  }
}

// Gives false where a gradient is not finite: then the direct sum says which.
template <int M>
static bool wgrad(const Conv2d& conv, const Grid& grid, const float* x, const OutputGradients& gradients, float* dw, float* db,
                  void* memory, const Parallel& parallel) {
  const Slabs slabs = slabs_of(conv, grid);
  Carver carver(memory);
  float* const partials = carver.take<float>(slabs.count * slabs.floats());
  float* const of_workers = carver.take<float>(parallel.workers * wgrad_floats(conv, grid));
  parallel_for(parallel, slabs.count, [&](int64_t slab, int worker) {
    wgrad_slab<M>(conv, grid, x, gradients, slabs.begin(slab), slabs.end(slab), of_workers + worker * wgrad_floats(conv, grid),
                  partials + slab * slabs.floats());
  });
  return add_partials(slabs, conv.K, partials, dw, db, parallel);
}

}  // namespace winograd
}  // namespace fastcnn::cpu::FASTCNN_ISA
