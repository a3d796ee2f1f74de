// add_penalty (ops/penalty.h): one pass over the weights, in slabs of 4,096 floats.
#include "ops/penalty.h"

#include "cpu/simd.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

constexpr int64_t slab = 4096;

}  // namespace

int64_t add_penalty_slabs(int64_t n) { return ceil_div(n, slab); }

void add_penalty(const Penalty& penalty, int64_t n, const float* w, float* dw, int64_t samples, Totals* totals, double* slabs,
                 const Parallel& parallel) {
  parallel_for(parallel, ceil_div(n, slab), [&](int64_t task, int) {
    double absolutes = 0, squares = 0;
    for (int64_t i = task * slab; i < min((task + 1) * slab, n); ++i) {
      const float value = w[i];
      absolutes += static_cast<double>(__builtin_fabsf(value));
      squares += static_cast<double>(value) * static_cast<double>(value);
      if (dw != nullptr) dw[i] += penalty.l1 * static_cast<float>((value > 0) - (value < 0)) + 2 * penalty.l2 * value;
    }
    slabs[task] = static_cast<double>(penalty.l1) * absolutes + static_cast<double>(penalty.l2) * squares;
  });
  double sum = 0;
  for (int64_t task = 0; task < ceil_div(n, slab); ++task) sum += slabs[task];
  totals->loss += sum * static_cast<double>(samples);
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
