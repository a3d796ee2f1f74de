// penalty: what a regularizer adds to the loss for some weights w, and to their gradient: the sum over i of l1 |w[i]| + l2 w[i]^2, and
// dw[i] += l1 sign(w[i]) + 2 l2 w[i], with sign(0) = 0.
//
// The sum is over fixed slabs, in float64, and counts `samples` times in totals->loss: once for each sample of the batch, as a mean over
// the batch wants it. Allowed error against float64: 1e-6 of the penalty. Source: Keras's L1, L2 and L1L2.
#pragma once

#include "core/batch.h"
#include "core/dispatch.h"
#include "core/forward.h"

namespace fastcnn {

struct Penalty {
  float l1, l2;
};

// w: n floats; dw: n floats or null. totals lies where they do.
void add_penalty(Context& context, const Penalty& penalty, int64_t n, const float* w, float* dw, int64_t samples, Totals* totals);

}  // namespace fastcnn

FASTCNN_KERNEL(void, add_penalty,
               (const Penalty& penalty, int64_t n, const float* w, float* dw, int64_t samples, Totals* totals, double* slabs,
                const Parallel& parallel))
FASTCNN_KERNEL(int64_t, add_penalty_slabs, (int64_t n))
