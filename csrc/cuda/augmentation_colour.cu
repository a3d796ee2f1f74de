// draw_uniform, the adjustments of colours and erase (ops/augmentation.h): one thread an image's numbers, an element or a pixel; a warp the
// mean of a channel.
#include "cuda/images.cuh"
#include "cuda/rows.cuh"
#include "ops/augmentation.h"

namespace fastcnn::cuda {
namespace {

constexpr int64_t floats_of(const Images& images) { return images.H * images.W * images.C; }

struct DrawNumbers {
  Draws draws;
  RandomKey key;
  float* numbers;

  __device__ void operator()(int64_t i) const {
    const int64_t blocks = (draws.count + 3) / 4;
    for (int j = 0; j < draws.count; ++j) {
      const PhiloxBlock random = random_block(key, static_cast<uint64_t>(i * blocks + j / 4));
      numbers[i * draws.count + j] = drawn(draws, j, random.value[j % 4]);
    }
  }
};

struct Brightness {
  int64_t floats;
  ValueRange range;
  const float *x, *numbers;
  float* y;
  __device__ void operator()(int64_t i) const { y[i] = cut(x[i] + numbers[i / floats] * (range.high - range.low), range); }
};

__global__ void channel_means(int64_t rows, int64_t pixels, int64_t C, const float* x, float* means) {
  const int64_t row = row_of_warp();
  if (row >= rows) return;
  const float* const from = x + row / C * pixels * C + row % C;
  double sum = 0;
  for (int64_t p = lane_of_thread(); p < pixels; p += warp_size) sum += static_cast<double>(from[p * C]);
  sum = sum_over_warp(sum);
  if (lane_of_thread() == 0) means[row] = static_cast<float>(sum / static_cast<double>(pixels));
}

struct Contrast {
  int64_t floats, C;
  ValueRange range;
  const float *x, *numbers, *means;
  float* y;
  __device__ void operator()(int64_t i) const {
    const int64_t n = i / floats;
    const float mean = means[n * C + i % C];
    y[i] = cut((x[i] - mean) * numbers[n] + mean, range);
  }
};

struct SaturatePixel {
  int64_t pixels;
  ValueRange range;
  const float *x, *numbers;
  float* y;
  __device__ void operator()(int64_t i) const {
    const float red = x[3 * i], green = x[3 * i + 1], blue = x[3 * i + 2];
    const Saturation now = saturation_of(red, green, blue, saturation_factor(numbers[i / pixels]), range);
    y[3 * i] = now.largest - (now.largest - red) * now.ratio;
    y[3 * i + 1] = now.largest - (now.largest - green) * now.ratio;
    y[3 * i + 2] = now.largest - (now.largest - blue) * now.ratio;
  }
};

// Number i of the normals of a stream: two from each two of its own numbers.
__device__ inline float normal(const RandomKey& key, int64_t i) {
  const PhiloxBlock random = random_block(key, static_cast<uint64_t>(i / 4));
  const bool second = i % 4 >= 2;
  const float radius = sqrtf(-2 * logf(1 - to_unit_float(second ? random.value[2] : random.value[0])));
  const float angle = 6.2831853f * to_unit_float(second ? random.value[3] : random.value[1]);
  return radius * (i % 2 == 0 ? cosf(angle) : sinf(angle));
}

struct EraseElement {
  using OfImage = Box;

  Erasing erasing;
  const float *x, *numbers;
  RandomKey noise;
  float* y;

  __device__ Box of_image(int64_t n) const {
    const float* const number = numbers + 6 * n;
    if (!(number[5] < number[4])) return {};
    return {erased_stretch(sqrt(static_cast<double>(within(number[0], 0, 1))), number[2], erasing.images.H),
            erased_stretch(sqrt(static_cast<double>(within(number[1], 0, 1))), number[3], erasing.images.W)};
  }

  __device__ void operator()(const Box& box, int64_t i) const {
    const Images& images = erasing.images;
    if (!lies_in(box, i / images.C / images.W % images.H, i / images.C % images.W))
      y[i] = x[i];
    else
      y[i] = cut(erasing.noisy ? erasing.range.high * normal(noise, i) : erasing.value, erasing.range);
  }
};

}  // namespace

void draw_uniform(int64_t n, const Draws& draws, const RandomKey& key, float* numbers, const Parallel& parallel) {
  launch_elements(parallel, n, DrawNumbers{draws, key, numbers});
}

void adjust_brightness(const Images& images, const ValueRange& range, const float* x, const float* numbers, float* y,
                       const Parallel& parallel) {
  const int64_t floats = floats_of(images);
  launch_elements(parallel, images.N * floats, Brightness{floats, range, x, numbers, y});
}

int64_t adjust_contrast_scratch(const Images& images) { return images.N * images.C * static_cast<int64_t>(sizeof(float)); }

void adjust_contrast(const Images& images, const ValueRange& range, const float* x, const float* numbers, float* y, void* scratch,
                     const Parallel& parallel) {
  const int64_t floats = floats_of(images), rows = images.N * images.C;
  float* const means = static_cast<float*>(scratch);
  launch(parallel, blocks_for(rows, rows_a_block), 1, 1, rows_a_block * warp_size, channel_means, rows, images.H * images.W, images.C, x,
         means);
  launch_elements(parallel, images.N * floats, Contrast{floats, images.C, range, x, numbers, means, y});
}

void adjust_saturation(const Images& images, const ValueRange& range, const float* x, const float* numbers, float* y,
                       const Parallel& parallel) {
  const int64_t pixels = images.H * images.W;
  launch_elements(parallel, images.N * pixels, SaturatePixel{pixels, range, x, numbers, y});
}

void erase(const Erasing& erasing, const float* x, const float* numbers, const RandomKey& noise, float* y, const Parallel& parallel) {
  launch_image_elements(parallel, erasing.images.N, floats_of(erasing.images), EraseElement{erasing, x, numbers, noise, y});
}

}  // namespace fastcnn::cuda
