// The activations that look at one element at a time, on n floats. In each, y may be x and dx may be dy.
//
//   relu          y = x where x > 0 or x is NaN, else 0;               dx = dy where y > 0, else 0
//   leaky_relu    y = x where x > 0, else a x, with a >= 0;            dx = dy where y > 0, else a dy
//   bounded_relu  y = min(x, m) where x > t, else a (x - t);           dx = dy where t < x <= m, a dy where x < t, else 0
//   sigmoid       y = s(x) with s(z) = 1 / (1 + e^-z);                 dx = dy y (1 - y)
//   silu          y = x s(x);                                          dx = dy (s(x) + x s(x) (1 - s(x)))
//   gelu          y = x N(x) with N(x) = (1 + erf(x / sqrt(2))) / 2;   dx = dy (N(x) + x e^(-x^2 / 2) / sqrt(2 pi))
//   gelu, approximately: y = x s(z) with z = sqrt(8 / pi) (x + 0.044715 x^3), which is x (1 + tanh(z / 2)) / 2;
//                                                                      dx = dy (s(z) + x s(z) (1 - s(z)) dz/dx)
// a, m and t are negative_slope, max_value (which may be infinite) and threshold; each is at least 0, else ArgumentError.
// relu, leaky_relu and sigmoid have their gradient from y, so that nobody needs their x; the others have it from x.
//
// Errors against float64: relu none; leaky_relu and bounded_relu two roundings; sigmoid's relative error is at most 3e-7. Of silu and gelu,
// and of their slopes, for x in [-20, 20], the relative error is below 1e-6 or the absolute one below 1e-7.
// NaN gives NaN. At infinity: silu and gelu are infinite at inf and NaN at -inf, their slopes NaN at both, since 0 * inf is, as in Keras
// on TensorFlow; the slope of the approximation is NaN wherever x^2 overflows. leaky_relu with a = 0 is NaN at -inf, bounded_relu is not.
// Sources: Keras's ReLU, LeakyReLU, sigmoid, silu and gelu; Maas, Hannun and Ng 2013; Ramachandran, Zoph and Le 2017; Hendrycks and Gimpel
// 2016.
#pragma once

#include <cstdint>

#include "core/dispatch.h"
#include "core/forward.h"

namespace fastcnn {

struct BoundedRelu {
  float negative_slope, max_value, threshold;
};

// The approximation of gelu by z = x (c0 + c1 x^2).
constexpr float gelu_c0 = 1.5957691216f, gelu_c1 = 0.0713548163f;  // sqrt(8 / pi), and 0.044715 of it

// Throws ArgumentError where one of them is not what it must be.
BoundedRelu bounded_relu(double negative_slope, double max_value, double threshold);

void relu_forward(Context& context, int64_t n, const float* x, float* y);
void relu_backward(Context& context, int64_t n, const float* dy, const float* y, float* dx);
void leaky_relu_forward(Context& context, int64_t n, double negative_slope, const float* x, float* y);
void leaky_relu_backward(Context& context, int64_t n, double negative_slope, const float* dy, const float* y, float* dx);
void bounded_relu_forward(Context& context, int64_t n, const BoundedRelu& op, const float* x, float* y);
void bounded_relu_backward(Context& context, int64_t n, const BoundedRelu& op, const float* dy, const float* x, float* dx);
void sigmoid_forward(Context& context, int64_t n, const float* x, float* y);
void sigmoid_backward(Context& context, int64_t n, const float* dy, const float* y, float* dx);
void silu_forward(Context& context, int64_t n, const float* x, float* y);
void silu_backward(Context& context, int64_t n, const float* dy, const float* x, float* dx);
void gelu_forward(Context& context, int64_t n, bool approximate, const float* x, float* y);
void gelu_backward(Context& context, int64_t n, bool approximate, const float* dy, const float* x, float* dx);

}  // namespace fastcnn

FASTCNN_KERNEL(void, relu_forward, (int64_t n, const float* x, float* y, const Parallel& parallel))
FASTCNN_KERNEL(void, relu_backward, (int64_t n, const float* dy, const float* y, float* dx, const Parallel& parallel))
FASTCNN_KERNEL(void, leaky_relu_forward, (int64_t n, float negative_slope, const float* x, float* y, const Parallel& parallel))
FASTCNN_KERNEL(void, leaky_relu_backward,
               (int64_t n, float negative_slope, const float* dy, const float* y, float* dx, const Parallel& parallel))
FASTCNN_KERNEL(void, bounded_relu_forward, (int64_t n, const BoundedRelu& op, const float* x, float* y, const Parallel& parallel))
FASTCNN_KERNEL(void, bounded_relu_backward,
               (int64_t n, const BoundedRelu& op, const float* dy, const float* x, float* dx, const Parallel& parallel))
FASTCNN_KERNEL(void, sigmoid_forward, (int64_t n, const float* x, float* y, const Parallel& parallel))
FASTCNN_KERNEL(void, sigmoid_backward, (int64_t n, const float* dy, const float* y, float* dx, const Parallel& parallel))
FASTCNN_KERNEL(void, silu_forward, (int64_t n, const float* x, float* y, const Parallel& parallel))
FASTCNN_KERNEL(void, silu_backward, (int64_t n, const float* dy, const float* x, float* dx, const Parallel& parallel))
FASTCNN_KERNEL(void, gelu_forward, (int64_t n, bool approximate, const float* x, float* y, const Parallel& parallel))
FASTCNN_KERNEL(void, gelu_backward, (int64_t n, bool approximate, const float* dy, const float* x, float* dx, const Parallel& parallel))
