// clip_gradients: gradients made smaller before an optimizer sees them, in place. They lie in one buffer, a part for each variable.
//
//   clipvalue         g = min(max(g, -limit), limit)
//   clipnorm          g = g * limit / max(norm, limit) in each part, with norm the root of the sum of its squares
//   global_clipnorm   the same, with norm the root of the sum of squares over all parts
// The sums are float64, over fixed slabs of a part, and then over its slabs in their order. Where g is not finite: clipvalue keeps NaN and
// cuts infinity; under clipnorm a NaN makes its part NaN, and an infinity makes its part 0 and itself NaN; under global_clipnorm each makes
// all parts NaN. Errors (ArgumentError): a limit that is not finite and above 0, parts that overlap or lie outside. Allowed error against
// float64: 1e-6. Source: Keras's arguments of those names; Pascanu, Mikolov and Bengio 2013. (Keras squares in float32, so that beyond 1e19
// it takes a gradient for infinite.)
#pragma once

#include "core/dispatch.h"
#include "core/forward.h"
#include "core/range.h"

namespace fastcnn {

struct Clipping {
  enum class Kind { value, norm, global_norm };
  Kind kind;
  float limit;
};

// A piece of a part, and the slabs [first, last) whose squares make its norm.
struct ClipSlab {
  Range range;
  int64_t first, last;
};

// By Keras's name of the argument.
Clipping clipping(const char* name, double limit);
// The parts of a buffer of n floats, cut into slabs in the device's memory: made once, for every call on such a buffer.
AlignedBlock clip_slabs(const Clipping& clipping, int64_t n, const Range* parts, int64_t count, Device device);
void clip_gradients(Context& context, const Clipping& clipping, const AlignedBlock& slabs, float* gradients);

}  // namespace fastcnn

// sums: one double a slab, for the norms.
FASTCNN_KERNEL(void, clip_gradients,
               (const Clipping& clipping, int64_t count, const ClipSlab* slabs, float* gradients, double* sums, const Parallel& parallel))
