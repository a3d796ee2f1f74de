// softmax and dense_softmax (ops/softmax.h). A row is passed over three times: its largest value, the sum of the exponentials, the
// quotients.
#include "ops/softmax.h"

#include "cpu/rows.h"
#include "cpu/simd.h"
#include "cpu/tile.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

void softmax_row(int64_t K, const float* x, float* y) {
  const float largest = largest_of(K, x);
  const float total = exponentials(K, x, largest, y);
  const Vec scale = broadcast(1 / total);
  int64_t k = 0;
  for (; k + lanes <= K; k += lanes) store(y + k, load(y + k) * scale);
  if (k < K) store_first(y + k, load_first(y + k, K - k) * scale, K - k);
}

constexpr int64_t chunk = 8192;  // floats handed out at a time

}  // namespace

void softmax_forward(int64_t rows, int64_t K, const float* x, float* y, const Parallel& parallel) {
  const int64_t per_task = max(1, chunk / max(1, K));
  parallel_for(parallel, ceil_div(rows, per_task), [&](int64_t task, int) {
    for (int64_t row = task * per_task; row < min((task + 1) * per_task, rows); ++row) softmax_row(K, x + row * K, y + row * K);
  });
}

void softmax_backward(int64_t rows, int64_t K, const float* dy, const float* y, float* dx, const Parallel& parallel) {
  const int64_t per_task = max(1, chunk / max(1, K));
  parallel_for(parallel, ceil_div(rows, per_task), [&](int64_t task, int) {
    for (int64_t row = task * per_task; row < min((task + 1) * per_task, rows); ++row) {
      // In float64: where one probability is almost 1, its gradient is the difference of two almost equal numbers.
      const int64_t at = row * K;
      double product = 0;
      for (int64_t k = 0; k < K; ++k) product += static_cast<double>(dy[at + k]) * y[at + k];
      for (int64_t k = 0; k < K; ++k) dx[at + k] = static_cast<float>(y[at + k] * (dy[at + k] - product));
    }
  });
}

// The weights' columns are padded to whole vectors, so that every tile may read them.
int64_t dense_softmax_scratch(const Conv2d& dense) {
  return dense.K % lanes == 0 ? 0 : Carver::bytes_of<float>(dense.C * round_up(dense.K, lanes));
}

void dense_softmax(const Conv2d& dense, const float* x, const float* w, const float* b, float* y, void* scratch, const Parallel& parallel) {
  const int64_t step = round_up(dense.K, lanes);
  if (step != dense.K) {
    float* padded = static_cast<float*>(scratch);
    for (int64_t c = 0; c < dense.C; ++c)
      for (int64_t k = 0; k < step; ++k) padded[c * step + k] = k < dense.K ? w[c * dense.K + k] : 0;
    w = padded;
  }
  parallel_for(parallel, ceil_div(dense.N, tile_rows), [&](int64_t task, int) {
    const int64_t first = task * tile_rows, rows = min(tile_rows, dense.N - first);
    const float* in[tile_rows];
    float* out[tile_rows];
    for (int64_t k = 0; k < dense.K; k += tile_columns) {
      for (int64_t i = 0; i < rows; ++i) {
        in[i] = x + (first + i) * dense.C;
        out[i] = y + (first + i) * dense.K + k;
      }
      const int64_t columns = min(dense.K - k, tile_columns);
      const TileProduct product{1, dense.C, 0, w + k, 0, step, b == nullptr ? nullptr : b + k, columns};
      tile_function(rows, ceil_div(columns, lanes))(product, in, out);
    }
    for (int64_t i = 0; i < rows; ++i) softmax_row(dense.K, y + (first + i) * dense.K, y + (first + i) * dense.K);
  });
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
