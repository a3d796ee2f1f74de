// softmax_cross_entropy (ops/softmax_cross_entropy.h): a warp a row, loss and gradient in one pass of the kernel.
#include "ops/softmax_cross_entropy.h"

#include "cuda/rows.cuh"

namespace fastcnn::cuda {
namespace {

// Each of these: one row's loss (in every lane), and its gradient where dx is not null.

__device__ float from_logits(int64_t K, const float* x, const Target& target, float scale, float* dx) {
  const float largest = largest_of(K, x);
  float total = 0, weight = 0, expected = 0;
  for (int64_t k = lane_of_thread(); k < K; k += warp_size) {
    const float t = target_at(target, k);
    total += expf(x[k] - largest);
    weight += t;
    if (t != 0) expected += t * (x[k] - largest);
  }
  total = sum_over_warp(total);
  weight = sum_over_warp(weight);
  expected = sum_over_warp(expected);
  if (dx != nullptr) {
    for (int64_t k = lane_of_thread(); k < K; k += warp_size)
      dx[k] = (expf(x[k] - largest) / total * weight - target_at(target, k)) * scale;
  }
  return logf(total) * weight - expected;
}

__device__ float from_class_probabilities(int64_t K, const float* x, const Target& target, float scale, float* dx) {
  float total = 0, expected = 0;
  for (int64_t k = lane_of_thread(); k < K; k += warp_size) {
    const float t = target_at(target, k);
    total += clip(x[k]);
    if (t != 0) expected += t * logf(clip(x[k]));
  }
  total = sum_over_warp(total);
  expected = sum_over_warp(expected);
  if (dx != nullptr) {
    for (int64_t k = lane_of_thread(); k < K; k += warp_size)
      dx[k] = inside_clip(x[k]) ? (1 / total - target_at(target, k) / x[k]) * scale : 0.0f;
  }
  return logf(total) - expected;
}

__device__ float from_probabilities(int64_t K, const float* x, const Target& target, float scale, float* dx) {
  float total = 0, loss = 0, mean = 0;  // mean: sum over k of p[k] times the gradient by p[k] = x[k] / total
  for (int64_t k = lane_of_thread(); k < K; k += warp_size) total += x[k];
  total = sum_over_warp(total);
  for (int64_t k = lane_of_thread(); k < K; k += warp_size) {
    const float p = x[k] / total, t = target_at(target, k);
    loss -= t * logf(clip(p));
    mean -= inside_clip(p) ? t : 0.0f;
  }
  loss = sum_over_warp(loss);
  mean = sum_over_warp(mean);
  if (dx != nullptr) {
    for (int64_t k = lane_of_thread(); k < K; k += warp_size) {
      const float gradient = inside_clip(x[k] / total) ? -target_at(target, k) * total / x[k] : 0.0f;
      dx[k] = (gradient - mean) / total * scale;
    }
  }
  return loss;
}

__global__ void cross_entropy_rows(CrossEntropy op, const float* x, Targets targets, float* loss, int32_t* correct, float* dx) {
  const int64_t n = row_of_warp(), K = op.K;
  if (n >= op.N) return;
  const int64_t row = targets.rows == nullptr ? n : targets.rows[n];
  const Target target = target_of(op, targets, row);
  const float* in = x + n * K;
  float* out = dx == nullptr ? nullptr : dx + n * K;
  const float weight = targets.weights == nullptr ? 1 : targets.weights[row], scale = weight / static_cast<float>(op.N);
  if (correct != nullptr) {
    const int64_t wanted = target.probabilities == nullptr ? target.cls : position_of_largest(K, target.probabilities);
    const bool right = position_of_largest(K, in) == wanted;
    if (lane_of_thread() == 0) correct[n] = right;
  }
  const float of_row = op.from_logits                    ? from_logits(K, in, target, scale, out)
                       : target.probabilities == nullptr ? from_class_probabilities(K, in, target, scale, out)
                                                         : from_probabilities(K, in, target, scale, out);
  if (lane_of_thread() == 0) loss[n] = weight * of_row;
}

// One warp goes through them in order, so that the first one that is wrong is the one that is told.
template <class Label>
__global__ void take(int64_t N, int64_t K, const Label* labels, int32_t* classes, void (*raise)(const Fault&), Fault* fault) {
  for (int64_t first = 0; first < N; first += warp_size) {
    const int64_t n = first + lane_of_thread();
    const Label label = n < N ? labels[n] : Label{0};
    const bool inside = label >= 0 && label < K;
    if (n < N) classes[n] = inside ? static_cast<int32_t>(label) : 0;
    const unsigned outside = __ballot_sync(full_warp, !inside);
    if (outside != 0 && lane_of_thread() == __ffs(static_cast<int>(outside)) - 1 && fault->raise == nullptr) *fault = {raise, n, label, K};
    __syncwarp(full_warp);  // the next round looks at fault->raise
  }
}

}  // namespace

void take_classes(int64_t N, int64_t K, const void* labels, DType dtype, int32_t* classes, void (*raise)(const Fault&), Fault* fault,
                  const Parallel& parallel) {
  if (dtype == DType::int64)
    launch(parallel, 1, 1, 1, warp_size, take<int64_t>, N, K, static_cast<const int64_t*>(labels), classes, raise, fault);
  else
    launch(parallel, 1, 1, 1, warp_size, take<int32_t>, N, K, static_cast<const int32_t*>(labels), classes, raise, fault);
}

void softmax_cross_entropy(const CrossEntropy& op, const float* x, const Targets& targets, float* loss, int32_t* correct, float* dx,
                           const Parallel& parallel) {
  launch(parallel, blocks_for(op.N, rows_a_block), 1, 1, rows_a_block * warp_size, cross_entropy_rows, op, x, targets, loss, correct, dx);
}

}  // namespace fastcnn::cuda
