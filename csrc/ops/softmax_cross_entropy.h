// softmax_cross_entropy: the loss of each row of (N, K) against its class, and the gradient of the loss's mean over the batch. float32.
//
// With t[n] the probabilities of the classes (one-hot for a class number c):
//   logits          loss[n] = -sum over k of t[n,k] * log(softmax(x[n])[k]);      dx[n,k] = (softmax(x[n])[k] * sum(t[n]) - t[n,k]) / N
//   probabilities   as Keras computes them, with clip(p) = min(max(p, 1e-7), 1 - 1e-7), whose gradient is 0 where it cuts:
//     class numbers   loss[n] = log(sum over k of clip(x[n,k])) - log(clip(x[n,c]))
//     one-hot rows    loss[n] = -sum over k of t[n,k] * log(clip(x[n,k] / sum(x[n])))
// Rows of probabilities that do not sum to 1 are taken as they are, and dx is the loss's gradient for them too (TensorFlow's assumes a sum
// of 1). correct[n] is 1 where the largest x[n,k], the first of equals, is that of t[n]: Keras's accuracy. Errors (ArgumentError): ranks
// and sizes that disagree, a class outside [0, K) with its row. Where x is not finite the loss is not either. Allowed error against
// float64: 1e-6 of the larger of the loss and 1. Source: Keras's SparseCategoricalCrossentropy and CategoricalCrossentropy.
#pragma once

#include "core/batch.h"
#include "core/dispatch.h"
#include "core/forward.h"

namespace fastcnn {

struct CrossEntropy {
  int64_t N, K;
  bool from_logits;
};

// Checks x against the targets' shape, which is (N,) for class numbers and (N, K) for rows of probabilities.
CrossEntropy softmax_cross_entropy(const Shape& x, const Shape& targets, bool from_logits);
// Throws ArgumentError naming the first row whose class is not in [0, K).
void check_classes(const char* operation, const int64_t* classes, int64_t N, int64_t K);

// loss: (N,) floats; correct: (N,) or null; dx: (N, K) or null, and may be x.
void softmax_cross_entropy(Context& context, const CrossEntropy& op, const float* x, const Targets& targets, float* loss, int32_t* correct,
                           float* dx);

}  // namespace fastcnn

FASTCNN_KERNEL(void, softmax_cross_entropy,
               (const CrossEntropy& op, const float* x, const Targets& targets, float* loss, int32_t* correct, float* dx,
                const Parallel& parallel))
