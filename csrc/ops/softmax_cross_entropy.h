// softmax_cross_entropy: the loss of each row of (N, K) against its class, and the gradient of the loss's mean over the batch. float32.
//
// With t[n] the probabilities of the classes (one-hot for a class number c), smoothed: t = (1 - s) * t + s / K, where s is 0 unless it is
// given (Szegedy, Vanhoucke, Ioffe, Shlens and Wojna 2016, section 7):
//   logits          loss[n] = -sum over k of t[n,k] * log(softmax(x[n])[k]);      dx[n,k] = (softmax(x[n])[k] * sum(t[n]) - t[n,k]) / N
//   probabilities   as Keras computes them, with clip(p) = min(max(p, 1e-7), 1 - 1e-7), whose gradient is 0 where it cuts:
//     class numbers   loss[n] = log(sum over k of clip(x[n,k])) - sum over k of t[n,k] * log(clip(x[n,k]))
//     one-hot rows    loss[n] = -sum over k of t[n,k] * log(clip(x[n,k] / sum(x[n])))
// Rows of probabilities that do not sum to 1 are taken as they are, and dx is the loss's gradient for them too (TensorFlow's assumes a sum
// of 1; Keras smooths no class numbers). correct[n] is 1 where the largest x[n,k], the first of equals, is that of t[n]: Keras's accuracy.
// Errors (ArgumentError): ranks and sizes that disagree, a class outside [0, K) with its row. Where x is not finite the loss is not either.
// Allowed error against float64: 1e-6 of the larger of the loss and 1. Source: Keras's SparseCategoricalCrossentropy and
// CategoricalCrossentropy.
#pragma once

#include "core/batch.h"
#include "core/dispatch.h"
#include "core/fault.h"
#include "core/forward.h"

namespace fastcnn {

struct CrossEntropy {
  int64_t N, K;
  bool from_logits;
  float smoothing;  // s, in [0, 1]
};

// Checks x against the targets' shape, which is (N,) for class numbers and (N, K) for rows of probabilities.
CrossEntropy softmax_cross_entropy(const Shape& x, const Shape& targets, bool from_logits, double smoothing);
// The user's labels, int32 or int64, as int32 class numbers. A label outside [0, K) is an ArgumentError that names the first one's row:
// thrown now on the CPU; on a GPU when it is next waited for, and the class is 0 meanwhile, so that nothing reads outside of x.
void take_classes(Context& context, int64_t N, int64_t K, const void* labels, DType dtype, int32_t* classes);

// loss: (N,) floats; correct: (N,) or null; dx: (N, K) or null, and may be x.
void softmax_cross_entropy(Context& context, const CrossEntropy& op, const float* x, const Targets& targets, float* loss, int32_t* correct,
                           float* dx);

// What the kernels on every device compute alike.

constexpr float lowest_probability = 1e-7f, highest_probability = 1 - 1e-7f;
static constexpr float clip(float p) {
  return p < lowest_probability ? lowest_probability : p > highest_probability ? highest_probability : p;
}
static constexpr bool inside_clip(float p) { return p >= lowest_probability && p <= highest_probability; }

// The smoothed target of one row: a class number, or probabilities where those are not null.
struct Target {
  int64_t cls;
  const float* probabilities;
  float kept, spread;
};

static constexpr Target target_of(const CrossEntropy& op, const Targets& targets, int64_t row) {
  return {targets.classes == nullptr ? -1 : targets.classes[row], targets.values == nullptr ? nullptr : targets.values + row * op.K,
          1 - op.smoothing, op.smoothing / static_cast<float>(op.K)};
}

// Of class k. What is smoothed by 0 is what it was, to the bit.
static constexpr float target_at(const Target& target, int64_t k) {
  return (target.probabilities != nullptr ? target.probabilities[k] : k == target.cls ? 1.0f : 0.0f) * target.kept + target.spread;
}

}  // namespace fastcnn

FASTCNN_KERNEL(void, take_classes,
               (int64_t N, int64_t K, const void* labels, DType dtype, int32_t* classes, void (*raise)(const Fault&), Fault* fault,
                const Parallel& parallel))
FASTCNN_KERNEL(void, softmax_cross_entropy,
               (const CrossEntropy& op, const float* x, const Targets& targets, float* loss, int32_t* correct, float* dx,
                const Parallel& parallel))
