// Sums over the pixels of a batch, slab by slab, which are then added in their order: the same on every run.
#pragma once

#include "cuda/launch.cuh"
#include "ops/window.h"

namespace fastcnn::cuda {

// `count` slabs of `each` pixels, the last of what is left.
struct Slabs {
  int64_t pixels, each, count;
};

// Of at least 512 pixels, and at most 256 of them.
inline Slabs slabs_of(int64_t images, const Window& window) {
  const int64_t pixels = images * window.P * window.Q, most = 256;
  const int64_t size = blocks_for(pixels, most) > 512 ? blocks_for(pixels, most) : 512;
  return {pixels, size, blocks_for(pixels, size)};
}

// out[i] = the sum of all slabs' partials[i].
struct AddSlabs {
  const float* partials;
  int64_t slabs, slab_floats;
  float* out;
  __device__ void operator()(int64_t i) const {
    float total = 0;
    for (int64_t slab = 0; slab < slabs; ++slab) total += partials[slab * slab_floats + i];
    out[i] = total;
  }
};

}  // namespace fastcnn::cuda
