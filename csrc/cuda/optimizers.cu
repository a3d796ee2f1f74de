// adam and sgd (ops/adam.h, ops/sgd.h): one thread a parameter, over the flat buffers.
#include "cuda/launch.cuh"
#include "ops/adam.h"
#include "ops/sgd.h"

namespace fastcnn::cuda {
namespace {

struct AdamUpdate {
  float alpha, one_minus_beta_1, one_minus_beta_2, epsilon;
  float* parameters;
  const float* gradients;
  float *m, *v;

  __device__ void operator()(int64_t i) const {
    const float g = gradients[i];
    const float m1 = m[i] + (g - m[i]) * one_minus_beta_1, v1 = v[i] + (g * g - v[i]) * one_minus_beta_2;
    m[i] = m1;
    v[i] = v1;
    parameters[i] -= m1 * alpha / (sqrtf(v1) + epsilon);
  }
};

struct SgdUpdate {
  float learning_rate, momentum;
  bool nesterov;
  float* parameters;
  const float* gradients;
  float* m;

  __device__ void operator()(int64_t i) const {
    const float change = gradients[i] * -learning_rate;
    if (momentum == 0) {
      parameters[i] += change;
      return;
    }
    const float m1 = m[i] * momentum + change;
    m[i] = m1;
    parameters[i] = nesterov ? parameters[i] + m1 * momentum + change : parameters[i] + m1;
  }
};

}  // namespace

void adam(int64_t n, float alpha, float one_minus_beta_1, float one_minus_beta_2, float epsilon, float* parameters, const float* gradients,
          float* m, float* v, const Parallel& parallel) {
  launch_elements(parallel, n, AdamUpdate{alpha, one_minus_beta_1, one_minus_beta_2, epsilon, parameters, gradients, m, v});
}

void sgd(int64_t n, float learning_rate, float momentum, bool nesterov, float* parameters, const float* gradients, float* m,
         const Parallel& parallel) {
  launch_elements(parallel, n, SgdUpdate{learning_rate, momentum, nesterov, parameters, gradients, m});
}

}  // namespace fastcnn::cuda
