// Reductions over one row of K floats by one warp, for the softmax and the losses. All lanes get the result, the same on every run.
#pragma once

#include <cmath>

#include "cuda/launch.cuh"

namespace fastcnn::cuda {

constexpr int rows_a_block = 8;  // one warp each

__device__ inline int lane_of_thread() { return static_cast<int>(threadIdx.x) % warp_size; }
// The row of this thread's warp, among rows_a_block in each block.
__device__ inline int64_t row_of_warp() { return int64_t{blockIdx.x} * rows_a_block + threadIdx.x / warp_size; }

template <class T>
__device__ inline T sum_over_warp(T value) {
  for (int distance = warp_size / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(full_warp, value, distance);
  return value;
}

// The larger one; a NaN is larger than anything.
__device__ inline float larger(float a, float b) { return b <= a || a != a ? a : b; }

__device__ inline float largest_of(int64_t K, const float* x) {
  float largest = -INFINITY;
  for (int64_t k = lane_of_thread(); k < K; k += warp_size) largest = larger(largest, x[k]);
  for (int distance = warp_size / 2; distance > 0; distance /= 2) largest = larger(largest, __shfl_xor_sync(full_warp, largest, distance));
  return largest;
}

// The position of the largest value, the first of equals; NaN is passed over, as in Keras's accuracy.
__device__ inline int position_of_largest(int64_t K, const float* x) {
  int position = 0;
  float largest = -INFINITY;
  for (int64_t k = lane_of_thread(); k < K; k += warp_size) {
    if (!(x[k] > largest)) continue;
    largest = x[k];
    position = static_cast<int>(k);
  }
  for (int distance = warp_size / 2; distance > 0; distance /= 2) {
    const float other = __shfl_xor_sync(full_warp, largest, distance);
    const int other_position = __shfl_xor_sync(full_warp, position, distance);
    if (other > largest || (other == largest && other_position < position)) {
      largest = other;
      position = other_position;
    }
  }
  return largest == -INFINITY ? 0 : position;
}

__device__ inline void softmax_row(int64_t K, const float* x, float* y) {
  const float largest = largest_of(K, x);
  float total = 0;
  for (int64_t k = lane_of_thread(); k < K; k += warp_size) {
    y[k] = expf(x[k] - largest);
    total += y[k];
  }
  const float scale = 1 / sum_over_warp(total);
  for (int64_t k = lane_of_thread(); k < K; k += warp_size) y[k] *= scale;
}

}  // namespace fastcnn::cuda
