// Kernels that keep every rule: the emulation must run them without a fault, and right, under every seed.
#include "sound.h"

#include <vector>

#include "simt.h"

using simt::shared;
using simt::SharedArray;

namespace {

constexpr unsigned full = 0xFFFFFFFF;

// `count` values on the device, and what they are when a kernel is through.
template <class T>
class Buffer {
 public:
  explicit Buffer(const std::vector<T>& values) : count_(values.size()) {
    cudaMalloc(&data_, bytes());
    cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice);
  }
  ~Buffer() { cudaFree(data_); }
  Buffer(const Buffer&) = delete;

  T* data() { return data_; }
  std::vector<T> values() const {
    std::vector<T> result(count_);
    cudaMemcpy(result.data(), data_, bytes(), cudaMemcpyDeviceToHost);
    return result;
  }

 private:
  std::size_t bytes() const { return count_ * sizeof(T); }
  T* data_ = nullptr;
  std::size_t count_;
};

// sums[b] = the sum of block b's 256 values: a warp by shuffles, then the warps' sums through shared memory.
using WarpSums = SharedArray<float, 8>;

__global__ void __launch_bounds__(256) block_sums(const float* values, float* sums) {
  WarpSums& warp_sums = shared<WarpSums>();
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
  float sum = __ldg(&values[blockIdx.x * blockDim.x + threadIdx.x]);
  for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(full, sum, lanes);
  if (lane == 0) warp_sums[thread / 32] = sum;
  __syncthreads();
  if (thread < 32) {
    float total = 0;
    if (lane < 8) total = warp_sums[lane];
    for (int lanes = 4; lanes > 0; lanes /= 2) total += __shfl_down_sync(full, total, static_cast<unsigned>(lanes), 8);
    if (lane == 0) sums[blockIdx.x] = total;
  }
}

// output (columns x rows) = input (rows x columns) transposed, tile by tile, with ragged borders.
constexpr int side = 16;
struct Tile {
  SharedArray<int, side*(side + 1)> words;
};

__global__ void transpose(const int* input, int* output, int rows, int columns) {
  Tile& tile = shared<Tile>();
  const int i = static_cast<int>(threadIdx.y), j = static_cast<int>(threadIdx.x);
  const int top = static_cast<int>(blockIdx.y) * side, left = static_cast<int>(blockIdx.x) * side;
  for (int repetition = 0; repetition < 2; ++repetition) {  // the second overwrites what others read
    if (top + i < rows && left + j < columns) tile.words[i * (side + 1) + j] = input[(top + i) * columns + left + j];
    __syncthreads();
    if (left + i < columns && top + j < rows) output[(left + i) * rows + top + j] = tile.words[j * (side + 1) + i];
    __syncthreads();
  }
}

// Lanes hand words to each other with nothing but __syncwarp() between: the whole warp, then its halves, each in turn.
using Words = SharedArray<int, 64>;

__global__ void ordered_lanes(int* output) {
  Words& words = shared<Words>();
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, first = thread - lane;
  words[thread] = thread;
  __syncwarp();
  const int reversed = words[first + 31 - lane];
  __syncwarp();
  words[thread] = reversed;
  const unsigned half = lane < 16 ? 0x0000FFFF : 0xFFFF0000;
  __syncwarp(half);
  const int neighbour = words[thread ^ 1];
  __syncwarp(half);
  words[thread] = neighbour;
  words[thread] += 1;
  output[thread] = words[thread];
}

__global__ void shuffles(double* output) {
  const int lane = static_cast<int>(threadIdx.x);
  const double own = lane + 0.5;
  output[lane * 5 + 0] = __shfl_sync(full, own, 37);
  output[lane * 5 + 1] = __shfl_sync(full, own, 3, 8);
  output[lane * 5 + 2] = __shfl_up_sync(full, own, 3u, 16);
  output[lane * 5 + 3] = __shfl_down_sync(full, own, 3u, 16);
  output[lane * 5 + 4] = __shfl_xor_sync(full, own, 12, 8);
}

__global__ void votes(unsigned* output) {
  const unsigned lane = threadIdx.x;
  if (lane % 2 == 0) {
    const unsigned even = 0x55555555;
    const unsigned ballot = __ballot_sync(even, lane < 10);
    output[lane] = ballot + static_cast<unsigned>(__any_sync(even, lane == 4)) + static_cast<unsigned>(__all_sync(even, lane == 4));
  } else {
    output[lane] = static_cast<unsigned>(__all_sync(0xAAAAAAAA, lane < 32));
  }
}

__global__ void atomics(int* values, unsigned* arrived) {
  const int number = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  atomicAdd(&values[0], number);
  atomicMin(&values[1], number);
  atomicMax(&values[2], number);
  if (atomicCAS(arrived, 0u, 1u) == 0u) atomicAdd(&values[3], 1);
}

}  // namespace

bool block_sums_are_right() {
  constexpr int blocks = 20;
  std::vector<float> numbers(blocks * 256), expected(blocks, 0.0f);
  for (int i = 0; i < blocks * 256; ++i) expected[i / 256] += numbers[i] = static_cast<float>(i % 7);
  Buffer<float> values(numbers), sums(expected);
  cudaMemset(sums.data(), 0xFF, blocks * sizeof(float));
  simt::launch(blocks, 256, nullptr, block_sums, values.data(), sums.data());
  return sums.values() == expected;
}

bool transpose_is_right() {
  constexpr int rows = 37, columns = 53;
  std::vector<int> numbers(rows * columns), expected(rows * columns);
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) expected[j * rows + i] = numbers[i * columns + j] = i * columns + j;
  Buffer<int> input(numbers), output(std::vector<int>(rows * columns));
  simt::launch(dim3(4, 3), dim3(side, side), nullptr, transpose, input.data(), output.data(), rows, columns);
  return output.values() == expected;
}

bool ordered_lanes_are_right() {
  std::vector<int> expected;
  for (int thread = 0; thread < 64; ++thread) expected.push_back(thread / 32 * 32 + ((31 - thread % 32) ^ 1) + 1);
  Buffer<int> output(std::vector<int>(64));
  simt::launch(3, 64, nullptr, ordered_lanes, output.data());
  return output.values() == expected;
}

bool shuffles_are_right() {
  std::vector<double> expected;
  for (int lane = 0; lane < 32; ++lane)
    for (const int source : {5, lane / 8 * 8 + 3, lane % 16 < 3 ? lane : lane - 3, lane % 16 > 12 ? lane : lane + 3,
                             (lane ^ 12) / 8 <= lane / 8 ? lane ^ 12 : lane})
      expected.push_back(source + 0.5);
  Buffer<double> output(std::vector<double>(32 * 5));
  simt::launch(1, 32, nullptr, shuffles, output.data());
  return output.values() == expected;
}

bool votes_are_right() {
  std::vector<unsigned> expected(32);
  for (unsigned lane = 0; lane < 32; ++lane) expected[lane] = lane % 2 == 0 ? 0x155 + 1 + 0 : 1;
  Buffer<unsigned> output(std::vector<unsigned>(32));
  simt::launch(1, 32, nullptr, votes, output.data());
  return output.values() == expected;
}

bool atomics_are_right() {
  Buffer<int> values({0, 1000, -1000, 0});
  Buffer<unsigned> arrived({0});
  simt::launch(4, 50, nullptr, atomics, values.data(), arrived.data());
  return values.values() == std::vector<int>{199 * 200 / 2, 0, 199, 1};
}
