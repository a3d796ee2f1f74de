// The micro-kernel under every matrix product here: a tile of T rows (pixels of a convolution, samples of a dense layer) times V vectors of
// output channels, held in registers while the products are summed up.
//
//   out[i][0 : V*lanes] = bias + sum over t < taps, j < length of  in[i][t * in_stride + j] * w[t * w_stride + j * w_step + 0 : V*lanes]
//
// Each row has a pointer of its own (the indirection of Dukhan 2019, "The indirect convolution algorithm"), so the rows of a tile may
// be any pixels: across a row's end or an image's, with any stride. Nothing is copied to columns. For a filter row the S * C inputs lie
// side by side in NHWC, and the S * C rows of weights in RSCK: one loop runs over both.
//
// Registers: T * V sums, V weights and one broadcast input: 13 * 2 + 3 = 29 of AVX-512's 32, 6 * 2 + 3 = 15 of 16 elsewhere. Between two
// loads of weights stand T * V >= 12 multiply-adds, enough to hide the latency of 4 of two units.
#pragma once

#include "cpu/simd.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {

constexpr int tile_rows = registers == 32 ? 13 : 6;
constexpr int tile_vectors = 2;
constexpr int64_t tile_columns = tile_vectors * lanes;

// What the tiles of one product share.
struct TileProduct {
  int64_t taps, length;
  int64_t in_stride;         // floats between taps, in a row's input
  const float* w;            // the first vector of this block of columns
  int64_t w_stride, w_step;  // floats between taps, and between inputs, in w
  const float* bias;         // null for none; as many floats as columns
  int64_t columns;           // to be stored, in (0, V * lanes]
  bool relu = false;         // whether what is not above 0 is cut off
};

// The inputs of T rows, each with a pointer of its own.
template <int T>
struct RowInputs {
  const float* rows[T];

  explicit RowInputs(const float* const* in) {
#pragma GCC unroll 16
    for (int i = 0; i < T; ++i) rows[i] = in[i];
  }
  float operator()(int row, int64_t j) const { return rows[row][j]; }
};

// The sums of T rows and V vectors, without the bias. inputs(i, j): input j of row i.
template <int T, int V, class Inputs>
FASTCNN_INLINE void sum_products(const TileProduct& product, const Inputs& inputs, Vec (&sums)[T][V]) {
#pragma GCC unroll 16
  for (int i = 0; i < T; ++i)
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) sums[i][v] = Vec{};
  for (int64_t tap = 0; tap < product.taps; ++tap) {
    const float* w = product.w + tap * product.w_stride;
    const int64_t begin = tap * product.in_stride, end = begin + product.length;
    for (int64_t j = begin; j < end; ++j, w += product.w_step) {
      Vec weights[V];
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) weights[v] = load(w + v * lanes);
#pragma GCC unroll 16
      for (int i = 0; i < T; ++i) {
        const Vec x = broadcast(inputs(i, j));
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v) sums[i][v] += x * weights[v];
      }
    }
  }
}

// The bias of the vector that begins at column v * lanes.
FASTCNN_INLINE Vec bias_of(const TileProduct& product, int v) {
  if (product.bias == nullptr) return Vec{};
  return load_lanes(product.bias + v * lanes, min(product.columns - v * lanes, lanes));
}

FASTCNN_INLINE Vec cut(Vec v) { return select(v <= Vec{}, Vec{}, v); }  // a NaN is not <= 0

template <int T, int V>
__attribute__((noinline)) void multiply_tile(const TileProduct& product, const float* const* in, float* const* out) {
  Vec sums[T][V];
  sum_products(product, RowInputs<T>(in), sums);
#pragma GCC unroll 16
  for (int v = 0; v < V; ++v) {
    const int64_t left = product.columns - v * lanes;
    const Vec bias = bias_of(product, v);
#pragma GCC unroll 16
    for (int i = 0; i < T; ++i) {
      const Vec sum = sums[i][v] + bias, y = product.relu ? cut(sum) : sum;
      if (left < lanes) {
        store_first(out[i] + v * lanes, y, left);
      } else {
        store(out[i] + v * lanes, y);
      }
    }
  }
}

using TileFunction = void (*)(const TileProduct&, const float* const*, float* const*);

// The tile for `rows` in [1, T] and `vectors` in [1, tile_vectors].
template <int T = tile_rows>
TileFunction tile_function(int64_t rows, int64_t vectors) {
  static_assert(tile_vectors == 2);
  if constexpr (T > 1) {
    if (rows < T) return tile_function<T - 1>(rows, vectors);
  }
  return vectors == 1 ? multiply_tile<T, 1> : multiply_tile<T, 2>;
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
