// add_to_totals (ops/totals.h): a plain loop, of one number a sample.
#include "ops/totals.h"

namespace fastcnn::cpu::FASTCNN_ISA {

void add_to_totals(int64_t n, const float* loss, const int32_t* correct, Totals* totals, const Parallel&) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum += static_cast<double>(loss[i]);
    if (correct != nullptr) totals->correct += correct[i];
  }
  totals->loss += sum;
  totals->batches += 1;
  if (!__builtin_isfinite(sum) && totals->not_finite == 0) totals->not_finite = totals->batches;
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
