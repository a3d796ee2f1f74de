// draw_uniform, the adjustments of colours and erase (ops/augmentation.h): a few images to a task.
#include "cpu/images.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

constexpr int64_t block = 64;  // channels whose means are taken at once

// Numbers 4 index to 4 index + 3 of the normals of a stream: two from each two of its own numbers.
void normals(const RandomKey& key, uint64_t index, float* four) {
  const PhiloxBlock random = random_block(key, index);
  for (int i = 0; i < 4; i += 2) {
    const float radius = __builtin_sqrtf(-2 * __builtin_logf(1 - to_unit_float(random.value[i])));
    const float angle = 6.2831853f * to_unit_float(random.value[i + 1]);
    four[i] = radius * __builtin_cosf(angle);
    four[i + 1] = radius * __builtin_sinf(angle);
  }
}

// The floats [begin, end) of y become noise: element `begin` of the whole batch is number `begin` of the normals.
void fill_with_noise(const Erasing& erasing, const RandomKey& noise, int64_t begin, int64_t end, float* y) {
  float four[4];
  for (int64_t i = begin; i < end; ++i) {
    if (i == begin || i % 4 == 0) normals(noise, static_cast<uint64_t>(i / 4), four);
    y[i] = cut(erasing.range.high * four[i % 4], erasing.range);
  }
}

}  // namespace

void draw_uniform(int64_t n, const Draws& draws, const RandomKey& key, float* numbers, const Parallel& parallel) {
  constexpr int64_t each = 1024;
  const int64_t blocks = ceil_div(draws.count, 4);
  parallel_for(parallel, ceil_div(n, each), [&](int64_t task, int) {
    for (int64_t i = task * each; i < min((task + 1) * each, n); ++i) {
      PhiloxBlock random{};
      for (int j = 0; j < draws.count; ++j) {
        if (j % 4 == 0) random = random_block(key, static_cast<uint64_t>(i * blocks + j / 4));
        numbers[i * draws.count + j] = drawn(draws, j, random.value[j % 4]);
      }
    }
  });
}

void adjust_brightness(const Images& images, const ValueRange& range, const float* x, const float* numbers, float* y,
                       const Parallel& parallel) {
  const int64_t floats = floats_of(images);
  for_each_image(images, parallel, [&](int64_t i, int) {
    const float shift = numbers[i] * (range.high - range.low);
    for (int64_t k = i * floats; k < (i + 1) * floats; ++k) y[k] = cut(x[k] + shift, range);
  });
}

int64_t adjust_contrast_scratch(const Images&) { return 0; }

void adjust_contrast(const Images& images, const ValueRange& range, const float* x, const float* numbers, float* y, void*,
                     const Parallel& parallel) {
  const int64_t pixels = images.H * images.W, C = images.C;
  for_each_image(images, parallel, [&](int64_t i, int) {
    for (int64_t first = 0; first < C; first += block) {
      const int64_t count = min(block, C - first);
      const float* const from = x + i * pixels * C + first;
      float* const to = y + i * pixels * C + first;
      double sums[block] = {};
      for (int64_t p = 0; p < pixels; ++p)
        for (int64_t c = 0; c < count; ++c) sums[c] += static_cast<double>(from[p * C + c]);
      float means[block];
      for (int64_t c = 0; c < count; ++c) means[c] = static_cast<float>(sums[c] / static_cast<double>(pixels));
      for (int64_t p = 0; p < pixels; ++p)
        for (int64_t c = 0; c < count; ++c) to[p * C + c] = cut((from[p * C + c] - means[c]) * numbers[i] + means[c], range);
    }
  });
}

void adjust_saturation(const Images& images, const ValueRange& range, const float* x, const float* numbers, float* y,
                       const Parallel& parallel) {
  const int64_t floats = floats_of(images);
  for_each_image(images, parallel, [&](int64_t i, int) {
    const float factor = saturation_factor(numbers[i]);
    for (int64_t k = i * floats; k < (i + 1) * floats; k += 3) {
      const float red = x[k], green = x[k + 1], blue = x[k + 2];
      const Saturation now = saturation_of(red, green, blue, factor, range);
      y[k] = now.largest - (now.largest - red) * now.ratio;
      y[k + 1] = now.largest - (now.largest - green) * now.ratio;
      y[k + 2] = now.largest - (now.largest - blue) * now.ratio;
    }
  });
}

void erase(const Erasing& erasing, const float* x, const float* numbers, const RandomKey& noise, float* y, const Parallel& parallel) {
  const Images& images = erasing.images;
  const int64_t floats = floats_of(images), row = images.W * images.C;
  const float value = cut(erasing.value, erasing.range);
  for_each_image(images, parallel, [&](int64_t i, int) {
    const float* const number = numbers + 6 * i;
    if (x != y) copy_floats(x + i * floats, floats, y + i * floats);
    if (!(number[5] < number[4])) return;
    const double down = __builtin_sqrt(static_cast<double>(within(number[0], 0, 1)));
    const double across = __builtin_sqrt(static_cast<double>(within(number[1], 0, 1)));
    const Stretch rows = erased_stretch(down, number[2], images.H), columns = erased_stretch(across, number[3], images.W);
    for (int64_t h = rows.begin; h < rows.end; ++h) {
      const int64_t begin = i * floats + h * row + columns.begin * images.C, count = (columns.end - columns.begin) * images.C;
      if (erasing.noisy)
        fill_with_noise(erasing, noise, begin, begin + count, y);
      else
        fill_floats(value, count, y + begin);
    }
  });
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
