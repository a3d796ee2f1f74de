// softmax_cross_entropy (ops/softmax_cross_entropy.h): one pass a row; rows are few and short, so the logarithms are the C library's.
#include "ops/softmax_cross_entropy.h"

#include "cpu/rows.h"
#include "cpu/simd.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

constexpr float lowest = 1e-7f, highest = 1 - 1e-7f;

float clip(float p) { return p < lowest ? lowest : p > highest ? highest : p; }
bool inside(float p) { return p >= lowest && p <= highest; }

// The smoothed target of one row: a class number, or probabilities where those are not null. What is smoothed by 0 is what it was, to the
// bit.
struct Target {
  int64_t cls;
  const float* probabilities;
  float kept, spread;

  float operator[](int64_t k) const { return (probabilities != nullptr ? probabilities[k] : k == cls ? 1.0f : 0.0f) * kept + spread; }
};

float from_logits(int64_t K, const float* x, const Target& target, float scale, float* dx) {
  const float largest = largest_of(K, x);
  float total = 0, weight = 0, expected = 0;
  for (int64_t k = 0; k < K; ++k) {
    total += __builtin_expf(x[k] - largest);
    weight += target[k];
    if (target[k] != 0) expected += target[k] * (x[k] - largest);
  }
  if (dx != nullptr) {
    for (int64_t k = 0; k < K; ++k) dx[k] = (__builtin_expf(x[k] - largest) / total * weight - target[k]) * scale;
  }
  return __builtin_logf(total) * weight - expected;
}

float from_class_probabilities(int64_t K, const float* x, const Target& target, float scale, float* dx) {
  float total = 0, expected = 0;
  for (int64_t k = 0; k < K; ++k) {
    total += clip(x[k]);
    if (target[k] != 0) expected += target[k] * __builtin_logf(clip(x[k]));
  }
  if (dx != nullptr) {
    for (int64_t k = 0; k < K; ++k) dx[k] = inside(x[k]) ? (1 / total - target[k] / x[k]) * scale : 0.0f;
  }
  return __builtin_logf(total) - expected;
}

float from_probabilities(int64_t K, const float* x, const Target& target, float scale, float* dx) {
  float total = 0, loss = 0;
  for (int64_t k = 0; k < K; ++k) total += x[k];
  for (int64_t k = 0; k < K; ++k) loss -= target[k] * __builtin_logf(clip(x[k] / total));
  if (dx != nullptr) {
    float mean = 0;  // sum over k of p[k] times the gradient by p[k] = x[k] / total
    for (int64_t k = 0; k < K; ++k) mean -= inside(x[k] / total) ? target[k] : 0.0f;
    for (int64_t k = 0; k < K; ++k) {
      const float gradient = inside(x[k] / total) ? -target[k] * total / x[k] : 0.0f;
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
  const float kept = 1 - op.smoothing, spread = op.smoothing / static_cast<float>(K);
  parallel_for(parallel, ceil_div(op.N, per_task), [&](int64_t task, int) {
    for (int64_t n = task * per_task; n < min((task + 1) * per_task, op.N); ++n) {
      const int64_t row = targets.rows == nullptr ? n : targets.rows[n];
      const Target target{targets.classes == nullptr ? -1 : targets.classes[row],
                          targets.values == nullptr ? nullptr : targets.values + row * K, kept, spread};
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
