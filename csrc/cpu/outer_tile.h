// The micro-kernel under the gradients by the weights: a tile of T inputs times V vectors of output channels, held in registers while the
// outer products of many rows are summed up.
//
//   to[i][0 : V*lanes] (+)= sum over rows of  rows(row)[i] * gradients[row * step + 0 : V*lanes],  i < T
//
// There are as many registers, and multiply-adds between two loads, as in tile.h.
#pragma once

#include "cpu/simd.h"
#include "cpu/tile.h"

namespace fastcnn::cpu::FASTCNN_ISA {

// Rows wherever they lie, from an offset on.
struct RowsAnywhere {
  const float* const* rows;
  int64_t offset;

  const float* operator()(int64_t row) const { return rows[row] + offset; }
};

// Rows a step apart.
struct RowsInSteps {
  const float* first;
  int64_t step;

  const float* operator()(int64_t row) const { return first + row * step; }
};

template <class Rows>
using OuterTile = void (*)(int64_t count, const Rows& rows, const float* gradients, int64_t step, float* to, int64_t to_step, bool add);

template <int T, int V, class Rows>
__attribute__((noinline)) void outer_tile(int64_t count, const Rows& rows, const float* gradients, int64_t step, float* to, int64_t to_step,
                                          bool add) {
  Vec sums[T][V];
#pragma GCC unroll 16
  for (int i = 0; i < T; ++i)
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) sums[i][v] = Vec{};
  for (int64_t row = 0; row < count; ++row, gradients += step) {
    const float* const in = rows(row);
    Vec gradient[V];
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) gradient[v] = load(gradients + v * lanes);
#pragma GCC unroll 16
    for (int i = 0; i < T; ++i) {
      const Vec value = broadcast(in[i]);
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) sums[i][v] += value * gradient[v];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < T; ++i)
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      float* const at = to + i * to_step + v * lanes;
      store(at, add ? load(at) + sums[i][v] : sums[i][v]);
    }
}

// The tile for `inputs` in [1, T] and `vectors` in [1, tile_vectors].
template <class Rows, int T = tile_rows>
OuterTile<Rows> outer_tile_function(int64_t inputs, int64_t vectors) {
  static_assert(tile_vectors == 2);
  if constexpr (T > 1) {
    if (inputs < T) return outer_tile_function<Rows, T - 1>(inputs, vectors);
  }
  return vectors == 1 ? outer_tile<T, 1, Rows> : outer_tile<T, 2, Rows>;
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
