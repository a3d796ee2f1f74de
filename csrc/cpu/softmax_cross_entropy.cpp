// softmax_cross_entropy (ops/softmax_cross_entropy.h): one pass a row; rows are few and short, so the logarithms are the C library's.
#include "ops/softmax_cross_entropy.h"

#include "cpu/rows.h"
#include "cpu/simd.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

float from_logits(int64_t K, const float* x, const Target& target, float scale, float* dx) {
  const float largest = largest_of(K, x);
  float total = 0, weight = 0, expected = 0;
  for (int64_t k = 0; k < K; ++k) {
    const float t = target_at(target, k);
    total += __builtin_expf(x[k] - largest);
    weight += t;
    if (t != 0) expected += t * (x[k] - largest);
  }
  if (dx != nullptr) {
    for (int64_t k = 0; k < K; ++k) dx[k] = (__builtin_expf(x[k] - largest) / total * weight - target_at(target, k)) * scale;
  }
  return __builtin_logf(total) * weight - expected;
}

float from_class_probabilities(int64_t K, const float* x, const Target& target, float scale, float* dx) {
  float total = 0, expected = 0;
  for (int64_t k = 0; k < K; ++k) {
    const float t = target_at(target, k);
    total += clip(x[k]);
    if (t != 0) expected += t * __builtin_logf(clip(x[k]));
  }
  if (dx != nullptr) {
    for (int64_t k = 0; k < K; ++k) dx[k] = inside_clip(x[k]) ? (1 / total - target_at(target, k) / x[k]) * scale : 0.0f;
  }
  return __builtin_logf(total) - expected;
}

float from_probabilities(int64_t K, const float* x, const Target& target, float scale, float* dx) {
  float total = 0, loss = 0;
  for (int64_t k = 0; k < K; ++k) total += x[k];
  for (int64_t k = 0; k < K; ++k) loss -= target_at(target, k) * __builtin_logf(clip(x[k] / total));
  if (dx != nullptr) {
    float mean = 0;  // sum over k of p[k] times the gradient by p[k] = x[k] / total
    for (int64_t k = 0; k < K; ++k) mean -= inside_clip(x[k] / total) ? target_at(target, k) : 0.0f;
    for (int64_t k = 0; k < K; ++k) {
      const float gradient = inside_clip(x[k] / total) ? -target_at(target, k) * total / x[k] : 0.0f;
      dx[k] = (gradient - mean) / total * scale;
    }
  }
  return loss;
}

template <class Label>
void take(int64_t N, int64_t K, const Label* labels, int32_t* classes, void (*raise)(const Fault&), Fault* fault) {
  for (int64_t n = 0; n < N; ++n) {
    const bool inside = labels[n] >= 0 && labels[n] < K;
    classes[n] = inside ? static_cast<int32_t>(labels[n]) : 0;
    if (!inside && fault->raise == nullptr) *fault = {raise, n, labels[n], K};
  }
}

}  // namespace

void take_classes(int64_t N, int64_t K, const void* labels, DType dtype, int32_t* classes, void (*raise)(const Fault&), Fault* fault,
                  const Parallel&) {
  if (dtype == DType::int64)
    take(N, K, static_cast<const int64_t*>(labels), classes, raise, fault);
  else
    take(N, K, static_cast<const int32_t*>(labels), classes, raise, fault);
}

void softmax_cross_entropy(const CrossEntropy& op, const float* x, const Targets& targets, float* loss, int32_t* correct, float* dx,
                           const Parallel& parallel) {
  const int64_t K = op.K, per_task = max(1, 512 / K);
  parallel_for(parallel, ceil_div(op.N, per_task), [&](int64_t task, int) {
    for (int64_t n = task * per_task; n < min((task + 1) * per_task, op.N); ++n) {
      const int64_t row = targets.rows == nullptr ? n : targets.rows[n];
      const Target target = target_of(op, targets, row);
      const float weight = targets.weights == nullptr ? 1 : targets.weights[row], scale = weight / static_cast<float>(op.N);
      const float* in = x + n * K;
      float* out = dx == nullptr ? nullptr : dx + n * K;
      if (correct != nullptr) {
        const int64_t wanted = target.probabilities == nullptr ? target.cls : position_of_largest(K, target.probabilities);
        correct[n] = position_of_largest(K, in) == wanted;
      }
      loss[n] = weight * (op.from_logits                    ? from_logits(K, in, target, scale, out)
                          : target.probabilities == nullptr ? from_class_probabilities(K, in, target, scale, out)
                                                            : from_probabilities(K, in, target, scale, out));
    }
  });
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
