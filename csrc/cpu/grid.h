// Outputs of images in square tiles, and the walk over them.
#pragma once

#include "cpu/simd.h"

namespace fastcnn::cpu::FASTCNN_ISA {

// The tiles of an image, each of m x m outputs: (i, j) begins at the output (m i, m j).
struct Grid {
  int64_t m, rows, columns;

  int64_t tiles() const { return rows * columns; }
};

// A tile on its walk over all images.
struct Tile {
  int64_t n, row, column;

  Tile(const Grid& grid, int64_t number)
      : n(number / grid.tiles()), row(number / grid.columns % grid.rows), column(number % grid.columns) {}

  void advance(const Grid& grid) {
    if (++column < grid.columns) return;
    column = 0;
    if (++row < grid.rows) return;
    row = 0;
    ++n;
  }
};

}  // namespace fastcnn::cpu::FASTCNN_ISA
