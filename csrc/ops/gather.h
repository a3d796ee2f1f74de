// gather: picks a batch out of a data set, converts it to float32 and rescales it: y[i] = float32(data[rows[i]]) * scale + offset.
//
// data: uint8, float32 or float64 as the user holds it, never copied as a whole; y: (n, elements) float32. With scale 1 and offset 0 it is
// a cast, as Keras's fit does it. Rows must be in range (the callers check). One rounding for the cast, one for the rescaling.
#pragma once

#include "core/batch.h"
#include "core/dispatch.h"
#include "core/forward.h"

namespace fastcnn {

void gather(Context& context, const Samples& samples, int64_t n, int64_t elements, float scale, float offset, float* y);

}  // namespace fastcnn

FASTCNN_KERNEL(void, gather,
               (const Samples& samples, int64_t n, int64_t elements, float scale, float offset, float* y, const Parallel& parallel))
