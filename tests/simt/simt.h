// CUDA's language, device functions and runtime, as much as the kernels use, played on the processor: a .cu file that includes this instead
// of <cuda_runtime.h> is C++17. Compile and link simt.cpp along with it.
//
//   machine.h      blocks run one after another on the calling thread, a block's threads as fibers, in an order that a seed decides
//   shared.h       shared memory
//   intrinsics.h   barriers, shuffles, votes, atomics, arithmetic
//   runtime_api.h  cudaMalloc() and its like
//
// A kernel that breaks a rule of the machine ends its launch with a simt::Fault. An index outside a global buffer is the address
// sanitizer's to find: every buffer is a heap block of its exact size.
#pragma once

#include "intrinsics.h"
#include "machine.h"
#include "runtime_api.h"
#include "shared.h"
#include "vector_types.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

#define threadIdx (simt::machine.current->index)
#define blockIdx (simt::machine.block_index)
#define blockDim (simt::machine.block)
#define gridDim (simt::machine.grid)

namespace simt {

// kernel<<<grid, block, 0, stream>>>(args...). Returns when all of it has run; throws Fault. A stream of another device than the current
// one is an error.
template <class Kernel, class... Args>
void launch(dim3 grid, dim3 block, cudaStream_t stream, Kernel kernel, Args... args) {
  if (stream != nullptr && stream->device != current_device) return static_cast<void>(result(cudaErrorInvalidResourceHandle));
  auto thread = [&] { kernel(args...); };
  run_grid(grid, block, [](void* body) { (*static_cast<decltype(thread)*>(body))(); }, &thread);
}

}  // namespace simt
