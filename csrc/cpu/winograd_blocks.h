// The gradient by the weights by Winograd's algorithm, where the sums of all channels would outgrow the caches.
//
// First all patches and gradients of some tiles are transformed, to panels of tile_columns channels: point by point, panel by panel, tile
// by tile. Then a task is a block of input and output channels, whose sums (1.2 MB at most) stay near while all points and tiles pass;
// after the last tile it makes them its piece of dw. Each sum runs over the tiles in their order, so no result depends on the number of
// threads.
//
// Slab by slab (winograd_gradients.h), 256 times 256 channels took 1.1 to 1.2 times as long with 160 tiles, and 1.4 times with 40. Where
// all sums take less than 4 MB (floats_of_slabs) the slabs are faster, by up to 1.2 times: a worker finds what it has transformed in its
// own cache.
#pragma once

#include "cpu/outer_tile.h"
#include "cpu/output_gradients.h"
#include "cpu/winograd.h"
#include "cpu/winograd_gradients.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace winograd {

struct ChannelBlocks {
  int64_t C, K, points, tiles;  // of the convolution; tiles of all images
  int64_t tiles_at_once;        // that are transformed, then multiplied
  int64_t block_c, block_k;     // channels of a block, in whole panels

  int64_t columns() const { return ceil_div(K, block_k); }
  int64_t count() const { return ceil_div(C, block_c) * columns(); }
  int64_t panel() const { return tiles_at_once * tile_columns; }                                    // floats, as below
  int64_t step(int64_t channels) const { return ceil_div(channels, tile_columns) * panel() + 16; }  // from point to point, of all tiles
  int64_t sums_step() const { return block_c * block_k + 16; }                                      // the same, of a block's sums
  int64_t sums() const { return points * sums_step(); }
  int64_t padded() const { return points * tile_columns; }
};

// Smaller blocks where there would be fewer than workers: no sum depends on that.
FASTCNN_INLINE ChannelBlocks channel_blocks(const Conv2d& conv, const Grid& grid, int64_t workers) {
  constexpr int64_t transformed_at_once = 1 << 22;  // floats
  const int64_t points = points_of(grid), tiles = conv.N * grid.tiles(),
                of_tile = points * (round_up(conv.C, tile_columns) + round_up(conv.K, tile_columns));
  ChannelBlocks blocks{conv.C,           conv.K,          points, tiles, min(tiles, max(64, transformed_at_once / of_tile)),
                       4 * tile_columns, 2 * tile_columns};
  if (blocks.count() < workers) blocks.block_c = 2 * tile_columns;
  if (blocks.count() < workers) blocks.block_k = tile_columns;
  return blocks;
}

// Whether a worker has room for the sums of one block, which then are finished at once; otherwise each block has.
FASTCNN_INLINE bool sums_of_workers(const ChannelBlocks& blocks, int64_t workers) {
  return blocks.tiles_at_once == blocks.tiles && workers < blocks.count();
}

FASTCNN_INLINE int64_t blocks_scratch(const Conv2d& conv, const Grid& grid, int workers) {
  const ChannelBlocks blocks = channel_blocks(conv, grid, workers);
  return Carver::bytes_of<float>(blocks.points * (blocks.step(conv.C) + blocks.step(conv.K))) +
         Carver::bytes_of<float>(workers * blocks.padded()) +
         Carver::bytes_of<float>((sums_of_workers(blocks, workers) ? workers : blocks.count()) * blocks.sums());
}

// Of one point: sums[c - first_c][k - first_k] (+)= sum over `tiles` of v[tile][c] * g[tile][k].
static void add_to_block(const ChannelBlocks& blocks, int64_t tiles, const float* v, const float* g, int64_t first_c, int64_t first_k,
                         bool add, float* sums) {
  const int64_t end_c = min(first_c + blocks.block_c, blocks.C), end_k = min(first_k + blocks.block_k, round_up(blocks.K, lanes));
  for (int64_t k = first_k; k < end_k; k += tile_columns) {
    const float* const gradients = g + k / tile_columns * blocks.panel();
    for (int64_t c = first_c; c < end_c; c += tile_columns) {
      const float* const inputs = v + c / tile_columns * blocks.panel();
      const int64_t channels = min(tile_columns, end_c - c), parts = ceil_div(channels, tile_rows);
      for (int64_t part = 0; part < parts; ++part) {
        const int64_t first = part * channels / parts, count = (part + 1) * channels / parts - first;
        outer_tile_function<RowsInSteps>(count, min(tile_columns, end_k - k) / lanes)(
            tiles, {inputs + first, tile_columns}, gradients, tile_columns, sums + (c + first - first_c) * blocks.block_k + k - first_k,
            blocks.block_k, add);
      }
    }
  }
}

