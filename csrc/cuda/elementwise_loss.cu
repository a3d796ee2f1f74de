// elementwise_loss (ops/elementwise_loss.h): a warp a sample, loss and gradient in one pass.
#include "ops/elementwise_loss.h"

#include "cuda/rows.cuh"

namespace fastcnn::cuda {
namespace {

using Kind = ElementwiseLoss::Kind;

constexpr float lowest = 1e-7f, highest = 1 - 1e-7f;

__device__ inline float loss_of(Kind kind, float x, float t) {
  if (kind == Kind::squared_error) return (x - t) * (x - t);
  if (kind == Kind::binary_cross_entropy_of_logits) return (x > 0 ? x : x != x ? x : 0) - x * t + log1pf(expf(-fabsf(x)));
  const float p = x < lowest ? lowest : x > highest ? highest : x;
  return -(t * logf(p) + (1 - t) * logf(1 - p));
}

__device__ inline float gradient_of(Kind kind, float x, float t) {
  if (kind == Kind::squared_error) return 2 * (x - t);
  if (kind == Kind::binary_cross_entropy_of_logits) {
    const float e = expf(-fabsf(x));
    return (x >= 0 ? 1 : e) / (1 + e) - t;
  }
  return x >= lowest && x <= highest ? (x - t) / (x * (1 - x)) : x != x ? x : 0.0f;
}

__global__ void loss_rows(ElementwiseLoss op, const float* x, Targets targets, float* loss, float* dx) {
  const int64_t n = row_of_warp(), D = op.D;
  if (n >= op.N) return;
  const int64_t row = targets.rows == nullptr ? n : targets.rows[n];
  const float weight = targets.weights == nullptr ? 1 : targets.weights[row];
  const float scale = weight / (static_cast<float>(D) * static_cast<float>(op.N));
  const float kept = 1 - op.smoothing, spread = op.smoothing / 2;
  double sum = 0;
  for (int64_t d = lane_of_thread(); d < D; d += warp_size) {
    const float in = x[n * D + d], target = targets.values[row * D + d] * kept + spread;  // dx may be x
    sum += static_cast<double>(loss_of(op.kind, in, target));
    if (dx != nullptr) dx[n * D + d] = gradient_of(op.kind, in, target) * scale;
  }
  sum = sum_over_warp(sum);
  if (lane_of_thread() == 0) loss[n] = weight * static_cast<float>(sum / static_cast<double>(D));
}

}  // namespace

void elementwise_loss(const ElementwiseLoss& op, const float* x, const Targets& targets, float* loss, float* dx, const Parallel& parallel) {
  launch(parallel, blocks_for(op.N, rows_a_block), 1, 1, rows_a_block * warp_size, loss_rows, op, x, targets, loss, dx);
}

}  // namespace fastcnn::cuda
