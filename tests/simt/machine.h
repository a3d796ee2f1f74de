// The emulated machine as its threads see it: where they are, their barrier, their warp, and the fault that ends a launch.
//
// One clock orders everything: it ticks when a block begins, when a __syncthreads() or a __syncwarp() completes. What a thread did is
// ordered before what another does now if a barrier of the block, or a chain of __syncwarp() between the two lanes, lies between.
#pragma once

#include <cstdint>
#include <stdexcept>

#include "vector_types.h"

namespace simt {

constexpr unsigned warp_size = 32;
constexpr unsigned max_threads = 1024;

// What a kernel did wrong: the kind of fault, a colon, who did it where, and to which word.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class State { ready, at_barrier, in_warp, exited };
enum class WarpOperation { shuffle, vote, sync };

struct Thread {
  uint3 index;
  unsigned number, lane;  // in the block; in its warp
  State state;
  // While it waits in a warp operation, and the result when it goes on.
  WarpOperation operation;
  unsigned mask, source;
  std::uint64_t value, result;
  // By lane of its warp: up to when what that lane did is ordered before what this thread does.
  std::uint64_t ordered[warp_size];

  unsigned warp() const { return number / warp_size; }
};

struct Machine {
  dim3 grid, block;
  uint3 block_index;
  Thread* current;                                           // null outside a kernel
  std::uint64_t time = 1, block_time = 0, barrier_time = 0;  // now; when the block began; when its last barrier completed
  Thread threads[max_threads];
};
extern Machine machine;

// Ends the launch with "kind: block (..) thread (..) <text>", from inside a kernel.
[[noreturn]] [[gnu::format(printf, 2, 3)]] void fault(const char* kind, const char* text, ...);

// Waits until every thread of the block has come.
void barrier();

// Waits until every lane of the mask has come with the same operation and mask. Returns the value of the lane `source` (shuffle), the lanes
// whose value is not zero (vote), or nothing of interest (sync).
std::uint64_t exchange(WarpOperation operation, unsigned mask, std::uint64_t value, unsigned source);

// Runs body(argument) in every thread of the grid, or sets the last error to cudaErrorInvalidConfiguration. FASTCNN_SIMT_ROWS: how many
// blocks the grid may have along its second and its third side, in place of CUDA's 65,535.
void run_grid(dim3 grid, dim3 block, void (*body)(void*), void* argument);

// Decides the order of the blocks, and that of the threads wherever CUDA promises none. Until it is called: FASTCNN_SIMT_SEED, or 0.
void set_seed(std::uint64_t seed);

}  // namespace simt
