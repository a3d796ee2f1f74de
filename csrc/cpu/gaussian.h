// The standard normal distribution, of a vector.
#pragma once

#include "cpu/exponential.h"

namespace fastcnn::cpu::FASTCNN_ISA {

// At x: e^(-x^2 / 2) / sqrt(2 pi), and the probability of a value below x.
struct Gaussian {
  Vec density, below;
};

// The probability below -t, for t = |x|, is density(t) m(t), where Mills' ratio m falls smoothly from sqrt(pi / 2) to 1 / t. It is fitted
// as Shepherd and Laframboise (1981) fit e^(x^2) erfc(x), which is the same but for its scales: the half-axis becomes an interval by u = 1
// / (1 + c t), and m(t) = u P(u). P is ours, of degree 8, for the smallest relative error on [0, 14], which is 2.3e-8 for c = 11/32; with
// P's roundings m is within 3e-7. Beyond 14 there is no density in float32.
FASTCNN_INLINE Gaussian gaussian(Vec x) {
  const Vec t = select(x < Vec{}, -x, x), u = broadcast(1.0f) / (t * 0.34375f + 1.0f);
  Vec p = broadcast(-0.06970725f);
  p = p * u + 0.36057448f;
  p = p * u - 0.6810824f;
  p = p * u + 0.47856414f;
  p = p * u - 0.09852606f;
  p = p * u + 0.28239077f;
  p = p * u + 0.29262513f;
  p = p * u + 0.34476733f;
  p = p * u + 0.34370804f;
  const Vec density = exponential(x * x * -0.5f) * 0.39894228f, tail = density * (u * p);
  return {density, select(x < Vec{}, tail, broadcast(1.0f) - tail)};
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
