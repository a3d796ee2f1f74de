// adam, sgd and moving_average (ops/adam.h, ops/sgd.h, ops/moving_average.h): one thread a parameter, over the flat buffers.
#include "cuda/launch.cuh"
#include "ops/adam.h"
#include "ops/moving_average.h"
#include "ops/sgd.h"

namespace fastcnn::cuda {
namespace {

__device__ inline float decayed(float p, float decay) { return decay == 0 ? p : p - p * decay; }

struct AdamUpdate {
  float alpha, one_minus_beta_1, one_minus_beta_2, epsilon, decay;
  float* parameters;
  const float* gradients;
  float *m, *v;

  __device__ void operator()(int64_t i) const {
    const float g = gradients[i];
    const float m1 = m[i] + (g - m[i]) * one_minus_beta_1, v1 = v[i] + (g * g - v[i]) * one_minus_beta_2;
    m[i] = m1;
    v[i] = v1;
    parameters[i] = decayed(parameters[i], decay) - m1 * alpha / (sqrtf(v1) + epsilon);
  }
};

struct SgdUpdate {
  float learning_rate, momentum;
  bool nesterov;
  float decay;
  float* parameters;
  const float* gradients;
  float* m;

  __device__ void operator()(int64_t i) const {
    const float p = decayed(parameters[i], decay), change = gradients[i] * -learning_rate;
    if (momentum == 0) {
      parameters[i] = p + change;
      return;
    }
    const float m1 = m[i] * momentum + change;
    m[i] = m1;
    parameters[i] = nesterov ? p + m1 * momentum + change : p + m1;
  }
};

struct AverageUpdate {
  float momentum;
  bool overwrite;
  float *p, *average;

  __device__ void operator()(int64_t i) const {
    const float mean = average[i] * momentum + p[i] * (1 - momentum);
    average[i] = mean;
    if (overwrite) p[i] = mean;
  }
};

}  // namespace

void adam(int64_t n, float alpha, float one_minus_beta_1, float one_minus_beta_2, float epsilon, float decay, float* parameters,
          const float* gradients, float* m, float* v, const Parallel& parallel) {
  launch_elements(parallel, n, AdamUpdate{alpha, one_minus_beta_1, one_minus_beta_2, epsilon, decay, parameters, gradients, m, v});
}

void sgd(int64_t n, float learning_rate, float momentum, bool nesterov, float decay, float* parameters, const float* gradients, float* m,
         const Parallel& parallel) {
  launch_elements(parallel, n, SgdUpdate{learning_rate, momentum, nesterov, decay, parameters, gradients, m});
}

void moving_average(int64_t n, float momentum, bool overwrite, float* p, float* average, const Parallel& parallel) {
  launch_elements(parallel, n, AverageUpdate{momentum, overwrite, p, average});
}

}  // namespace fastcnn::cuda
