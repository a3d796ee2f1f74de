// conv2d's gradients by w and b (ops/conv2d.h has the mathematics): by Winograd's tiles where that pays (winograd_gradients.h,
// winograd_blocks.h), else for each filter row r, the product of the inputs (S*C of them for each output pixel, side by side) with the
// output gradients, summed over the pixels.
//
// A tile (outer_tile.h) is T inputs times two vectors of K, in registers, while up to 128 pixels pass. 128 pixels of dy (32 KB at K = 64)
// stay in the L1 cache for all tiles of a task. Each block of pixels is summed up from 0 and then added, so that rounding grows with the
// square root of 128 and of the number of blocks, not of their product.
//
// The batch is cut into slabs of whole images, by its size alone; a task is one slab times a few tiles. Where there are several slabs, each
// has a partial dw of its own, and they are added in their order: the result does not depend on the number of threads.
#include "ops/conv2d.h"

#include "cpu/outer_tile.h"
#include "cpu/simd.h"
#include "cpu/slabs.h"
#include "cpu/taps.h"
#include "cpu/tile.h"
#include "cpu/winograd_blocks.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

constexpr int64_t block_pixels = 128;
constexpr int64_t slab_pixels = 2048;
constexpr int64_t max_slabs = 16;
constexpr int64_t tiles_per_task = 4;

Slabs slabs_of(const Conv2d& conv) {
  return cut_into_slabs(conv, min(max_slabs, ceil_div(conv.N * conv.window.P * conv.window.Q, slab_pixels)));
}

// What all tasks share.
struct Wgrad {
  const Conv2d& conv;
  Axis rows, columns;
  const float* x;
  const float* dy;
  bool one_class;  // all pixels meet the whole filter: every element of dw is written by the first block already
  Slabs slabs;
  int64_t tiles_per_row;  // each filter row's S*C inputs are cut into so many tiles
};

// The tile of filter row r that begins at input `begin` (of S*C) and ends before `end`.
struct InputTile {
  int64_t r, begin, end;
};

InputTile input_tile(const Wgrad& wgrad, int64_t tile) {
  const int64_t inputs = wgrad.conv.window.S * wgrad.conv.C, i = tile % wgrad.tiles_per_row;
  return {tile / wgrad.tiles_per_row, i * inputs / wgrad.tiles_per_row, (i + 1) * inputs / wgrad.tiles_per_row};
}

void add_rows(const float* dy, int64_t step, int64_t pixels, int64_t columns, float* db) {
  for (int64_t k = 0; k < columns; k += lanes) {
    Vec total = {};
    for (int64_t pixel = 0; pixel < pixels; ++pixel) total += load(dy + pixel * step + k);
    store(db + k, load(db + k) + total);
  }
}

// Tiles [first_tile, end_tile) over the images [first_image, end_image), into one partial. db is null for all tasks but a slab's first.
void run_task(const Wgrad& wgrad, int64_t first_image, int64_t end_image, int64_t first_tile, int64_t end_tile, float* dw, float* db,
              float* dy_block) {
  const Conv2d& conv = wgrad.conv;
  const Window& win = conv.window;
  const int64_t columns = wgrad.slabs.columns, row_inputs = win.S * conv.C;
  const bool one_class = wgrad.one_class && first_image < end_image;
  if (!one_class) {
    for (int64_t tile = first_tile; tile < end_tile; ++tile) {
      const InputTile in = input_tile(wgrad, tile);
      float* to = dw + (in.r * row_inputs + in.begin) * columns;
      for (int64_t i = 0; i < (in.end - in.begin) * columns; i += lanes) store(to + i, Vec{});
    }
  }
  if (db != nullptr) {
    for (int64_t k = 0; k < columns; k += lanes) store(db + k, Vec{});
  }
  for (int64_t row_group = 0; row_group < wgrad.rows.group_count; ++row_group) {
    for (int64_t column_group = 0; column_group < wgrad.columns.group_count; ++column_group) {
      const AxisGroup &rows = wgrad.rows.groups[row_group], &cols = wgrad.columns.groups[column_group];
      const int64_t image_pixels = pixels_of(rows, cols), end = end_image * image_pixels, begin = first_image * image_pixels;
      PixelWalk walk(wgrad.rows, wgrad.columns, rows, cols, begin);
      for (int64_t pixel = begin; pixel < end; pixel += block_pixels) {
        const int64_t count = min(block_pixels, end - pixel);
        const float* inputs[block_pixels];
        // The pixels of the one class follow each other in dy. What their last vectors have of those behind comes to columns past K, which
        // nobody reads; but it must be there.
        const int64_t behind = (conv.N * image_pixels - pixel - count) * conv.K;
        const bool in_place = wgrad.one_class && behind >= columns - conv.K;
        const float* const gradients = in_place ? wgrad.dy + pixel * conv.K : dy_block;
        const int64_t step = in_place ? conv.K : columns;
        for (int64_t i = 0; i < count; ++i, walk.advance()) {
          const AxisEntry &row = wgrad.rows.entries[walk.row], &column = wgrad.columns.entries[walk.column];
          inputs[i] = wgrad.x + ((walk.image * win.H + row.in) * win.W + column.in) * conv.C;
          if (in_place) continue;
          const float* from = wgrad.dy + ((walk.image * win.P + row.out) * win.Q + column.out) * conv.K;
          for (int64_t k = 0; k < conv.K; k += lanes) store(dy_block + i * columns + k, load_lanes(from + k, conv.K - k));
        }
        if (db != nullptr) add_rows(gradients, step, count, columns, db);
        for (int64_t tile = first_tile; tile < end_tile; ++tile) {
          const InputTile in = input_tile(wgrad, tile);
          const int64_t first = max(in.begin, cols.first * conv.C), last = min(in.end, (cols.first + cols.count) * conv.C);
          if (in.r < rows.first || in.r >= rows.first + rows.count || first >= last) continue;
          const int64_t offset = (in.r - rows.first) * win.W * conv.C + first - cols.first * conv.C;
          for (int64_t k = 0; k < columns; k += tile_columns) {
            const int64_t vectors = min(columns - k, tile_columns) / lanes;
            outer_tile_function<RowsAnywhere>(last - first, vectors)(count, {inputs, offset}, gradients + k, step,
                                                                     dw + (in.r * row_inputs + first) * columns + k, columns,
                                                                     !one_class || pixel > begin);
          }
        }
      }
    }
  }
}

