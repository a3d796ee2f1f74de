// The emulated machine's insides: which thread runs when, who waits for whom, and how a launch that went wrong is cleared away.
#include "simt.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "fiber.h"

namespace simt {

Machine machine;

namespace {

struct Abandoned {};  // thrown through the threads that a fault leaves behind, so that their stacks are unwound

struct Block {
  unsigned threads, at_barrier, exited, ready_count;
  unsigned short ready[max_threads];
  bool running[max_threads];  // is its fiber between the first line of the kernel and its end?
  void (*body)(void*);
  void* argument;
  std::exception_ptr error;
  bool abandoning = false;
};

Block block;
Fiber fibers[max_threads];
std::mutex device;  // one launch at a time

std::uint64_t first_seed() {
  const char* text = std::getenv("FASTCNN_SIMT_SEED");
  return text ? std::strtoull(text, nullptr, 10) : 0;
}

std::uint64_t seed = first_seed();
std::uint64_t random_state;

// A number below `bound`. SplitMix64: Steele, Lea and Flood 2014.
unsigned random_below(unsigned bound) {
  std::uint64_t z = random_state += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return static_cast<unsigned>((((z ^ (z >> 31)) >> 32) * bound) >> 32);
}

std::string formatted(const char* text, va_list values) {
  char buffer[512];
  std::vsnprintf(buffer, sizeof buffer, text, values);
  return buffer;
}

[[gnu::format(printf, 1, 2)]] std::string formatted(const char* text, ...) {
  va_list values;
  va_start(values, text);
  std::string result = formatted(text, values);
  va_end(values);
  return result;
}

std::string coordinates(const char* what, uint3 at) { return formatted("%s (%u,%u,%u)", what, at.x, at.y, at.z); }

std::string name(const Thread& thread) { return coordinates("thread", thread.index); }

std::string message(const char* kind, const Thread& thread, const std::string& text) {
  return std::string(kind) + ": " + coordinates("block", machine.block_index) + " " + name(thread) + " " + text;
}

Thread* lane_of(unsigned warp, unsigned lane) {
  const unsigned number = warp * warp_size + lane;
  return number < block.threads ? &machine.threads[number] : nullptr;
}

bool holds(unsigned mask, unsigned lane) { return mask >> lane & 1; }

const Thread& first_in(State state) {
  unsigned number = 0;
  while (machine.threads[number].state != state) ++number;
  return machine.threads[number];
}

void make_ready(Thread& thread) {
  thread.state = State::ready;
  block.ready[block.ready_count++] = static_cast<unsigned short>(thread.number);
}

void pause() {
  fibers[machine.current->number].yield();
  if (block.abandoning) throw Abandoned{};
}

// The messages about those who wait in vain.

std::string unreached_barrier(const Thread& waiting, const Thread& missing) {
  const std::string why =
      missing.state == State::exited ? "it has exited" : formatted("it waits in a warp operation with mask 0x%08x", missing.mask);
  return message("unreached barrier", waiting, "waits in __syncthreads(), which " + name(missing) + " never reaches: " + why);
}

[[noreturn]] void exited_lane(const Thread& waiting, unsigned lane, bool exists) {
  throw Fault(message("wrong mask", waiting,
                      formatted("waits in a warp operation with mask 0x%08x, but lane %u %s", waiting.mask, lane,
                                exists ? "has exited" : "is not in the block")));
}

// Nobody can run and somebody has not exited: who waits for a barrier waits for one who waits in his warp; without a barrier, the masks
// of the lanes of a warp wait for each other in a ring.
std::string stalled() {
  if (block.at_barrier > 0) return unreached_barrier(first_in(State::at_barrier), first_in(State::in_warp));
  const Thread& waiting = first_in(State::in_warp);
  return message("wrong mask", waiting,
                 formatted("waits in a warp operation with mask 0x%08x for lanes that wait with different masks", waiting.mask));
}

// A thread's last act.
void retire(Thread& thread) {
  thread.state = State::exited;
  ++block.exited;
  if (block.at_barrier > 0) throw Fault(unreached_barrier(first_in(State::at_barrier), thread));
  for (unsigned lane = 0; lane < warp_size; ++lane) {
    const Thread* other = lane_of(thread.warp(), lane);
    if (other && other->state == State::in_warp && holds(other->mask, thread.lane)) exited_lane(*other, thread.lane, true);
  }
}

// What a fiber does all its life: one thread of its number after another.
void run_threads() {
  Fiber::arrived();
  for (;;) {
    Thread& thread = *machine.current;
    block.running[thread.number] = true;
    try {
      block.body(block.argument);
      retire(thread);
    } catch (const Abandoned&) {
    } catch (...) {
      block.error = std::current_exception();
    }
    block.running[thread.number] = false;
    fibers[thread.number].yield();
  }
}

void resume(unsigned number) {
  machine.current = &machine.threads[number];
  fibers[number].resume();
  machine.current = nullptr;
}

[[noreturn]] void abandon(std::exception_ptr error) {
  block.abandoning = true;
  for (unsigned number = 0; number < block.threads; ++number)
    if (block.running[number]) resume(number);
  block.abandoning = false;
  block.error = nullptr;
  std::rethrow_exception(std::move(error));
}

void run_block(uint3 index) {
  machine.block_index = index;
  machine.block_time = machine.barrier_time = machine.time++;
  block.at_barrier = block.exited = block.ready_count = 0;
  for (unsigned number = 0; number < block.threads; ++number) make_ready(machine.threads[number]);
  while (block.ready_count > 0) {
    std::swap(block.ready[random_below(block.ready_count)], block.ready[block.ready_count - 1]);
    resume(block.ready[--block.ready_count]);
    if (block.error) abandon(block.error);
  }
  if (block.exited < block.threads) abandon(std::make_exception_ptr(Fault(stalled())));
}

unsigned most_rows() {
  const char* text = std::getenv("FASTCNN_SIMT_ROWS");
  return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : 65535;
}

bool valid(dim3 grid, dim3 threads) {
  const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y * grid.z, size = std::uint64_t{threads.x} * threads.y * threads.z;
  return blocks > 0 && grid.x <= 0x7FFFFFFF && std::max(grid.y, grid.z) <= most_rows() && size > 0 && threads.x <= max_threads &&
         threads.y <= max_threads && threads.z <= 64 && size <= max_threads;
}

void place_threads(dim3 size) {
  block.threads = size.x * size.y * size.z;
  for (unsigned number = 0; number < block.threads; ++number) {
    Thread& thread = machine.threads[number];
    thread.index = {number % size.x, number / size.x % size.y, number / size.x / size.y};
    thread.number = number;
    thread.lane = number % warp_size;
    if (!fibers[number].prepared()) fibers[number].prepare(run_threads);
  }
}

// What the lanes of a __syncwarp() did, and what was ordered before one of them, is ordered before what they all do next.
void order_lanes(Thread* lanes, unsigned mask) {
  std::uint64_t ordered[warp_size] = {};
  for (unsigned of = 0; of < warp_size; ++of)
    for (unsigned lane = 0; lane < warp_size; ++lane)
      if (holds(mask, lane)) ordered[of] = std::max(ordered[of], holds(mask, of) ? machine.time : lanes[lane].ordered[of]);
  for (unsigned lane = 0; lane < warp_size; ++lane)
    if (holds(mask, lane)) std::copy(ordered, ordered + warp_size, lanes[lane].ordered);
  ++machine.time;
}

// All lanes of the mask have come: each gets its result, and all go on, in any order.
void complete(Thread* lanes, WarpOperation operation, unsigned mask) {
  std::uint64_t ballot = 0;
  for (unsigned lane = 0; lane < warp_size; ++lane)
    if (holds(mask, lane) && lanes[lane].value) ballot |= std::uint64_t{1} << lane;
  for (unsigned lane = 0; lane < warp_size; ++lane) {
    if (!holds(mask, lane)) continue;
    lanes[lane].result = operation == WarpOperation::shuffle ? lanes[lanes[lane].source].value : ballot;
    make_ready(lanes[lane]);
  }
  if (operation == WarpOperation::sync) order_lanes(lanes, mask);
}

[[noreturn]] void never_meet(const Thread& thread, const Thread& other) {
  if (thread.mask != other.mask)
    fault("wrong mask", "waits with mask 0x%08x for lane %u, which waits for it with mask 0x%08x", thread.mask, other.lane, other.mask);
  fault("wrong mask", "and lane %u come to different warp operations with mask 0x%08x", other.lane, thread.mask);
}

// Whether all lanes of the mask are waiting where `thread`, the last to come, is. Two lanes that wait for each other elsewhere never meet.
bool all_have_come(const Thread& thread) {
  bool all = true;
  for (unsigned lane = 0; lane < warp_size; ++lane) {
    if (!holds(thread.mask, lane)) continue;
    const Thread* other = lane_of(thread.warp(), lane);
    if (!other || other->state == State::exited) exited_lane(thread, lane, other != nullptr);
    const bool waits = other->state == State::in_warp;
    const bool same = waits && other->mask == thread.mask && other->operation == thread.operation;
    if (waits && !same && holds(other->mask, thread.lane)) never_meet(thread, *other);
    all = all && same;
  }
  return all;
}

}  // namespace

void fault(const char* kind, const char* text, ...) {
  va_list values;
  va_start(values, text);
  const std::string what = formatted(text, values);
  va_end(values);
  throw Fault(message(kind, *machine.current, what));
}

void barrier() {
  Thread& thread = *machine.current;
  thread.state = State::at_barrier;
  if (block.exited > 0) throw Fault(unreached_barrier(thread, first_in(State::exited)));
  if (++block.at_barrier == block.threads) {
    block.at_barrier = 0;
    machine.barrier_time = machine.time++;
    for (unsigned number = 0; number < block.threads; ++number) make_ready(machine.threads[number]);
  }
  pause();
}

std::uint64_t exchange(WarpOperation operation, unsigned mask, std::uint64_t value, unsigned source) {
  Thread& thread = *machine.current;
  if (!holds(mask, thread.lane)) fault("wrong mask", "is not in its own mask 0x%08x", mask);
  if (!holds(mask, source)) fault("wrong mask", "reads from lane %u, which is not in the mask 0x%08x", source, mask);
  thread.state = State::in_warp;
  thread.operation = operation;
  thread.mask = mask;
  thread.source = source;
  thread.value = value;
  if (all_have_come(thread)) complete(lane_of(thread.warp(), 0), operation, mask);
  pause();
  return thread.result;
}

void run_grid(dim3 grid, dim3 threads, void (*body)(void*), void* argument) {
  if (!valid(grid, threads)) {
    last_error = cudaErrorInvalidConfiguration;
    return;
  }
  const std::lock_guard<std::mutex> alone(device);
  random_state = seed;
  machine.grid = grid;
  machine.block = threads;
  block.body = body;
  block.argument = argument;
  place_threads(threads);
  std::vector<std::uint32_t> order(std::size_t{grid.x} * grid.y * grid.z);
  std::iota(order.begin(), order.end(), 0);
  for (auto left = static_cast<unsigned>(order.size()); left > 0; --left) {
    std::swap(order[random_below(left)], order[left - 1]);
    const unsigned number = order[left - 1];
    run_block({number % grid.x, number / grid.x % grid.y, number / grid.x / grid.y});
  }
}

void set_seed(std::uint64_t value) { seed = value; }

}  // namespace simt
