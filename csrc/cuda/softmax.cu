// softmax and dense_softmax (ops/softmax.h): a warp a row. dense_softmax's block makes 64 rows of logits, tile by tile, and takes their
// softmax while they are in the cache.
#include "ops/softmax.h"

#include "cuda/matrix.cuh"
#include "cuda/rows.cuh"

namespace fastcnn::cuda {
namespace {

__global__ void softmax_rows(int64_t rows, int64_t K, const float* x, float* y) {
  const int64_t row = row_of_warp();
  if (row < rows) softmax_row(K, x + row * K, y + row * K);
}

__global__ void softmax_gradients(int64_t rows, int64_t K, const float* dy, const float* y, float* dx) {
  const int64_t row = row_of_warp();
  if (row >= rows) return;
  dy += row * K;
  y += row * K;
  dx += row * K;
  // In float64: where one probability is almost 1, its gradient is the difference of two almost equal numbers.
  double product = 0;
  for (int64_t k = lane_of_thread(); k < K; k += warp_size) product += static_cast<double>(dy[k]) * y[k];
  product = sum_over_warp(product);
  for (int64_t k = lane_of_thread(); k < K; k += warp_size) dx[k] = static_cast<float>(y[k] * (dy[k] - product));
}

__global__ void __launch_bounds__(tile_threads) dense_softmax_rows(Matrix x, Matrix w, int N, const float* b, float* y) {
  const int K = w.columns, m0 = static_cast<int>(blockIdx.x) * tile;
  for (int n0 = 0; n0 < K; n0 += tile) {
    float sums[each][each];
    multiply_tile(x, w, N, K, 0, x.columns, m0, n0, sums);
    for_each_sum(sums, N, K, m0, n0, [&](int m, int n, float sum) { y[int64_t{m} * K + n] = b == nullptr ? sum : sum + b[n]; });
  }
  __syncthreads();  // the block's logits, in global memory
  for (int m = m0 + static_cast<int>(threadIdx.x) / warp_size; m < min(N, m0 + tile); m += tile_threads / warp_size)
    softmax_row(K, y + int64_t{m} * K, y + int64_t{m} * K);
}

}  // namespace

void softmax_forward(int64_t rows, int64_t K, const float* x, float* y, const Parallel& parallel) {
  launch(parallel, blocks_for(rows, rows_a_block), 1, 1, rows_a_block * warp_size, softmax_rows, rows, K, x, y);
}

void softmax_backward(int64_t rows, int64_t K, const float* dy, const float* y, float* dx, const Parallel& parallel) {
  launch(parallel, blocks_for(rows, rows_a_block), 1, 1, rows_a_block * warp_size, softmax_gradients, rows, K, dy, y, dx);
}

int64_t dense_softmax_scratch(const Conv2d&) { return 0; }

void dense_softmax(const Conv2d& dense, const float* x, const float* w, const float* b, float* y, void*, const Parallel& parallel) {
  launch(parallel, blocks_for(dense.N, tile), 1, 1, tile_threads, dense_softmax_rows, Matrix{x, static_cast<int>(dense.C)},
         Matrix{w, static_cast<int>(dense.K)}, static_cast<int>(dense.N), b, y);
}

}  // namespace fastcnn::cuda
