// How a kernel is started, and the simplest kind of kernel.
#pragma once

#include "core/parallel.h"
#include "cuda/ptx.cuh"

namespace fastcnn::cuda {

constexpr int warp_size = 32;
constexpr unsigned full_warp = 0xffffffffu;

constexpr int64_t blocks_for(int64_t work, int64_t each) { return (work + each - 1) / each; }

// While one lives, CUDA calls of this thread are for the GPU of that number; then again for whichever it was, which may be another
// library's choice. Throws DeviceError where there is none. (device.cu)
class OnDevice {
 public:
  explicit OnDevice(int index);
  ~OnDevice();
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  int before_;
  bool changed_ = false;
};

// Throws DeviceError where the last launch was refused; what goes wrong in a kernel shows at the next synchronize(). (device.cu)
void throw_if_launch_failed();

// Starts `blocks` x `rows` x `slices` blocks of `threads` on the stream of `parallel`; nothing where there are no blocks. CUDA allows 2^31
// - 1 blocks, but 65,535 rows and slices.
template <class Kernel, class... Arguments>
void launch(const Parallel& parallel, int64_t blocks, int64_t rows, int64_t slices, int threads, Kernel kernel,
            const Arguments&... arguments) {
  if (blocks == 0 || rows == 0 || slices == 0) return;
  const OnDevice here(parallel.gpu);
  const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(rows), static_cast<unsigned>(slices));
  start(grid, dim3(static_cast<unsigned>(threads)), static_cast<cudaStream_t>(parallel.stream), kernel, arguments...);
  throw_if_launch_failed();
}

constexpr int element_threads = 256;

template <class Body>
__global__ void each_element(int64_t n, Body body) {
  const int64_t i = int64_t{blockIdx.x} * element_threads + threadIdx.x;
  if (i < n) body(i);
}

// body(i) for each i in [0, n), one thread an element, so that neighbours in memory are neighbours in a warp. Body: a struct with a
// __device__ operator()(int64_t) const.
template <class Body>
void launch_elements(const Parallel& parallel, int64_t n, const Body& body) {
  launch(parallel, blocks_for(n, element_threads), 1, 1, element_threads, each_element<Body>, n, body);
}

}  // namespace fastcnn::cuda