int64_t winograd_scratch(const Conv2d& conv, const Grid& grid, int workers) {
  if (grid.m == 0) return 0;
  return (winograd::goes_by_blocks(conv, grid) ? winograd::blocks_scratch : winograd::wgrad_scratch)(conv, grid, workers);
}

auto winograd_wgrad(const Conv2d& conv, const Grid& grid) {
  if (winograd::goes_by_blocks(conv, grid)) return grid.m == 4 ? winograd::wgrad_by_blocks<4> : winograd::wgrad_by_blocks<2>;
  return grid.m == 4 ? winograd::wgrad<4> : winograd::wgrad<2>;
}

}  // namespace

int64_t conv2d_wgrad_scratch(const Conv2d& conv, int workers) {
  const Window& win = conv.window;
  const Slabs slabs = slabs_of(conv);
  const Grid grid = winograd::wgrad_grid(conv);
  return max(axis_scratch(win.P) + axis_scratch(win.Q) + slabs.bytes() + workers * Carver::bytes_of<float>(block_pixels * slabs.columns),
             winograd_scratch(conv, grid, workers));
}

void conv2d_wgrad(const Conv2d& conv, const float* x, const float* dy, float* dw, float* db, void* scratch, const Parallel& parallel) {
  const Window& win = conv.window;
  if (const Grid grid = winograd::wgrad_grid(conv); grid.m > 0) {
    const OutputGradients gradients = winograd::gradients_of(conv, dy);
    if (winograd_wgrad(conv, grid)(conv, grid, x, gradients, dw, db, scratch, parallel)) return;
  }
  Carver carver(scratch);
  Wgrad wgrad{conv, {}, {}, x, dy, false, slabs_of(conv), ceil_div(win.S * conv.C, tile_rows)};
  wgrad.rows = forward_axis(carver, win.P, win.H, win.R, win.stride_h, win.top);
  wgrad.columns = forward_axis(carver, win.Q, win.W, win.S, win.stride_w, win.left);
  wgrad.one_class = wgrad.rows.group_count == 1 && wgrad.columns.group_count == 1 && wgrad.rows.groups[0].count == win.R &&
                    wgrad.columns.groups[0].count == win.S;

  const Slabs& slabs = wgrad.slabs;
  const bool direct = slabs.count == 1 && slabs.columns == conv.K;
  const int64_t dw_floats = slabs.floats() - slabs.columns;
  float* const partials = carver.take<float>(slabs.count * slabs.floats());
  float* const dy_blocks = carver.take<float>(parallel.workers * block_pixels * slabs.columns);

  const int64_t tiles = win.R * wgrad.tiles_per_row, chunks = ceil_div(tiles, tiles_per_task);
  parallel_for(parallel, slabs.count * chunks, [&](int64_t task, int worker) {
    const int64_t slab = task / chunks, chunk = task % chunks;
    float* const partial = partials + slab * slabs.floats();
    float* const to = direct ? dw : partial;
    float* const db_to = chunk > 0 || db == nullptr ? nullptr : direct ? db : partial + dw_floats;
    run_task(wgrad, slabs.begin(slab), slabs.end(slab), chunk * tiles_per_task, min((chunk + 1) * tiles_per_task, tiles), to, db_to,
             dy_blocks + worker * block_pixels * slabs.columns);
  });
  if (!direct) add_partials(slabs, conv.K, partials, dw, db, parallel);
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
