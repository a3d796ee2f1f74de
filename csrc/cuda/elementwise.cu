// rescale and dropouts (ops/elementwise.h): one thread an element; memory traffic and nothing else.
#include "ops/elementwise.h"

#include "cuda/launch.cuh"

namespace fastcnn::cuda {
namespace {

struct Rescale {
  const float* x;
  float scale, offset;
  float* y;
  __device__ void operator()(int64_t i) const { y[i] = fmaf(x[i], scale, offset); }
};

struct Accumulate {
  float a, b;
  const float* x;
  float* y;
  __device__ void operator()(int64_t i) const { y[i] = fmaf(y[i], a, x[i] * b); }
};

// Number i of the key's stream.
__device__ inline float random_number(const RandomKey& key, int64_t i) {
  const PhiloxBlock random = random_block(key, static_cast<uint64_t>(i / 4));
  return to_unit_float(i % 4 == 0 ? random.value[0] : i % 4 == 1 ? random.value[1] : i % 4 == 2 ? random.value[2] : random.value[3]);
}

struct Dropout {
  const float* x;
  float rate, scale;
  RandomKey key;
  float* y;
  __device__ void operator()(int64_t i) const { y[i] = random_number(key, i) < rate ? 0 : x[i] * scale; }
};

struct SpatialDropout {
  int64_t sample, C;  // elements of a sample, and channels
  const float* x;
  float rate, scale;
  RandomKey key;
  float* y;
  __device__ void operator()(int64_t i) const { y[i] = random_number(key, i / sample * C + i % C) < rate ? 0 : x[i] * scale; }
};

}  // namespace

void rescale(int64_t n, const float* x, float scale, float offset, float* y, const Parallel& parallel) {
  launch_elements(parallel, n, Rescale{x, scale, offset, y});
}

void accumulate(int64_t n, float a, float b, const float* x, float* y, const Parallel& parallel) {
  launch_elements(parallel, n, Accumulate{a, b, x, y});
}

void dropout(int64_t n, const float* x, float rate, float scale, const RandomKey& key, float* y, const Parallel& parallel) {
  launch_elements(parallel, n, Dropout{x, rate, scale, key, y});
}

void spatial_dropout(int64_t N, int64_t pixels, int64_t C, const float* x, float rate, float scale, const RandomKey& key, float* y,
                     const Parallel& parallel) {
  launch_elements(parallel, N * pixels * C, SpatialDropout{pixels * C, C, x, rate, scale, key, y});
}

}  // namespace fastcnn::cuda
