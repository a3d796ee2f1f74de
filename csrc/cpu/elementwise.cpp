// rescale and dropouts (ops/elementwise.h).
#include "ops/elementwise.h"

#include "cpu/elements.h"

namespace fastcnn::cpu::FASTCNN_ISA {

void rescale(int64_t n, const float* x, float scale, float offset, float* y, const Parallel& parallel) {
  map_elements(n, [&](Vec v) { return v * scale + offset; }, parallel, y, x);
}

void accumulate(int64_t n, float a, float b, const float* x, float* y, const Parallel& parallel) {
  map_elements(n, [&](Vec before, Vec v) { return before * a + v * b; }, parallel, y, y, x);
}

void dropout(int64_t n, const float* x, float rate, float scale, const RandomKey& key, float* y, const Parallel& parallel) {
  constexpr int64_t chunk = elements_of_a_chunk;
  static_assert(chunk % 4 == 0);
  parallel_for(parallel, ceil_div(n, chunk), [&](int64_t task, int) {
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
