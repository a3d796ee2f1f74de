#include "ops/penalty.h"

#include "core/context.h"

namespace fastcnn {

void add_penalty(Context& context, const Penalty& penalty, int64_t n, const float* w, float* dw, int64_t samples, Totals* totals) {
  const int64_t slabs = FASTCNN_DISPATCH(context, add_penalty_slabs)(n);
  auto* const sums = static_cast<double*>(context.scratch(slabs * static_cast<int64_t>(sizeof(double))));
  FASTCNN_DISPATCH(context, add_penalty)(penalty, n, w, dw, samples, totals, sums, context.parallel());
}

}  // namespace fastcnn
