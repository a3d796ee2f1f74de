// e^x of a vector.
#pragma once

#include "cpu/simd.h"

namespace fastcnn::cpu::FASTCNN_ISA {

// e^x by x = n ln 2 + f with |f| <= ln 2 / 2 and the polynomial of degree 7 for e^f; relative error below 2e-7. Below about -87.3 it is 0;
// NaN stays NaN, +inf is inf.
FASTCNN_INLINE Vec exponential(Vec x) {
  const Vec lowest = broadcast(-87.33654f), highest = broadcast(88.72283f);
  const Vec clamped = select(x < lowest, lowest, select(x > highest, highest, x));
  const Vec magic = broadcast(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  const Vec rounded = clamped * 1.44269504f + magic;
  const Vec n = rounded - magic;
  Vec f = clamped - n * 0.693359375f;
  f = f + n * 2.12194440e-4f;
  Vec p = broadcast(1.0f / 5040);
  p = p * f + 1.0f / 720;
  p = p * f + 1.0f / 120;
  p = p * f + 1.0f / 24;
  p = p * f + 1.0f / 6;
  p = p * f + 0.5f;
  p = p * f + 1.0f;
  p = p * f + 1.0f;
  // 2^n in two halves, since n may be 128.
  const IntVec exponent = reinterpret_cast<IntVec>(rounded) - reinterpret_cast<IntVec>(magic);
  const IntVec half = exponent >> 1;
  const Vec scale0 = reinterpret_cast<Vec>((half + 127) << 23), scale1 = reinterpret_cast<Vec>((exponent - half + 127) << 23);
  const Vec y = p * scale0 * scale1;
  const Vec infinity = broadcast(__builtin_inff());
  return select(x != x, x, select(x < lowest, Vec{}, select(x > highest, infinity, y)));
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
