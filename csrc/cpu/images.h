// Images changed one by one, in place or not.
#pragma once

#include "cpu/simd.h"
#include "cpu/work.h"
#include "ops/augmentation.h"

namespace fastcnn::cpu::FASTCNN_ISA {

constexpr int64_t floats_of(const Images& images) { return images.H * images.W * images.C; }

// body(i, worker) for each image, a few to a task, so that one is worth handing out.
template <class Body>
FASTCNN_INLINE void for_each_image(const Images& images, const Parallel& parallel, const Body& body) {
  const int64_t each = max(1, 16384 / floats_of(images));
  parallel_for(parallel, ceil_div(images.N, each), [&](int64_t task, int worker) {
    for (int64_t i = task * each; i < min((task + 1) * each, images.N); ++i) body(i, worker);
  });
}

FASTCNN_INLINE void copy_floats(const float* from, int64_t count, float* to) {
  __builtin_memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
}

FASTCNN_INLINE void fill_floats(float value, int64_t count, float* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = value;
}

// Image i of x: where y is x a copy of it, in the worker's own part of `copies`.
FASTCNN_INLINE const float* kept_image(const Images& images, int64_t i, const float* x, const float* y, void* copies, int worker) {
  const int64_t floats = floats_of(images);
  if (x != y) return x + i * floats;
  float* const copy = static_cast<float*>(copies) + worker * round_up(floats, 16);
  copy_floats(x + i * floats, floats, copy);
  return copy;
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
