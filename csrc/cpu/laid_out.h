// Weights in the order in which a kernel reads them, made when a kernel runs, unless somebody has made them before.
//
// Small ones each worker makes for itself when it gets its first task: a line that another core has written costs more than the work does,
// and nobody waits for anybody. Large ones all workers make together, once.
#pragma once

#include "cpu/simd.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {

constexpr int64_t most_of_ones_own = 128 * 1024;  // floats

FASTCNN_INLINE int64_t laid_out_bytes(int64_t floats, int64_t workers) {
  return Carver::bytes_of<int64_t>(workers * 8) + (floats <= most_of_ones_own ? workers : 1) * Carver::bytes_of<float>(floats);
}

// part(number, to) makes one of `parts` of the weights. prepared: all of them, made already; or null.
template <class Part>
class LaidOut {
 public:
  LaidOut(const void* prepared, Carver& carver, int64_t floats, int64_t parts, const Parallel& parallel, const Part& part)
      : prepared_(static_cast<const float*>(prepared)), parts_(parts), part_(part) {
    if (prepared != nullptr) return;
    ready_ = carver.take<int64_t>(parallel.workers * line);
    step_ = floats <= most_of_ones_own ? Carver::bytes_of<float>(floats) / static_cast<int64_t>(sizeof(float)) : 0;
    memory_ = carver.take<float>(step_ > 0 ? parallel.workers * step_ : floats);
    for (int64_t worker = 0; worker < parallel.workers; ++worker) ready_[worker * line] = step_ == 0;
    if (step_ == 0) parallel_for(parallel, parts, [&](int64_t number, int) { part(number, memory_); });
  }

  // For a worker, within its tasks.
  const float* of(int worker) const {
    if (prepared_ != nullptr) return prepared_;
    float* const memory = memory_ + worker * step_;
    if (!ready_[worker * line]) {
      for (int64_t number = 0; number < parts_; ++number) part_(number, memory);
      ready_[worker * line] = 1;
    }
    return memory;
  }

 private:
  static constexpr int64_t line = 8;  // flags of two workers share no line
  const float* prepared_;
  int64_t parts_, step_ = 0;
  const Part& part_;
  int64_t* ready_ = nullptr;
  float* memory_ = nullptr;
};

}  // namespace fastcnn::cpu::FASTCNN_ISA
