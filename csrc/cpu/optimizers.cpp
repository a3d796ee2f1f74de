// adam, sgd and moving_average (ops/adam.h, ops/sgd.h, ops/moving_average.h): one pass over the flat parameters, in chunks of 4,096 floats.
#include "cpu/simd.h"
#include "cpu/work.h"
#include "ops/adam.h"
#include "ops/moving_average.h"
#include "ops/sgd.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

constexpr int64_t chunk = 4096;

// update(i, count) handles `count` lanes from i on, count = lanes but at the very end.
template <class Update>
void for_each(int64_t n, const Update& update, const Parallel& parallel) {
  parallel_for(parallel, ceil_div(n, chunk), [&](int64_t task, int) {
    const int64_t end = min((task + 1) * chunk, n);
    for (int64_t i = task * chunk; i < end; i += lanes) update(i, min(lanes, end - i));
  });
}

FASTCNN_INLINE Vec decayed(Vec p, float decay) { return decay == 0 ? p : p - p * decay; }

}  // namespace

void adam(int64_t n, float alpha, float one_minus_beta_1, float one_minus_beta_2, float epsilon, float decay, float* parameters,
          const float* gradients, float* m, float* v, const Parallel& parallel) {
  for_each(
      n,
      [&](int64_t i, int64_t count) {
        const Vec g = load_lanes(gradients + i, count);
        const Vec m0 = load_lanes(m + i, count), v0 = load_lanes(v + i, count);
        const Vec m1 = m0 + (g - m0) * one_minus_beta_1, v1 = v0 + (g * g - v0) * one_minus_beta_2;
        store_lanes(m + i, m1, count);
        store_lanes(v + i, v1, count);
        const Vec p = decayed(load_lanes(parameters + i, count), decay);
        store_lanes(parameters + i, p - m1 * alpha / (square_root(v1) + epsilon), count);
      },
      parallel);
}

void sgd(int64_t n, float learning_rate, float momentum, bool nesterov, float decay, float* parameters, const float* gradients, float* m,
         const Parallel& parallel) {
  for_each(
      n,
      [&](int64_t i, int64_t count) {
        const Vec p = decayed(load_lanes(parameters + i, count), decay), change = load_lanes(gradients + i, count) * -learning_rate;
        if (momentum == 0) {
          store_lanes(parameters + i, p + change, count);
          return;
        }
        const Vec m1 = load_lanes(m + i, count) * momentum + change;
        store_lanes(m + i, m1, count);
        store_lanes(parameters + i, nesterov ? p + m1 * momentum + change : p + m1, count);
      },
      parallel);
}

void moving_average(int64_t n, float momentum, bool overwrite, float* p, float* average, const Parallel& parallel) {
  for_each(
      n,
      [&](int64_t i, int64_t count) {
        const Vec mean = load_lanes(average + i, count) * momentum + load_lanes(p + i, count) * (1 - momentum);
        store_lanes(average + i, mean, count);
        if (overwrite) store_lanes(p + i, mean, count);
      },
      parallel);
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
