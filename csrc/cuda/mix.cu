// draw_mixing and mix (ops/mix.h): one thread a picture's numbers, an element of the pictures or one of the targets.
#include "cuda/images.cuh"
#include "ops/mix.h"

namespace fastcnn::cuda {
namespace {

struct DrawMixing {
  const float* quantiles;
  RandomKey key;
  float* numbers;

  __device__ void operator()(int64_t i) const {
    const PhiloxBlock random = random_block(key, static_cast<uint64_t>(i));
    float* const number = numbers + i * mixing_numbers;
    number[0] = drawn_quantile(quantiles, random.value[0]);
    number[1] = to_unit_float(random.value[1]);
    number[2] = to_unit_float(random.value[2]);
  }
};

template <class T>
struct MixElement {
  using OfImage = Box;

  Mixing mixing;
  Samples samples;
  const float* numbers;
  float* y;

  __device__ float at(int64_t picture, int64_t element) const {
    const char* const data = static_cast<const char*>(samples.data) + picked_row(samples.rows, picture) * samples.row_bytes;
    return static_cast<float>(reinterpret_cast<const T*>(data)[element]);
  }

  __device__ Box of_image(int64_t n) const {
    if (!mixing.boxed) return {};
    const float* const number = numbers + n * mixing_numbers;
    const double root = sqrt(static_cast<double>(within(1 - number[0], 0, 1)));
    return {erased_stretch(root, number[1], mixing.images.H), erased_stretch(root, number[2], mixing.images.W)};
  }

  __device__ void operator()(const Box& box, int64_t i) const {
    const Images& images = mixing.images;
    const int64_t floats = images.H * images.W * images.C, picture = i / floats, element = i % floats;
    const int64_t partner = partner_of(mixing, picture);
    if (mixing.boxed)
      y[i] = at(lies_in(box, element / images.C / images.W, element / images.C % images.W) ? partner : picture, element);
    else
      y[i] = mixed_value(numbers[picture * mixing_numbers], at(picture, element), at(partner, element));
  }
};

struct MixTarget {
  Mixing mixing;
  Targets targets;
  const float* numbers;
  float *mixed, *weights;

  __device__ void operator()(int64_t i) const {
    const int64_t K = mixing.K, picture = i / K, k = i % K;
    const int64_t row = picked_row(targets.rows, picture), other_row = picked_row(targets.rows, partner_of(mixing, picture));
    const float share = numbers[picture * mixing_numbers];
    mixed[i] = mixed_value(share, target_value(targets, row, k, K), target_value(targets, other_row, k, K));
    if (k == 0 && targets.weights != nullptr) weights[picture] = targets.weights[row];
  }
};

template <class T>
void mix_elements(const Mixing& mixing, const Samples& samples, const float* numbers, float* y, const Parallel& parallel) {
  const Images& images = mixing.images;
  launch_image_elements(parallel, images.N, images.H * images.W * images.C, MixElement<T>{mixing, samples, numbers, y});
}

}  // namespace

void draw_mixing(int64_t n, const float* quantiles, const RandomKey& key, float* numbers, const Parallel& parallel) {
  launch_elements(parallel, n, DrawMixing{quantiles, key, numbers});
}

void mix(const Mixing& mixing, const Samples& samples, const Targets& targets, const float* numbers, float* y, float* mixed, float* weights,
         const Parallel& parallel) {
  switch (samples.dtype) {
    case DType::uint8: mix_elements<uint8_t>(mixing, samples, numbers, y, parallel); break;
    case DType::float32: mix_elements<float>(mixing, samples, numbers, y, parallel); break;
    case DType::float64: mix_elements<double>(mixing, samples, numbers, y, parallel); break;
    default: break;
  }
  launch_elements(parallel, mixing.images.N * mixing.K, MixTarget{mixing, targets, numbers, mixed, weights});
}

}  // namespace fastcnn::cuda
