// add_to_totals (ops/totals.h): one warp, since a batch has few samples.
#include "ops/totals.h"

#include "cuda/rows.cuh"

namespace fastcnn::cuda {
namespace {

__global__ void add_batch(int64_t n, const float* loss, const int32_t* correct, Totals* totals) {
  double sum = 0;
  int right = 0;
  for (int64_t i = lane_of_thread(); i < n; i += warp_size) {
    sum += static_cast<double>(loss[i]);
    if (correct != nullptr) right += correct[i];
  }
  sum = sum_over_warp(sum);
  right = sum_over_warp(right);
  if (lane_of_thread() != 0) return;
  totals->loss += sum;
  totals->correct += right;
  totals->batches += 1;
  if (!isfinite(sum) && totals->not_finite == 0) totals->not_finite = totals->batches;
}

}  // namespace

void add_to_totals(int64_t n, const float* loss, const int32_t* correct, Totals* totals, const Parallel& parallel) {
  launch(parallel, 1, 1, 1, warp_size, add_batch, n, loss, correct, totals);
}

}  // namespace fastcnn::cuda
