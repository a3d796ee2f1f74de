// Gradients by the weights, slab by slab: a slab is some whole images of the batch, and has partial sums of its own. They are added in
// their order, so the result does not depend on the number of threads.
#pragma once

#include "cpu/simd.h"
#include "cpu/work.h"
#include "ops/conv2d.h"

namespace fastcnn::cpu::FASTCNN_ISA {

// A partial sum is dw, R * S * C rows, then db, one row; a row is K floats in whole vectors.
struct Slabs {
  int64_t images, count, columns, rows;

  int64_t floats() const { return rows * columns; }
  int64_t bytes() const { return Carver::bytes_of<float>(count * floats()); }
  int64_t begin(int64_t slab) const { return slab * images / count; }
  int64_t end(int64_t slab) const { return begin(slab + 1); }
};

// `count` of them, or as many as there are images. weights: a filter's.
FASTCNN_INLINE Slabs cut_into_slabs(int64_t images, int64_t weights, int64_t K, int64_t count) {
  return {images, max(1, min(images, count)), round_up(K, lanes), weights + 1};
}
FASTCNN_INLINE Slabs cut_into_slabs(const Conv2d& conv, int64_t count) {
  return cut_into_slabs(conv.N, conv.window.R * conv.window.S * conv.C, conv.K, count);
}

// dw and db, which may be null, are the sums of the partials. Gives false where one of them is not finite.
[[maybe_unused]] static bool add_partials(const Slabs& slabs, int64_t K, const float* partials, float* dw, float* db,
                                          const Parallel& parallel) {
  bool finite = true;
  const int64_t rows_per_task = ceil_div(8192, slabs.columns);
  parallel_for(parallel, ceil_div(slabs.rows, rows_per_task), [&](int64_t task, int) {
    Vec all{};
    for (int64_t row = task * rows_per_task; row < min((task + 1) * rows_per_task, slabs.rows); ++row) {
      float* const to = row + 1 < slabs.rows ? dw + row * K : db;
      if (to == nullptr) continue;
      for (int64_t k = 0; k < K; k += lanes) {
        const float* const from = partials + row * slabs.columns + k;
        Vec total = load(from);
        for (int64_t slab = 1; slab < slabs.count; ++slab) total += load(from + slab * slabs.floats());
        all += total - total;
        store_lanes(to + k, total, min(lanes, K - k));
      }
    }
    if (any(all != Vec{})) __atomic_store_n(&finite, false, __ATOMIC_RELAXED);
  });
  return finite;
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
