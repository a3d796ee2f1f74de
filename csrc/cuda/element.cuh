// The place of an element in an NHWC array.
#pragma once

#include "cuda/launch.cuh"

namespace fastcnn::cuda {

struct Element {
  int64_t n;
  int h, w, c;
};

// Element number i.
__device__ inline Element element_of(int64_t i, int64_t H, int64_t W, int64_t C) {
  const int64_t pixel = i / C, row = pixel / W;
  return {row / H, static_cast<int>(row % H), static_cast<int>(pixel % W), static_cast<int>(i % C)};
}

}  // namespace fastcnn::cuda
