// The tiled matrix product under convolutions and dense layers: one block, one 64 x 64 tile of C = A B.
//
//   sums = sum over k in [begin, end) of a(m, k) * b(k, n)
// A and B are structs that know how to fetch an element: of a convolution the pixel under a tap (implicit GEMM: no im2col is ever stored),
// of weights just the element. 256 threads own 4 x 4 sums each, at rows ty + 16 i and columns tx + 16 j, so that a half-warp reads 16
// neighbours of B, broadcasts A, and writes 16 neighbours of C. 16 steps of k at a time lie in shared memory (8.2 KB): 256 multiply-adds a
// thread for 128 reads. A's rows are padded to 66, so that two rows' halves are written without bank conflicts. Sums run in rising k: the
// same bits every time.
#pragma once

#include "cuda/launch.cuh"

namespace fastcnn::cuda {

constexpr int tile = 64, tile_depth = 16, tile_threads = 256;
constexpr int side = 16, each = tile / side;  // threads along one side of the tile, and sums of each thread along it
static_assert(side * side == tile_threads);

struct TileMemory {
  SharedArray<float, tile_depth*(tile + 2)> a;
  SharedArray<float, tile_depth * tile> b;
};

// Which element of a 64-wide, 16-deep slice thread t fetches in turn i: along the side that is contiguous in memory.
struct Fetched {
  int wide, deep;
};
__device__ inline Fetched fetched(bool wide_is_contiguous, int t, int i) {
  if (wide_is_contiguous) return {t % tile, t / tile + i * (tile_threads / tile)};
  return {t / tile_depth + i * (tile_threads / tile_depth), t % tile_depth};
}

// One thread's share of the tile whose corner is (m0, n0) of an M x N product. All threads of the block call it together.
template <class A, class B>
__device__ void multiply_tile(const A& a, const B& b, int M, int N, int begin, int end, int m0, int n0, float (&sums)[each][each]) {
  TileMemory& memory = shared<TileMemory>();
  const int t = static_cast<int>(threadIdx.x), tx = t % side, ty = t / side;
  for (int i = 0; i < each; ++i)
    for (int j = 0; j < each; ++j) sums[i][j] = 0;
  for (int k0 = begin; k0 < end; k0 += tile_depth) {
    for (int i = 0; i < tile * tile_depth / tile_threads; ++i) {
      const Fetched at = fetched(A::rows_are_contiguous, t, i), bt = fetched(true, t, i);
      memory.a[at.deep * (tile + 2) + at.wide] = m0 + at.wide < M && k0 + at.deep < end ? a(m0 + at.wide, k0 + at.deep) : 0.0f;
      memory.b[bt.deep * tile + bt.wide] = n0 + bt.wide < N && k0 + bt.deep < end ? b(k0 + bt.deep, n0 + bt.wide) : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < tile_depth; ++k) {
      float left[each], right[each];
#pragma unroll
      for (int i = 0; i < each; ++i) left[i] = memory.a[k * (tile + 2) + ty + i * side];
#pragma unroll
      for (int j = 0; j < each; ++j) right[j] = memory.b[k * tile + tx + j * side];
#pragma unroll
      for (int i = 0; i < each; ++i)
#pragma unroll
        for (int j = 0; j < each; ++j) sums[i][j] = fmaf(left[i], right[j], sums[i][j]);
    }
    __syncthreads();
  }
}

// out(m, n, sum) for each of the thread's sums that lie in the product.
template <class Out>
__device__ void for_each_sum(const float (&sums)[each][each], int M, int N, int m0, int n0, const Out& out) {
  const int tx = static_cast<int>(threadIdx.x) % side, ty = static_cast<int>(threadIdx.x) / side;
  for (int i = 0; i < each; ++i)
    for (int j = 0; j < each; ++j)
      if (m0 + ty + i * side < M && n0 + tx + j * side < N) out(m0 + ty + i * side, n0 + tx + j * side, sums[i][j]);
}

// A row-major matrix.
struct Matrix {
  static constexpr bool rows_are_contiguous = false;
  const float* data;
  int columns;
  __device__ float operator()(int row, int column) const { return data[int64_t{row} * columns + column]; }
};

}  // namespace fastcnn::cuda
