// For each fault that the emulation claims to find, a kernel that commits it. tests/test_simt.py says what each must be told.
#include "broken.h"

#include "simt.h"

using simt::shared;
using simt::SharedArray;

namespace {

constexpr unsigned full = 0xFFFFFFFF;
constexpr int threads = 64;
using Words = SharedArray<int, threads>;

__device__ int thread_number() { return static_cast<int>(threadIdx.x); }

// ---- missing barriers

// The block's words, each holding its number, and everybody past the barrier.
__device__ Words& filled_words() {
  Words& words = shared<Words>();
  words[thread_number()] = thread_number();
  __syncthreads();
  return words;
}

__global__ void read_without_barrier(int* output) {
  Words& words = filled_words();
  const int thread = thread_number();
  words[thread] = 0;
  output[thread] = words[(thread + 1) % threads];
}

__global__ void overwrite_without_barrier(int* output) {
  Words& words = filled_words();
  const int thread = thread_number();
  if (thread < 32) output[thread] = words[thread + 32];
  if (thread == 40) words[40] = 0;  // thread 8 reads it
}

__global__ void overwrite_what_many_read(int* output) {
  Words& words = filled_words();
  const int thread = thread_number();
  output[thread] = words[40];
  if (thread == 40) words[40] = 0;
}

__global__ void two_writers(int*) { shared<Words>()[0] = thread_number(); }

// Shuffles bring lanes together but do not order memory.
__global__ void shuffle_for_barrier(int* output) {
  Words& words = filled_words();
  const int thread = thread_number();
  words[thread] = 0;
  __shfl_sync(full, thread, 0);
  output[thread] = words[thread ^ 1];
}

// __syncwarp() orders a warp; the word is another's.
__global__ void warp_barrier_for_block(int* output) {
  Words& words = filled_words();
  const int thread = thread_number();
  words[thread] = 0;
  __syncwarp();
  output[thread] = words[thread ^ 32];
}

// The halves of a warp are ordered each for itself; the word is the other half's.
__global__ void half_barrier_for_warp(int* output) {
  Words& words = filled_words();
  const int thread = thread_number();
  words[thread] = 0;
  __syncwarp(thread % 32 < 16 ? 0x0000FFFF : 0xFFFF0000);
  output[thread] = words[thread ^ 16];
}

// ---- barriers that some never reach

__global__ void exit_before_barrier(int* output) {
  if (thread_number() >= 40) return;
  __syncthreads();
  output[thread_number()] = 1;
}

__global__ void shuffle_before_barrier(int* output) {
  const int thread = thread_number();
  if (thread >= 16) output[thread] = __shfl_xor_sync(full, thread, 1);
  __syncthreads();
}

// ---- shared memory

__global__ void read_unwritten(int* output) { output[thread_number()] = shared<Words>()[thread_number()]; }

// What a block leaves behind is not the next one's.
__global__ void read_of_other_block(int* output) {
  Words& words = shared<Words>();
  if (blockIdx.x == 0) words[thread_number()] = 1;
  output[thread_number()] = words[thread_number()];
}

__global__ void index_past_end(int*) { shared<Words>()[thread_number() + 1] = 0; }

__global__ void index_before_start(int*) { shared<Words>()[thread_number() - 1] = 0; }

// ---- global memory, and a thread's own

__global__ void write_past_buffer(int* output) { output[thread_number() + 1] = 0; }

__global__ void read_before_buffer(int* output) { output[thread_number()] = output[thread_number() - 1]; }

// The stack of a thread keeps its red zones while others run.
__global__ void write_past_local_array(int* output) {
  int words[4] = {};
  int* volatile start = words;  // keeps the size of what it points to from the compiler
  __syncthreads();
  start[output[0] + 4] = 1;
  output[thread_number()] = words[thread_number() % 4];
}

// ---- masks

__global__ void caller_outside_mask(int* output) { output[thread_number()] = __shfl_sync(0x7FFFFFFF, thread_number(), 0); }

__global__ void source_outside_mask(int* output) {
  if (thread_number() < 16) output[thread_number()] = __shfl_down_sync(0x0000FFFF, thread_number(), 1);
}

__global__ void exited_lane(int* output) {
  if (thread_number() % 32 >= 16) return;
  output[thread_number()] = __any_sync(full, 1);
}

__global__ void lane_beyond_block(int* output) { output[thread_number()] = __shfl_sync(full, thread_number(), 0); }

__global__ void different_masks(int* output) {
  const unsigned mask = thread_number() % 2 ? full : 0x7FFFFFFF;
  output[thread_number()] = static_cast<int>(__ballot_sync(mask, 1));
}

__global__ void different_operations(int* output) {
  output[thread_number()] = thread_number() % 2 ? __any_sync(full, 1) : __shfl_sync(full, 1, 0);
}

// Lane 0 waits for lane 1, which waits for lane 2, which waits for lane 0.
__global__ void masks_in_a_ring(int*) {
  const unsigned lane = threadIdx.x;
  if (lane < 3) __syncwarp(1u << lane | 1u << (lane + 1) % 3);
  __syncwarp(full);
}

__global__ void wrong_width(int* output) { output[thread_number()] = __shfl_sync(full, thread_number(), 0, 12); }

template <void (*kernel)(int*), unsigned block_threads = threads>
void run() {
  int* output;
  cudaMalloc(&output, threads * sizeof(int));
  cudaMemset(output, 0, threads * sizeof(int));
  struct Release {
    int* memory;
    ~Release() { cudaFree(memory); }
  } release{output};
  simt::launch(2, block_threads, nullptr, kernel, output);
}

}  // namespace

const Broken broken[] = {
    {"read_without_barrier", run<read_without_barrier>},
    {"overwrite_without_barrier", run<overwrite_without_barrier>},
    {"overwrite_what_many_read", run<overwrite_what_many_read>},
    {"two_writers", run<two_writers>},
    {"shuffle_for_barrier", run<shuffle_for_barrier>},
    {"warp_barrier_for_block", run<warp_barrier_for_block>},
    {"half_barrier_for_warp", run<half_barrier_for_warp>},
    {"exit_before_barrier", run<exit_before_barrier>},
    {"shuffle_before_barrier", run<shuffle_before_barrier>},
    {"read_unwritten", run<read_unwritten>},
    {"read_of_other_block", run<read_of_other_block>},
    {"index_past_end", run<index_past_end>},
    {"index_before_start", run<index_before_start>},
    {"write_past_buffer", run<write_past_buffer>},
    {"read_before_buffer", run<read_before_buffer>},
    {"write_past_local_array", run<write_past_local_array>},
    {"caller_outside_mask", run<caller_outside_mask>},
    {"source_outside_mask", run<source_outside_mask>},
    {"exited_lane", run<exited_lane>},
    {"lane_beyond_block", run<lane_beyond_block, 48>},
    {"different_masks", run<different_masks>},
    {"different_operations", run<different_operations>},
    {"masks_in_a_ring", run<masks_in_a_ring, 32>},
    {"wrong_width", run<wrong_width>},
};
const int broken_count = sizeof broken / sizeof *broken;
