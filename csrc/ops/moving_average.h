// moving_average: the exponential moving average of n floats that change from step to step, in place:
//   average = momentum * average + (1 - momentum) * p;   and where they are overwritten, then  p = average
// With momentum 0 the average begins, as p. Allowed error against float64: 1e-6. Errors (ArgumentError): a momentum outside [0, 1]. Source:
// Keras's use_ema; Polyak and Juditsky 1992.
#pragma once

#include <cstdint>

#include "core/dispatch.h"
#include "core/forward.h"

namespace fastcnn {

void moving_average(Context& context, int64_t n, double momentum, bool overwrite, float* p, float* average);

}  // namespace fastcnn

FASTCNN_KERNEL(void, moving_average, (int64_t n, float momentum, bool overwrite, float* p, float* average, const Parallel& parallel))
