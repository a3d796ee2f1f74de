// The gradients that a convolution's outputs get, as Winograd's gradients read them: as they are, or through ReLU and the usual pooling, of
// 2x2 pixels a window, which pass each on to its winner alone.
#pragma once

#include "cpu/simd.h"
#include "cpu/small_integers.h"
#include "cpu/work.h"
#include "ops/conv2d_relu_max_pool2d.h"

namespace fastcnn::cpu::FASTCNN_ISA {

struct OutputGradients {
  const float* dy;
  int64_t P, Q, K;
  static constexpr bool sparse = false;

  bool has(int64_t p, int64_t q) const { return p < P && q < Q; }
  // Channels [k, k + count) of an output's; 0 beyond the image.
  Vec at(int64_t n, int64_t p, int64_t q, int64_t k, int64_t count) const {
    return has(p, q) ? load_lanes(dy + ((n * P + p) * Q + q) * K + k, count) : Vec{};
  }
  // The sum over images [begin, end): image by image, so that rounding grows with neither the number of pixels nor that of images alone.
  Vec sum_of(int64_t begin, int64_t end, int64_t k, int64_t count) const {
    Vec total{};
    for (int64_t n = begin; n < end; ++n) {
      Vec sum{};
      for (int64_t pixel = 0; pixel < P * Q; ++pixel) sum += load_lanes(dy + (n * P * Q + pixel) * K + k, count);
      total += sum;
    }
    return total;
  }
};

struct WinnersGradients {
  const float* dy;
  const uint8_t* index;
  int64_t P, Q, K;  // of the pooled
  static constexpr bool sparse = true;

  bool has(int64_t p, int64_t q) const { return p < 2 * P && q < 2 * Q; }
  Vec at(int64_t n, int64_t p, int64_t q, int64_t k, int64_t count) const {
    if (!has(p, q)) return Vec{};
    const int64_t from = ((n * P + p / 2) * Q + q / 2) * K + k;
    const IntVec place = IntVec{} + static_cast<int32_t>(p % 2 * 2 + q % 2);
    return select(load_small(index + from, count) == place, load_lanes(dy + from, count), Vec{});
  }
};

}  // namespace fastcnn::cpu::FASTCNN_ISA
