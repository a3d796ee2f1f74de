// relu, sigmoid, rescale and dropouts (ops/elementwise.h): memory traffic and nothing else, so chunks of 32 KB are handed out.
#include "ops/elementwise.h"

#include "cpu/exponential.h"
#include "cpu/simd.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

constexpr int64_t chunk = 8192;

// whole(i) handles the lanes from i on, rest(i) one element.
template <class Whole, class Rest>
void for_each(int64_t n, const Whole& whole, const Rest& rest, const Parallel& parallel) {
  parallel_for(parallel, ceil_div(n, chunk), [&](int64_t task, int) {
    const int64_t end = min((task + 1) * chunk, n);
    int64_t i = task * chunk;
    for (; i + lanes <= end; i += lanes) whole(i);
    for (; i < end; ++i) rest(i);
  });
}

}  // namespace

void relu_forward(int64_t n, const float* x, float* y, const Parallel& parallel) {
  for_each(
      n,
      [&](int64_t i) {
        const Vec v = load(x + i);
        store(y + i, select(v <= Vec{}, Vec{}, v));  // a NaN is not <= 0
      },
      [&](int64_t i) { y[i] = x[i] <= 0 ? 0 : x[i]; }, parallel);
}

void relu_backward(int64_t n, const float* dy, const float* y, float* dx, const Parallel& parallel) {
  for_each(
      n, [&](int64_t i) { store(dx + i, select(load(y + i) > Vec{}, load(dy + i), Vec{})); },
      [&](int64_t i) { dx[i] = y[i] > 0 ? dy[i] : 0; }, parallel);
}

void sigmoid_forward(int64_t n, const float* x, float* y, const Parallel& parallel) {
  const auto sigmoid = [](Vec v) { return broadcast(1.0f) / (exponential(-v) + 1.0f); };
  for_each(n, [&](int64_t i) { store(y + i, sigmoid(load(x + i))); }, [&](int64_t i) { y[i] = sigmoid(broadcast(x[i]))[0]; }, parallel);
}

void sigmoid_backward(int64_t n, const float* dy, const float* y, float* dx, const Parallel& parallel) {
  for_each(
      n,
      [&](int64_t i) {
        const Vec v = load(y + i);
        store(dx + i, load(dy + i) * v * (broadcast(1.0f) - v));
      },
      [&](int64_t i) { dx[i] = dy[i] * y[i] * (1 - y[i]); }, parallel);
}

void rescale(int64_t n, const float* x, float scale, float offset, float* y, const Parallel& parallel) {
  for_each(n, [&](int64_t i) { store(y + i, load(x + i) * scale + offset); }, [&](int64_t i) { y[i] = x[i] * scale + offset; }, parallel);
}

void accumulate(int64_t n, float a, float b, const float* x, float* y, const Parallel& parallel) {
  for_each(
      n, [&](int64_t i) { store(y + i, load(y + i) * a + load(x + i) * b); }, [&](int64_t i) { y[i] = y[i] * a + x[i] * b; }, parallel);
}

void dropout(int64_t n, const float* x, float rate, float scale, const RandomKey& key, float* y, const Parallel& parallel) {
  parallel_for(parallel, ceil_div(n, chunk), [&](int64_t task, int) {
    static_assert(chunk % 4 == 0);
    for (int64_t i = task * chunk; i < min((task + 1) * chunk, n); i += 4) {
      const PhiloxBlock random = random_block(key, static_cast<uint64_t>(i / 4));
      for (int64_t j = i; j < min(i + 4, n); ++j) y[j] = to_unit_float(random.value[j - i]) < rate ? 0 : x[j] * scale;
    }
  });
}

void spatial_dropout(int64_t N, int64_t pixels, int64_t C, const float* x, float rate, float scale, const RandomKey& key, float* y,
                     const Parallel& parallel) {
  constexpr int64_t block = 64;  // channels whose numbers are drawn at once
  const int64_t blocks = ceil_div(C, block);
  parallel_for(parallel, N * blocks, [&](int64_t task, int) {
    const int64_t n = task / blocks, first = task % blocks * block, count = min(block, C - first);
    float factors[block];
    for (int64_t c = 0; c < count; ++c) {
      const int64_t number = n * C + first + c;
      factors[c] = to_unit_float(random_block(key, static_cast<uint64_t>(number / 4)).value[number % 4]) < rate ? 0 : scale;
    }
    for (int64_t p = 0; p < pixels; ++p) {
      const int64_t at = (n * pixels + p) * C + first;
      for (int64_t c = 0; c < count; ++c) y[at + c] = factors[c] == 0 ? 0 : x[at + c] * factors[c];
    }
  });
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
