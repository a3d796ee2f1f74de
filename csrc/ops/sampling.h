// How an image is read outside of itself and between its pixels: what the transforms of ops/augmentation.h share.
//
// Beyond its borders an image a b c d goes on by Keras's names:
//   constant  k k k k | a b c d | k k k k      reflect  d c b a | a b c d | d c b a
//   wrap      a b c d | a b c d | a b c d      nearest  a a a a | a b c d | d d d d
// constexpr, so that nvcc compiles the functions for the GPU too, and with internal linkage, so that kernels of every instruction set can
// include them.
#pragma once

#include <cstdint>

namespace fastcnn {

enum class FillMode { constant, reflect, wrap, nearest };

struct Fill {
  FillMode mode;
  float value;  // k
};

// The pixel of [0, size) that is read for i; -1 where that is the constant.
static constexpr int64_t pixel_at(FillMode mode, int64_t i, int64_t size) {
  if (i >= 0 && i < size) return i;
  switch (mode) {
    case FillMode::constant: return -1;
    case FillMode::nearest: return i < 0 ? 0 : size - 1;
    case FillMode::wrap: return (i % size + size) % size;
    case FillMode::reflect: {
      const int64_t twice = (i < 0 ? -1 - i : i) % (2 * size);
      return twice < size ? twice : 2 * size - 1 - twice;
    }
  }
  return -1;
}

// NaN is the least.
static constexpr float within(float x, float least, float most) { return x > least ? (x < most ? x : most) : least; }

// Of what an int32 holds: conversions to it and back are the rounding that every processor has in vectors.
static constexpr float toward_zero(float x) { return static_cast<float>(static_cast<int32_t>(within(x, -0x1p30f, 0x1p30f))); }

static constexpr float rounded_down(float x) {
  const float whole = toward_zero(x);
  return whole > x ? whole - 1 : whole;
}

// Halves away from 0.
static constexpr float rounded(float x) {
  const float whole = toward_zero(x), rest = x - whole;
  return rest >= 0.5f ? whole + 1 : rest <= -0.5f ? whole - 1 : whole;
}

// The coordinate between pixels 0 and size - 1 that is read for x; for the constant x itself, as far as one pixel beyond the border, where
// nothing of the image counts any more. As TensorFlow's, which Keras calls: what `reflect` and `nearest` give goes on without a jump, but
// `wrap` joins the borders without a pixel between them: beyond size - 1 it is first held at 0, and below 0 at size - 1. Source:
// TensorFlow, ImageProjectiveTransformV3.
template <FillMode mode>
static constexpr float coordinate_at(float x, float size) {
  const float last = size - 1;
  if constexpr (mode == FillMode::constant) return within(x, -2, size + 1);
  if constexpr (mode == FillMode::reflect) {
    x = within(x < 0 ? -1 - x : x, 0, 0x1p30f);
    x -= 2 * size * toward_zero(x / (2 * size));
    x = x < size ? x : 2 * size - 1 - x;
  }
  if constexpr (mode == FillMode::wrap) {
    const float period = last > 1 ? last : 1, times = toward_zero((x < 0 ? -x : x) / period);
    x = x < 0 ? x + size * (times + 1) : x > last ? x - size * times : x;
  }
  return within(x, 0, last);
}

// Where a pixel (h, w) of the result is read in the image: at the column x = xx w + xy h + x0 and the row y = yx w + yy h + y0.
struct Affine {
  float xx, xy, x0, yx, yy, y0;
};

// The result is the image moved down and to the right by so many pixels.
static constexpr Affine translation(double down, double right) {
  return {1, 0, static_cast<float>(-right), 0, 1, static_cast<float>(-down)};
}

// Turned about its middle, by an angle that is given by its cosine and sine; a positive one turns it counterclockwise.
static constexpr Affine rotation(double cosine, double sine, int64_t H, int64_t W) {
  const double x = static_cast<double>(W - 1) / 2, y = static_cast<double>(H - 1) / 2;
  const float c = static_cast<float>(cosine), s = static_cast<float>(sine);
  return {c, -s, static_cast<float>(x - x * cosine + y * sine), s, c, static_cast<float>(y - x * sine - y * cosine)};
}

// About its middle, `down` times as many rows and `across` times as many columns are seen: above 1 it becomes smaller.
static constexpr Affine zoom(double down, double across, int64_t H, int64_t W) {
  const double x = static_cast<double>(W - 1) / 2 * (1 - across), y = static_cast<double>(H - 1) / 2 * (1 - down);
  return {static_cast<float>(across), 0, static_cast<float>(x), 0, static_cast<float>(down), static_cast<float>(y)};
}

}  // namespace fastcnn
