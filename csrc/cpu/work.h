// How a kernel's work is cut up: the parallel loop, the pieces of its scratch memory, and the integers that it is counted in.
#pragma once

#include <cstdint>

#include "core/parallel.h"
#include "cpu/simd.h"

namespace fastcnn::cpu::FASTCNN_ISA {

// The parallel loop over a callable: body(task, worker).
template <class Body>
static inline void parallel_for(const Parallel& parallel, int64_t tasks, const Body& body) {
  parallel.run(
      parallel.pool, tasks, [](void* context, int64_t task, int worker) { (*static_cast<const Body*>(context))(task, worker); },
      const_cast<Body*>(&body));
}

constexpr int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t max(int64_t a, int64_t b) { return a > b ? a : b; }
constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// Hands out pieces of one block of scratch memory, each at a cache line.
class Carver {
 public:
  explicit Carver(void* scratch) : next_(static_cast<char*>(scratch)) {}
  template <class T>
  T* take(int64_t count) {
    T* const piece = reinterpret_cast<T*>(next_);
    next_ += bytes_of<T>(count);
    return piece;
  }
  template <class T>
  static constexpr int64_t bytes_of(int64_t count) {
    return round_up(count * static_cast<int64_t>(sizeof(T)), 64);
  }

 private:
  char* next_;
};

}  // namespace fastcnn::cpu::FASTCNN_ISA
