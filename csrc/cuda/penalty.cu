// add_penalty (ops/penalty.h): a warp a slab of 4,096 floats, then one warp over the slabs.
#include "ops/penalty.h"

#include "cuda/rows.cuh"

namespace fastcnn::cuda {
namespace {

constexpr int64_t slab = 4096;

__global__ void slab_penalties(Penalty penalty, int64_t n, const float* w, float* dw, double* slabs) {
  const int64_t row = row_of_warp(), end = n < (row + 1) * slab ? n : (row + 1) * slab;
  if (row * slab >= n) return;
  double absolutes = 0, squares = 0;
  for (int64_t i = row * slab + lane_of_thread(); i < end; i += warp_size) {
    const float value = w[i];
    absolutes += static_cast<double>(fabsf(value));
    squares += static_cast<double>(value) * static_cast<double>(value);
    if (dw != nullptr) dw[i] += penalty.l1 * static_cast<float>((value > 0) - (value < 0)) + 2 * penalty.l2 * value;
  }
  absolutes = sum_over_warp(absolutes);
  squares = sum_over_warp(squares);
  if (lane_of_thread() == 0) slabs[row] = static_cast<double>(penalty.l1) * absolutes + static_cast<double>(penalty.l2) * squares;
}

__global__ void add_slabs(int64_t count, const double* slabs, double samples, Totals* totals) {
  double sum = 0;
  for (int64_t i = lane_of_thread(); i < count; i += warp_size) sum += slabs[i];
  sum = sum_over_warp(sum);
  if (lane_of_thread() == 0) totals->loss += sum * samples;
}

}  // namespace

int64_t add_penalty_slabs(int64_t n) { return blocks_for(n, slab); }

void add_penalty(const Penalty& penalty, int64_t n, const float* w, float* dw, int64_t samples, Totals* totals, double* slabs,
                 const Parallel& parallel) {
  const int64_t count = blocks_for(n, slab);
  launch(parallel, blocks_for(count, rows_a_block), 1, 1, rows_a_block * warp_size, slab_penalties, penalty, n, w, dw, slabs);
  launch(parallel, 1, 1, 1, warp_size, add_slabs, count, slabs, static_cast<double>(samples), totals);
}

}  // namespace fastcnn::cuda
