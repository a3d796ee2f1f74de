// The activations (ops/activations.h): one thread an element.
#include "ops/activations.h"

#include "cuda/launch.cuh"

namespace fastcnn::cuda {
namespace {

struct ReluForward {
  const float* x;
  float* y;
  __device__ void operator()(int64_t i) const { y[i] = x[i] <= 0 ? 0 : x[i]; }  // a NaN is not <= 0
};

struct ReluBackward {
  const float *dy, *y;
  float* dx;
  __device__ void operator()(int64_t i) const { dx[i] = y[i] > 0 ? dy[i] : 0; }
};

struct LeakyReluForward {
  float negative_slope;
  const float* x;
  float* y;
  __device__ void operator()(int64_t i) const { y[i] = x[i] > 0 ? x[i] : x[i] * negative_slope; }
};

struct LeakyReluBackward {
  float negative_slope;
  const float *dy, *y;
  float* dx;
  __device__ void operator()(int64_t i) const { dx[i] = y[i] > 0 ? dy[i] : dy[i] * negative_slope; }
};

struct BoundedReluForward {
  BoundedRelu op;
  const float* x;
  float* y;
  __device__ void operator()(int64_t i) const {
    const float v = x[i];
    if (v > op.threshold)
      y[i] = v > op.max_value ? op.max_value : v;
    else
      y[i] = op.negative_slope == 0 && v <= op.threshold ? 0 : (v - op.threshold) * op.negative_slope;  // 0 times -inf would be NaN
  }
};

struct BoundedReluBackward {
  BoundedRelu op;
  const float *dy, *x;
  float* dx;
  __device__ void operator()(int64_t i) const {
    const float v = x[i];
    if (v > op.threshold)
      dx[i] = v <= op.max_value ? dy[i] : 0;
    else
      dx[i] = v < op.threshold ? dy[i] * op.negative_slope : 0;
  }
};

struct SigmoidForward {
  const float* x;
  float* y;
  __device__ void operator()(int64_t i) const { y[i] = 1 / (1 + expf(-x[i])); }
};

struct SigmoidBackward {
  const float *dy, *y;
  float* dx;
  __device__ void operator()(int64_t i) const { dx[i] = dy[i] * y[i] * (1 - y[i]); }
};

// x / (1 + e^-z), for which e^-z may be infinite.
__device__ inline float gated(float x, float z) { return x / (1 + expf(-z)); }

// Its slope by x where that of z is dz: s + x s (1 - s) dz with s = 1 / (1 + e^-z). By e^-|z|, neither s nor 1 - s is a difference.
__device__ inline float gated_slope(float x, float z, float dz) {
  const float e = expf(-fabsf(z)), larger = 1 / (1 + e), smaller = e * larger;
  return (z < 0 ? smaller : larger) + x * (smaller * larger) * dz;
}

struct SiluForward {
  const float* x;
  float* y;
  __device__ void operator()(int64_t i) const { y[i] = gated(x[i], x[i]); }
};

struct SiluBackward {
  const float *dy, *x;
  float* dx;
  __device__ void operator()(int64_t i) const { dx[i] = dy[i] * gated_slope(x[i], x[i], 1); }
};

struct GeluForward {
  const float* x;
  float* y;
  __device__ void operator()(int64_t i) const { y[i] = 0.5f * x[i] * erfcf(x[i] * -0.70710678f); }
};

struct GeluBackward {
  const float *dy, *x;
  float* dx;
  __device__ void operator()(int64_t i) const {
    const float v = x[i], below = 0.5f * erfcf(v * -0.70710678f), density = 0.39894228f * expf(-0.5f * v * v);
    dx[i] = dy[i] * (below + v * density);
  }
};

struct ApproximateGeluForward {
  const float* x;
  float* y;
  __device__ void operator()(int64_t i) const { y[i] = gated(x[i], x[i] * (gelu_c1 * x[i] * x[i] + gelu_c0)); }
};

struct ApproximateGeluBackward {
  const float *dy, *x;
  float* dx;
  __device__ void operator()(int64_t i) const {
    const float v = x[i];
    dx[i] = dy[i] * gated_slope(v, v * (gelu_c1 * v * v + gelu_c0), 3 * gelu_c1 * v * v + gelu_c0);
  }
};

}  // namespace

void relu_forward(int64_t n, const float* x, float* y, const Parallel& parallel) { launch_elements(parallel, n, ReluForward{x, y}); }

void relu_backward(int64_t n, const float* dy, const float* y, float* dx, const Parallel& parallel) {
  launch_elements(parallel, n, ReluBackward{dy, y, dx});
}

void leaky_relu_forward(int64_t n, float negative_slope, const float* x, float* y, const Parallel& parallel) {
  launch_elements(parallel, n, LeakyReluForward{negative_slope, x, y});
}

void leaky_relu_backward(int64_t n, float negative_slope, const float* dy, const float* y, float* dx, const Parallel& parallel) {
  launch_elements(parallel, n, LeakyReluBackward{negative_slope, dy, y, dx});
}

void bounded_relu_forward(int64_t n, const BoundedRelu& op, const float* x, float* y, const Parallel& parallel) {
  launch_elements(parallel, n, BoundedReluForward{op, x, y});
}

void bounded_relu_backward(int64_t n, const BoundedRelu& op, const float* dy, const float* x, float* dx, const Parallel& parallel) {
  launch_elements(parallel, n, BoundedReluBackward{op, dy, x, dx});
}

void sigmoid_forward(int64_t n, const float* x, float* y, const Parallel& parallel) { launch_elements(parallel, n, SigmoidForward{x, y}); }

void sigmoid_backward(int64_t n, const float* dy, const float* y, float* dx, const Parallel& parallel) {
  launch_elements(parallel, n, SigmoidBackward{dy, y, dx});
}

void silu_forward(int64_t n, const float* x, float* y, const Parallel& parallel) { launch_elements(parallel, n, SiluForward{x, y}); }

void silu_backward(int64_t n, const float* dy, const float* x, float* dx, const Parallel& parallel) {
  launch_elements(parallel, n, SiluBackward{dy, x, dx});
}

void gelu_forward(int64_t n, bool approximate, const float* x, float* y, const Parallel& parallel) {
  if (approximate) return launch_elements(parallel, n, ApproximateGeluForward{x, y});
  launch_elements(parallel, n, GeluForward{x, y});
}

void gelu_backward(int64_t n, bool approximate, const float* dy, const float* x, float* dx, const Parallel& parallel) {
  if (approximate) return launch_elements(parallel, n, ApproximateGeluBackward{dy, x, dx});
  launch_elements(parallel, n, GeluBackward{dy, x, dx});
}

}  // namespace fastcnn::cuda
