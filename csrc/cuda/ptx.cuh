// The GPU as the kernels see it: CUDA's own names, or those of the emulation under tests/simt/, which compiles the same files as C++.
// One of the three places that ask for the platform. Instructions that CUDA has no name for are wrapped here, too.
#pragma once

#include <cstdint>

#if defined(FASTCNN_SIMT)
#include "simt.h"

namespace fastcnn::cuda {
using simt::shared;
using simt::SharedArray;

template <class Kernel, class... Arguments>
void start(dim3 grid, dim3 block, cudaStream_t stream, Kernel kernel, const Arguments&... arguments) {
  simt::launch(grid, block, stream, kernel, arguments...);
}
}  // namespace fastcnn::cuda

#else
#include <cuda_runtime.h>

namespace fastcnn::cuda {

// An array in shared memory. (The emulation's watches every access.)
template <class T, int N>
struct SharedArray {
  T elements[N];
  __device__ __forceinline__ T& operator[](int i) { return elements[i]; }
};

// The block's T in shared memory: one for each type, uninitialized.
template <class T>
__device__ __forceinline__ T& shared() {
  __shared__ T memory;
  return memory;
}

// An error waits for cudaGetLastError().
template <class... Parameters, class... Arguments>
void start(dim3 grid, dim3 block, cudaStream_t stream, void (*kernel)(Parameters...), const Arguments&... arguments) {
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.stream = stream;
  cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
}

}  // namespace fastcnn::cuda
#endif