// A block's sums, as its piece of dw. Gives false where that is not finite.
template <int M>
static bool finish_block(const ChannelBlocks& blocks, const float* sums, int64_t first_c, int64_t first_k, float* dw) {
  constexpr int side = M + 2;
  Vec all{};
  for (int64_t c = first_c; c < min(first_c + blocks.block_c, blocks.C); ++c) {
    for (int64_t k = first_k; k < min(first_k + blocks.block_k, blocks.K); k += lanes) {
      const int64_t left = min(lanes, blocks.K - k);
      const float* const from = sums + (c - first_c) * blocks.block_k + k - first_k;
      along_both_axes<BackToFilter, side, 3>([&](int i, int j) { return load_lanes(from + (i * side + j) * blocks.sums_step(), left); },
                                             [&](int r, int s, Vec value) {
                                               all += value - value;
                                               store_lanes(dw + ((r * 3 + s) * blocks.C + c) * blocks.K + k, value, left);
                                             });
    }
  }
  return !any(all != Vec{});
}

// Gives false where a gradient is not finite: then the direct sum says which.
template <int M>
static bool wgrad_by_blocks(const Conv2d& conv, const Grid& grid, const float* x, const OutputGradients& gradients, float* dw, float* db,
                            void* memory, const Parallel& parallel) {
  constexpr int64_t tiles_of_task = 8;   // transformed
  constexpr int64_t tiles_of_sum = 128;  // summed up from 0, then added, so that rounding grows with neither number alone
  const ChannelBlocks blocks = channel_blocks(conv, grid, parallel.workers);
  const int64_t C = conv.C, K = conv.K, image = conv.window.H * conv.window.W * C, v_step = blocks.step(C), g_step = blocks.step(K),
                v_panels = ceil_div(C, tile_columns), panels = v_panels + ceil_div(K, tile_columns);
  const bool of_workers = sums_of_workers(blocks, parallel.workers);
  Carver carver(memory);
  float *const v = carver.take<float>(blocks.points * (v_step + g_step)), *const g = v + blocks.points * v_step;
  float* const padded = carver.take<float>(parallel.workers * blocks.padded());
  float* const all_sums = carver.take<float>((of_workers ? parallel.workers : blocks.count()) * blocks.sums());
  bool finite = true;
  for (int64_t begin = 0; begin < blocks.tiles; begin += blocks.tiles_at_once) {
    const int64_t tiles = min(blocks.tiles_at_once, blocks.tiles - begin);
    parallel_for(parallel, ceil_div(tiles, tiles_of_task) * panels, [&](int64_t task, int worker) {
      const int64_t first = task / panels * tiles_of_task, end = min(first + tiles_of_task, tiles), panel = task % panels,
                    of_k = panel - v_panels, channel = (of_k < 0 ? panel : of_k) * tile_columns;
      float* const to = of_k < 0 ? v + panel * blocks.panel() : g + of_k * blocks.panel();
      Tile tile(grid, begin + first);
      for (int64_t i = first; i < end; ++i, tile.advance(grid)) {
        if (of_k < 0) {
          transform_tile<M>(conv, x + tile.n * image, tile, channel, min(channel + tile_columns, C), padded + worker * blocks.padded(),
                            to + i * tile_columns, v_step);
        } else {
          transform_gradients<M>(gradients, tile, channel, min(channel + tile_columns, K), to + i * tile_columns, g_step);
        }
      }
    });
    parallel_for(parallel, blocks.count(), [&](int64_t block, int worker) {
      const int64_t first_c = block / blocks.columns() * blocks.block_c, first_k = block % blocks.columns() * blocks.block_k;
      float* const sums = all_sums + (of_workers ? worker : block) * blocks.sums();
      for (int64_t point = 0; point < blocks.points; ++point) {
        for (int64_t first = 0; first < tiles; first += tiles_of_sum) {
          const int64_t skipped = first * tile_columns;
          add_to_block(blocks, min(tiles_of_sum, tiles - first), v + point * v_step + skipped, g + point * g_step + skipped, first_c,
                       first_k, begin + first > 0, sums + point * blocks.sums_step());
        }
      }
      if (begin + tiles == blocks.tiles && !finish_block<M>(blocks, sums, first_c, first_k, dw))
        __atomic_store_n(&finite, false, __ATOMIC_RELAXED);
    });
  }
  if (db != nullptr) {
    parallel_for(parallel, ceil_div(K, lanes), [&](int64_t task, int) {
      const int64_t k = task * lanes, left = min(lanes, K - k);
      store_lanes(db + k, gradients.sum_of(0, conv.N, k, left), left);
    });
  }
  return finite;
}

}  // namespace winograd
}  // namespace fastcnn::cpu::FASTCNN_ISA
