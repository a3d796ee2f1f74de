// mix: a batch of pictures, each mixed with another one of it, and their targets likewise: MixUp and CutMix.
//
// Picture i of n has the partner j = (i + shift) mod n and the numbers (l, a, b):
//   MixUp    y[i] = l x[i] + (1 - l) x[j]
//   CutMix   y[i] = x[j] in a box of r H rows and r W columns, r = sqrt(1 - l), whose corner lies at a of the H - r H rows that it can
//            begin in and at b of the columns; x[i] outside. The pixels whose places lie in the box are the partner's, so that their share
//            is 1 - l but for whole pixels.
//   both     t[i] = l t[i] + (1 - l) t[j], where a class number is a one-hot row
// x is picked and converted to float32 as gather (ops/gather.h) does it. The weight of picture i stays its own.
//
// How the numbers are drawn. Picture i has block i of the Philox stream of the key: l is the quantile of its first number, a and b are the
// next two, in [0, 1). The quantiles of l's distribution are given at k / 1024; between them a straight line. shift, from the last number
// of block 0, lies in [1, n), or is 0 where n is 1: the order of a batch is drawn already, so one shift pairs as well as any permutation.
//
// Errors: products of two float32 are exact in float64, where they are summed, so a value has one rounding there and one to float32, and is
// the same on every device, as l is. Errors (ArgumentError): x is not (N, H, W, C) or has no pixels; targets are not (N, K).
// Sources: Zhang, Cisse, Dauphin and Lopez-Paz 2018 (MixUp), Yun et al. 2019 (CutMix), by the arithmetic of Keras 3.15's layers.
#pragma once

#include <cstdint>

#include "core/batch.h"
#include "core/dispatch.h"
#include "core/forward.h"
#include "core/philox.h"
#include "ops/augmentation.h"

namespace fastcnn {

constexpr int mixing_numbers = 3;  // of a picture
constexpr int mixing_quantiles = 1025;

struct Mixing {
  Images images;
  int64_t K;      // floats of a target
  bool boxed;     // CutMix
  int64_t shift;  // in [0, n)
};

// Checks the shapes of float32 pictures and targets.
Mixing mixing_of(const Shape& x, const Shape& targets, bool boxed, int64_t shift);
int64_t mixing_shift(const RandomKey& key, int64_t n);

// quantiles: mixing_quantiles floats that do not fall; numbers: (n, mixing_numbers).
void draw_mixing(Context& context, int64_t n, const float* quantiles, const RandomKey& key, float* numbers);
// y: (n, H, W, C); mixed: (n, K); weights: (n,), or null where targets has none.
void mix(Context& context, const Mixing& mixing, const Samples& samples, const Targets& targets, const float* numbers, float* y,
         float* mixed, float* weights);

// What the kernels on every device compute alike.

// From 32 bits the upper 24: ten name the quantile, and fourteen the place between it and the next. The product is exact.
static constexpr float drawn_quantile(const float* quantiles, uint32_t bits) {
  const uint32_t below = bits >> 22, beyond = (bits >> 8) & 0x3fffu;
  const double step = static_cast<double>(quantiles[below + 1] - quantiles[below]);
  return static_cast<float>(static_cast<double>(quantiles[below]) + static_cast<double>(beyond) * 0x1p-14 * step);
}

static constexpr int64_t partner_of(const Mixing& mixing, int64_t i) {
  const int64_t partner = i + mixing.shift;
  return partner < mixing.images.N ? partner : partner - mixing.images.N;
}

static constexpr float mixed_value(float share, float own, float other) {
  const double first = static_cast<double>(share) * static_cast<double>(own);
  return static_cast<float>(first + static_cast<double>(1 - share) * static_cast<double>(other));
}

static constexpr int64_t picked_row(const int64_t* rows, int64_t i) { return rows == nullptr ? i : rows[i]; }

// Value k of K of the target in that row.
static constexpr float target_value(const Targets& targets, int64_t row, int64_t k, int64_t K) {
  if (targets.classes != nullptr) return targets.classes[row] == k ? 1.0f : 0.0f;
  return targets.values[row * K + k];
}

}  // namespace fastcnn

FASTCNN_KERNEL(void, draw_mixing, (int64_t n, const float* quantiles, const RandomKey& key, float* numbers, const Parallel& parallel))
FASTCNN_KERNEL(void, mix,
               (const Mixing& mixing, const Samples& samples, const Targets& targets, const float* numbers, float* y, float* mixed,
                float* weights, const Parallel& parallel))
