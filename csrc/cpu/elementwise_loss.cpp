// elementwise_loss (ops/elementwise_loss.h): one pass a sample, summed in float64; outputs are few, so the logarithms are the C library's.
#include "ops/elementwise_loss.h"

#include "cpu/simd.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

using Kind = ElementwiseLoss::Kind;

constexpr float lowest = 1e-7f, highest = 1 - 1e-7f;

struct Each {
  float loss, gradient;
};

template <Kind kind>
Each each(float x, float t) {
  if constexpr (kind == Kind::squared_error) return {(x - t) * (x - t), 2 * (x - t)};
  if constexpr (kind == Kind::binary_cross_entropy_of_logits) {
    const float e = __builtin_expf(-__builtin_fabsf(x)), sigmoid = (x >= 0 ? 1 : e) / (1 + e);
    return {(x > 0 ? x : x != x ? x : 0) - x * t + __builtin_log1pf(e), sigmoid - t};
  }
  const float p = x < lowest ? lowest : x > highest ? highest : x;
  return {-(t * __builtin_logf(p) + (1 - t) * __builtin_logf(1 - p)), p == x ? (p - t) / (p * (1 - p)) : x != x ? x : 0.0f};
}

template <Kind kind>
void run(const ElementwiseLoss& op, const float* x, const Targets& targets, float* loss, float* dx, const Parallel& parallel) {
  const int64_t D = op.D, per_task = max(1, 2048 / D);
  const float kept = 1 - op.smoothing, spread = op.smoothing / 2;
  parallel_for(parallel, ceil_div(op.N, per_task), [&](int64_t task, int) {
    for (int64_t n = task * per_task; n < min((task + 1) * per_task, op.N); ++n) {
      const int64_t row = targets.rows == nullptr ? n : targets.rows[n];
      const float weight = targets.weights == nullptr ? 1 : targets.weights[row];
      const float scale = weight / (static_cast<float>(D) * static_cast<float>(op.N));
      double sum = 0;
      for (int64_t d = 0; d < D; ++d) {
        const Each one = each<kind>(x[n * D + d], targets.values[row * D + d] * kept + spread);
        sum += static_cast<double>(one.loss);
        if (dx != nullptr) dx[n * D + d] = one.gradient * scale;
      }
      loss[n] = weight * static_cast<float>(sum / static_cast<double>(D));
    }
  });
}

}  // namespace

void elementwise_loss(const ElementwiseLoss& op, const float* x, const Targets& targets, float* loss, float* dx, const Parallel& parallel) {
  switch (op.kind) {
    case Kind::squared_error: return run<Kind::squared_error>(op, x, targets, loss, dx, parallel);
    case Kind::binary_cross_entropy: return run<Kind::binary_cross_entropy>(op, x, targets, loss, dx, parallel);
    case Kind::binary_cross_entropy_of_logits: return run<Kind::binary_cross_entropy_of_logits>(op, x, targets, loss, dx, parallel);
  }
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
