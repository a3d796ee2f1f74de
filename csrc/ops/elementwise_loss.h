// elementwise_loss: losses that compare each output with its own target: the mean over a sample's D outputs, and the gradient of the mean
// of that over the batch. float32.
//
//   squared error                  each = (x - t)^2                                            gradient 2 (x - t)
//   binary cross-entropy           each = -(t log(p) + (1 - t) log(1 - p)), p = clip(x)        gradient (p - t) / (p (1 - p)), 0 where it
//   cuts
//     from logits                  each = max(x, 0) - x t + log(1 + exp(-|x|))                 gradient sigmoid(x) - t
// The targets of a binary cross-entropy are smoothed before: t = (1 - s) * t + s / 2, where s is 0 unless it is given.
// with clip(x) = min(max(x, 1e-7), 1 - 1e-7) as in Keras. loss[n] = weight[n] * the mean over d of each[n,d]; dx[n,d] = the gradient of
// each[n,d] * weight[n] / (D N). Errors (ArgumentError): shapes that disagree. Where x or t is not finite the loss is not either. Allowed
// error against float64: 1e-6 of the larger of the loss and 1. Source: Keras's MeanSquaredError and BinaryCrossentropy.
#pragma once

#include "core/batch.h"
#include "core/dispatch.h"
#include "core/forward.h"

namespace fastcnn {

struct ElementwiseLoss {
  enum class Kind { squared_error, binary_cross_entropy, binary_cross_entropy_of_logits };
  Kind kind;
  int64_t N, D;
  float smoothing;  // s, in [0, 1]
};

// By name: "mean_squared_error" or "binary_cross_entropy". Throws ArgumentError where x and the targets differ in shape.
ElementwiseLoss elementwise_loss(const char* operation, const Shape& x, const Shape& targets, bool from_logits, double smoothing);

// targets.values: (N, D), picked by targets.rows. loss: (N,); dx: (N, D) or null, and may be x.
void elementwise_loss(Context& context, const ElementwiseLoss& op, const float* x, const Targets& targets, float* loss, float* dx);

}  // namespace fastcnn

FASTCNN_KERNEL(void, elementwise_loss,
               (const ElementwiseLoss& op, const float* x, const Targets& targets, float* loss, float* dx, const Parallel& parallel))
