// add_to_totals: what a loss gives for each sample of a batch, added up, so that a device's CPU is told once for many batches.
//
// totals->loss += the sum of loss, in float64; totals->correct += the sum of correct; totals->batches += 1, and where the batch's sum is
// not finite and none was before, totals->not_finite becomes that count. The order of the sum is fixed by n alone.
#pragma once

#include "core/batch.h"
#include "core/dispatch.h"
#include "core/forward.h"

namespace fastcnn {

// loss, correct: (n,); correct may be null for a loss that has no right answers. totals lies where they do.
void add_to_totals(Context& context, int64_t n, const float* loss, const int32_t* correct, Totals* totals);

}  // namespace fastcnn

FASTCNN_KERNEL(void, add_to_totals, (int64_t n, const float* loss, const int32_t* correct, Totals* totals, const Parallel& parallel))
