// clip_gradients (ops/clip_gradients.h): a task a slab, once over the gradients for their squares and once to make them smaller, which
// those that are small enough are spared.
#include "ops/clip_gradients.h"

#include "cpu/simd.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

// Sixteen sums side by side, added in a tree: the same for every width of vector, since a float's square is exact in float64.
double squares(const float* g, int64_t n) {
  constexpr int64_t width = 16;
  double sums[width] = {};
  const int64_t whole = n - n % width;
  for (int64_t i = 0; i < whole; i += width) {
    for (int64_t j = 0; j < width; ++j) sums[j] += static_cast<double>(g[i + j]) * static_cast<double>(g[i + j]);
  }
  for (int64_t j = 0; j < n - whole; ++j) sums[j] += static_cast<double>(g[whole + j]) * static_cast<double>(g[whole + j]);
  for (int64_t half = width / 2; half > 0; half /= 2) {
    for (int64_t j = 0; j < half; ++j) sums[j] += sums[j + half];
  }
  return sums[0];
}

// What gradients whose squares have this sum are multiplied with; 1 where they stay.
double factor(const Clipping& clipping, double sum) {
  const double norm = __builtin_sqrt(sum), limit = static_cast<double>(clipping.limit);
  if (clipping.kind == Clipping::Kind::global_norm && !__builtin_isfinite(norm)) return __builtin_nan("");
  return norm <= limit ? 1 : limit / norm;
}

void multiply(float* g, int64_t n, float factor) {
  for (int64_t i = 0; i < n; i += lanes) {
    const int64_t count = min(lanes, n - i);
    store_lanes(g + i, load_lanes(g + i, count) * factor, count);
  }
}

void cut(float* g, int64_t n, float limit) {
  const Vec high = broadcast(limit), low = -high;
  for (int64_t i = 0; i < n; i += lanes) {
    const int64_t count = min(lanes, n - i);
    const Vec v = load_lanes(g + i, count);
    store_lanes(g + i, select(v > high, high, select(v < low, low, v)), count);
  }
}

}  // namespace

void clip_gradients(const Clipping& clipping, int64_t count, const ClipSlab* slabs, float* gradients, double* sums,
                    const Parallel& parallel) {
  if (clipping.kind == Clipping::Kind::value) {
    parallel_for(parallel, count,
                 [&](int64_t task, int) { cut(gradients + slabs[task].range.offset, slabs[task].range.size, clipping.limit); });
    return;
  }
  parallel_for(parallel, count,
               [&](int64_t task, int) { sums[task] = squares(gradients + slabs[task].range.offset, slabs[task].range.size); });
  for (int64_t first = 0; first < count; first = slabs[first].last) {
    double sum = 0;
    for (int64_t i = first; i < slabs[first].last; ++i) sum += sums[i];
    for (int64_t i = first; i < slabs[first].last; ++i) sums[i] = factor(clipping, sum);
  }
  parallel_for(parallel, count, [&](int64_t task, int) {
    if (sums[task] != 1) multiply(gradients + slabs[task].range.offset, slabs[task].range.size, static_cast<float>(sums[task]));
  });
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
