// clip_gradients (ops/clip_gradients.h): a warp a slab, once for the squares, and once more to make the gradients smaller: there each warp
// adds up the slabs of its norm for itself, which costs less than a kernel between the two.
#include "ops/clip_gradients.h"

#include "cuda/rows.cuh"

namespace fastcnn::cuda {
namespace {

__global__ void cut_slabs(float limit, int64_t count, const ClipSlab* slabs, float* gradients) {
  const int64_t row = row_of_warp();
  if (row >= count) return;
  const Range range = slabs[row].range;
  for (int64_t i = lane_of_thread(); i < range.size; i += warp_size) {
    float& g = gradients[range.offset + i];
    g = g > limit ? limit : g < -limit ? -limit : g;
  }
}

__global__ void square_slabs(int64_t count, const ClipSlab* slabs, const float* gradients, double* sums) {
  const int64_t row = row_of_warp();
  if (row >= count) return;
  const Range range = slabs[row].range;
  double sum = 0;
  for (int64_t i = lane_of_thread(); i < range.size; i += warp_size) {
    const auto g = static_cast<double>(gradients[range.offset + i]);
    sum += g * g;
  }
  sum = sum_over_warp(sum);
  if (lane_of_thread() == 0) sums[row] = sum;
}

__global__ void scale_slabs(Clipping clipping, int64_t count, const ClipSlab* slabs, float* gradients, const double* sums) {
  const int64_t row = row_of_warp();
  if (row >= count) return;
  const ClipSlab slab = slabs[row];
  double sum = 0;
  for (int64_t i = slab.first + lane_of_thread(); i < slab.last; i += warp_size) sum += sums[i];
  const double norm = sqrt(sum_over_warp(sum)), limit = static_cast<double>(clipping.limit);
  if (norm <= limit) return;
  const bool lost = clipping.kind == Clipping::Kind::global_norm && !isfinite(norm);
  const float factor = lost ? NAN : static_cast<float>(limit / norm);
  for (int64_t i = lane_of_thread(); i < slab.range.size; i += warp_size) gradients[slab.range.offset + i] *= factor;
}

}  // namespace

void clip_gradients(const Clipping& clipping, int64_t count, const ClipSlab* slabs, float* gradients, double* sums,
                    const Parallel& parallel) {
  const int64_t blocks = blocks_for(count, rows_a_block);
  constexpr int threads = rows_a_block * warp_size;
  if (clipping.kind == Clipping::Kind::value) {
    launch(parallel, blocks, 1, 1, threads, cut_slabs, clipping.limit, count, slabs, gradients);
    return;
  }
  launch(parallel, blocks, 1, 1, threads, square_slabs, count, slabs, gradients, sums);
  launch(parallel, blocks, 1, 1, threads, scale_slabs, clipping, count, slabs, gradients, sums);
}

}  // namespace fastcnn::cuda
