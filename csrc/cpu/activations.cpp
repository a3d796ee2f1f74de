// The activations (ops/activations.h).
#include "ops/activations.h"

#include "cpu/elements.h"
#include "cpu/exponential.h"
#include "cpu/gaussian.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

// x / (1 + e^-z), for which e^-z may be infinite.
FASTCNN_INLINE Vec gated(Vec x, Vec z) { return x / (exponential(-z) + 1.0f); }

// Its slope by x where that of z is dz: s + x s (1 - s) dz with s = 1 / (1 + e^-z). By e^-|z|, neither s nor 1 - s is a difference.
FASTCNN_INLINE Vec gated_slope(Vec x, Vec z, Vec dz) {
  const Vec e = exponential(select(z < Vec{}, z, -z)), larger = broadcast(1.0f) / (e + 1.0f), smaller = e * larger;
  return select(z < Vec{}, smaller, larger) + x * (smaller * larger) * dz;
}

// Of gelu's approximation, and its slope.
FASTCNN_INLINE Vec gelu_z(Vec x) { return x * (x * x * gelu_c1 + gelu_c0); }
FASTCNN_INLINE Vec gelu_dz(Vec x) { return x * x * (3 * gelu_c1) + gelu_c0; }

}  // namespace

void relu_forward(int64_t n, const float* x, float* y, const Parallel& parallel) {
  map_elements(n, [](Vec v) { return select(v <= Vec{}, Vec{}, v); }, parallel, y, x);  // a NaN is not <= 0
}

void relu_backward(int64_t n, const float* dy, const float* y, float* dx, const Parallel& parallel) {
  map_elements(n, [](Vec d, Vec v) { return select(v > Vec{}, d, Vec{}); }, parallel, dx, dy, y);
}

void leaky_relu_forward(int64_t n, float negative_slope, const float* x, float* y, const Parallel& parallel) {
  map_elements(n, [&](Vec v) { return select(v > Vec{}, v, v * negative_slope); }, parallel, y, x);
}

void leaky_relu_backward(int64_t n, float negative_slope, const float* dy, const float* y, float* dx, const Parallel& parallel) {
  map_elements(n, [&](Vec d, Vec v) { return select(v > Vec{}, d, d * negative_slope); }, parallel, dx, dy, y);
}

void bounded_relu_forward(int64_t n, const BoundedRelu& op, const float* x, float* y, const Parallel& parallel) {
  const Vec highest = broadcast(op.max_value), threshold = broadcast(op.threshold);
  const auto bounded = [&](Vec v, Vec below) { return select(v > threshold, select(v > highest, highest, v), below); };
  if (op.negative_slope == 0)  // times which -inf would be NaN
    return map_elements(n, [&](Vec v) { return bounded(v, select(v <= threshold, Vec{}, v)); }, parallel, y, x);
  map_elements(n, [&](Vec v) { return bounded(v, (v - threshold) * op.negative_slope); }, parallel, y, x);
}

void bounded_relu_backward(int64_t n, const BoundedRelu& op, const float* dy, const float* x, float* dx, const Parallel& parallel) {
  const Vec highest = broadcast(op.max_value), threshold = broadcast(op.threshold);
  map_elements(
      n,
      [&](Vec d, Vec v) {
        const Vec above = select(v <= highest, d, Vec{}), below = select(v < threshold, d * op.negative_slope, Vec{});
        return select(v > threshold, above, below);
      },
      parallel, dx, dy, x);
}

void sigmoid_forward(int64_t n, const float* x, float* y, const Parallel& parallel) {
  map_elements(n, [](Vec v) { return gated(broadcast(1.0f), v); }, parallel, y, x);
}

void sigmoid_backward(int64_t n, const float* dy, const float* y, float* dx, const Parallel& parallel) {
  map_elements(n, [](Vec d, Vec v) { return d * v * (broadcast(1.0f) - v); }, parallel, dx, dy, y);
}

void silu_forward(int64_t n, const float* x, float* y, const Parallel& parallel) {
  map_elements(n, [](Vec v) { return gated(v, v); }, parallel, y, x);
}

void silu_backward(int64_t n, const float* dy, const float* x, float* dx, const Parallel& parallel) {
  map_elements(n, [](Vec d, Vec v) { return d * gated_slope(v, v, broadcast(1.0f)); }, parallel, dx, dy, x);
}

void gelu_forward(int64_t n, bool approximate, const float* x, float* y, const Parallel& parallel) {
  if (approximate) return map_elements(n, [](Vec v) { return gated(v, gelu_z(v)); }, parallel, y, x);
  map_elements(n, [](Vec v) { return v * gaussian(v).below; }, parallel, y, x);
}

void gelu_backward(int64_t n, bool approximate, const float* dy, const float* x, float* dx, const Parallel& parallel) {
  if (approximate) return map_elements(n, [](Vec d, Vec v) { return d * gated_slope(v, gelu_z(v), gelu_dz(v)); }, parallel, dx, dy, x);
  const auto slope = [](Vec v) {
    const Gaussian at = gaussian(v);
    return at.below + v * at.density;
  };
  map_elements(n, [&](Vec d, Vec v) { return d * slope(v); }, parallel, dx, dy, x);
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
