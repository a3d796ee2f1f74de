// The sliding product that convolutions are made of: classes of output pixels, tile by tile, over weights packed into panels.
//
// A panel holds the weights of one block of tile_columns output channels, row after row (a row: one tap and one input channel), so that
// it stays in the L1 cache while the pixels pass. conv2d.cpp and its fused relatives say what slides over what.
#pragma once

#include "cpu/simd.h"
#include "cpu/taps.h"
#include "cpu/tile.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {

// Output pixels that share their taps.
struct PixelClass {
  const AxisGroup* rows;
  const AxisGroup* columns;
  int64_t pixels, tiles;
  TileProduct product;  // all but the block of columns
  int64_t panel_row;    // where its taps begin in a panel, in rows of tile_columns
};

// Multiply-adds of a task: about 4 microseconds, enough to be worth handing out.
constexpr int64_t task_work = 500'000;

// One product of a sliding window of inputs with weights, for all its output pixels.
struct SlidingProduct {
  int64_t N, in_width, in_channels, out_width, out_channels;
  int64_t in_image, out_image;  // floats in one image
  Axis rows, columns;
  const float* in;
  float* out;
  const float* bias;
  const float* weights;  // panels, or w itself
  int64_t panel_rows;    // rows in one panel
  int64_t weight_step;   // floats between rows: 0 for packed panels, whose step is their width
  bool relu = false;     // whether what is not above 0 is cut off
};

[[maybe_unused]] static int64_t blocks_of(int64_t channels) { return ceil_div(channels, tile_columns); }
[[maybe_unused]] static int64_t panel_width(int64_t channels, int64_t block) {
  return min(round_up(channels - block * tile_columns, lanes), tile_columns);
}

// The class of these rows and columns, whose weights begin `first_tap` rows into a panel and lie `w_tap` rows from filter row to filter
// row.
[[maybe_unused]] static PixelClass pixel_class(const SlidingProduct& sliding, const AxisGroup& rows, const AxisGroup& columns,
                                               int64_t first_tap, int64_t w_tap) {
  PixelClass cls{&rows, &columns, sliding.N * pixels_of(rows, columns), 0, {}, first_tap};
  cls.product.taps = rows.count;
  cls.product.length = columns.count * sliding.in_channels;
  cls.product.in_stride = sliding.in_width * sliding.in_channels;
  cls.product.w_stride = w_tap;
  cls.tiles = ceil_div(cls.pixels, tile_rows);
  return cls;
}

// Tiles [first_tile, end_tile) of a class, for one block of output channels.
[[maybe_unused]] static void run_tiles(const SlidingProduct& sliding, const PixelClass& cls, int64_t block, int64_t first_tile,
                                       int64_t end_tile) {
  const int64_t first_column = block * tile_columns, vectors = panel_width(sliding.out_channels, block) / lanes;

  TileProduct product = cls.product;
  product.relu = sliding.relu;
  product.columns = min(sliding.out_channels - first_column, tile_columns);
  product.bias = sliding.bias == nullptr ? nullptr : sliding.bias + first_column;
  if (sliding.weight_step == 0) {
    product.w_step = vectors * lanes;
    product.w = sliding.weights + first_column * sliding.panel_rows + cls.panel_row * product.w_step;
  } else {
    product.w_step = sliding.weight_step;
    product.w = sliding.weights + first_column + cls.panel_row * product.w_step;
  }
  product.w_stride *= product.w_step;

  const int64_t small = cls.pixels / cls.tiles;
  const TileFunction tiles[2] = {tile_function(small, vectors), tile_function(min(small + 1, tile_rows), vectors)};
  int64_t pixel = first_tile * cls.pixels / cls.tiles;
  PixelWalk walk(sliding.rows, sliding.columns, *cls.rows, *cls.columns, pixel);
  for (int64_t tile = first_tile; tile < end_tile; ++tile) {
    const int64_t end = (tile + 1) * cls.pixels / cls.tiles, count = end - pixel;
    const float* in[tile_rows];
    float* out[tile_rows];
    for (int64_t i = 0; i < count; ++i, walk.advance()) {
      const AxisEntry& row = sliding.rows.entries[walk.row];
      const AxisEntry& column = sliding.columns.entries[walk.column];
      in[i] = sliding.in + walk.image * sliding.in_image + (row.in * sliding.in_width + column.in) * sliding.in_channels;
      out[i] =
          sliding.out + walk.image * sliding.out_image + (row.out * sliding.out_width + column.out) * sliding.out_channels + first_column;
    }
    tiles[count - small](product, in, out);
    pixel = end;
  }
}

// Floats of `rows` rows in panels.
FASTCNN_INLINE int64_t packed_floats(int64_t rows, int64_t channels) { return rows * round_up(channels, lanes); }

// Copies rows [begin, end) of w, `channels` wide, into the panels; the lanes past the last channel become 0.
[[maybe_unused]] static void pack_rows(const float* w, int64_t begin, int64_t end, int64_t rows, int64_t channels, float* panels) {
  for (int64_t block = 0; block < blocks_of(channels); ++block) {
    const int64_t width = panel_width(channels, block), first = block * tile_columns, columns = min(channels - first, width);
    float* panel = panels + first * rows;
    for (int64_t row = begin; row < end; ++row) {
      float* to = panel + row * width;
      const float* from = w + row * channels + first;
      for (int64_t i = 0; i < columns; ++i) to[i] = from[i];
      for (int64_t i = columns; i < width; ++i) to[i] = 0;
    }
  }
}

// pack_rows, in parts of some rows each, for LaidOut.
struct RowsInParts {
  const float* w;
  int64_t rows, channels;

  int64_t rows_of_a_part() const { return ceil_div(8192, channels); }
  int64_t parts() const { return ceil_div(rows, rows_of_a_part()); }
  void operator()(int64_t part, float* panels) const {
    pack_rows(w, part * rows_of_a_part(), min((part + 1) * rows_of_a_part(), rows), rows, channels, panels);
  }
};

}  // namespace fastcnn::cpu::FASTCNN_ISA
