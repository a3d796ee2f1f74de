// What a processor can do at most: multiply-adds in registers, copying, and passing a cache line to another core. bench/peak.py compiles
// this file once an instruction set, with the flags that CMakeLists.txt gives to the kernels of that set, and loads it. Nothing of fastcnn
// is in it, and nothing of it in fastcnn.
//
// Multiply-adds: each accumulator is a chain of its own, acc = acc * c + d, two operations a link. A link takes 4 cycles, or 8 where it is
// two instructions, and at most 2 begin in a cycle on one kind of unit; with all registers but c's and d's as chains, 14 or more, the units
// are always full.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
constexpr int lanes = 16, registers = 32;
#elif defined(__AVX2__)
constexpr int lanes = 8, registers = 16;
#elif defined(__aarch64__)
constexpr int lanes = 4, registers = 32;
#else
constexpr int lanes = 4, registers = 16;
#endif
constexpr int chains = std::min(registers - 2, 28);

typedef float Vec __attribute__((vector_size(lanes * sizeof(float))));

namespace {

using Clock = std::chrono::steady_clock;

// The wall time in seconds of `work`, done by `threads` threads that begin together.
double seconds_of(int threads, const std::function<void(int)>& work) {
  std::atomic<int> ready{0};
  std::vector<Clock::time_point> begin(static_cast<size_t>(threads)), end(begin);
  const auto run = [&](int thread) {
    ready.fetch_add(1);
    while (ready.load() < threads) continue;
    begin[static_cast<size_t>(thread)] = Clock::now();
    work(thread);
    end[static_cast<size_t>(thread)] = Clock::now();
  };
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(run, thread);
  run(0);
  for (std::thread& other : others) other.join();
  const auto wall = *std::max_element(end.begin(), end.end()) - *std::min_element(begin.begin(), begin.end());
  return std::chrono::duration<double>(wall).count();
}

// How often `work` must be repeated to take `seconds`.
int64_t repeats_for(double seconds, int threads, const std::function<void(int, int64_t)>& work) {
  for (int64_t repeats = 1;; repeats *= 2) {
    const double taken = seconds_of(threads, [&](int thread) { work(thread, repeats); });
    if (taken > seconds / 8) return std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(repeats) * seconds / taken));
  }
}

__attribute__((noinline)) float multiply_add(int64_t repeats, float factor, float summand) {
  Vec acc[chains];
  for (int i = 0; i < chains; ++i) acc[i] = Vec{} + static_cast<float>(i);
  const Vec c = Vec{} + factor, d = Vec{} + summand;
  for (int64_t r = 0; r < repeats; ++r) {
#pragma GCC unroll 32
    for (int i = 0; i < chains; ++i) acc[i] = acc[i] * c + d;
  }
  float sum = 0;
  for (const Vec& v : acc) sum += v[0];
  return sum;
}

struct Buffers {
  explicit Buffers(int64_t bytes) : from(new char[static_cast<size_t>(bytes)]), to(new char[static_cast<size_t>(bytes)]) {
    std::memset(from.get(), 1, static_cast<size_t>(bytes));
    std::memset(to.get(), 1, static_cast<size_t>(bytes));
  }
  std::unique_ptr<char[]> from, to;
};

}  // namespace

// GFLOP/s of `threads` threads, over about `seconds`.
extern "C" double bench_multiply_add(int threads, double seconds) {
  std::vector<float> results(static_cast<size_t>(threads));  // so that nothing can be left out
  constexpr int64_t block = 1024;
  const auto work = [&](int thread, int64_t blocks) { results[static_cast<size_t>(thread)] = multiply_add(blocks * block, 0.5f, 1.0f); };
  const int64_t blocks = repeats_for(seconds, threads, work);
  const double taken = seconds_of(threads, [&](int thread) { work(thread, blocks); });
  return 2.0 * chains * lanes * static_cast<double>(block * blocks) * threads / taken * 1e-9;
}

// GB/s, read and written together, of `threads` threads that each copy their part of `bytes` / 2 over and over, so that `bytes` are
// touched.
extern "C" double bench_copy(int threads, int64_t bytes, double seconds) {
  const int64_t each = std::max<int64_t>(64, bytes / 2 / threads);
  std::vector<Buffers> buffers;
  for (int thread = 0; thread < threads; ++thread) buffers.emplace_back(each);
  const auto work = [&](int thread, int64_t repeats) {
    const Buffers& own = buffers[static_cast<size_t>(thread)];
    for (int64_t r = 0; r < repeats; ++r) {
      std::memcpy(own.to.get(), own.from.get(), static_cast<size_t>(each));
      asm volatile("" : : "r"(own.to.get()) : "memory");
    }
  };
  const int64_t repeats = repeats_for(seconds, threads, work);
  const double taken = seconds_of(threads, [&](int thread) { work(thread, repeats); });
  return 2.0 * static_cast<double>(each * repeats) * threads / taken * 1e-9;
}

// Nanoseconds for a cache line to go to another core and come back, over `turns` times. Cores that share a cache take about 100; cores that
// do not, 400 (measured on AMD's Zen 5). On a virtual machine that is whatever the host has chosen for the moment.
extern "C" double bench_round_trip(int64_t turns) {
  alignas(128) static std::atomic<int64_t> ball;
  ball = 0;
  const double taken = seconds_of(2, [&](int thread) {
    for (int64_t turn = 0; turn < turns; ++turn) {
      while (ball.load(std::memory_order_acquire) != 2 * turn + thread) continue;
      ball.store(2 * turn + thread + 1, std::memory_order_release);
    }
  });
  return taken / static_cast<double>(turns) * 1e9;
}
