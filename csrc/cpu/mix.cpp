// draw_mixing and mix (ops/mix.h): a few pictures to a task, converted as they are read.
#include "ops/mix.h"

#include "cpu/images.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

template <class T>
void convert(const T* from, int64_t count, float* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(from[i]);
}

template <class T>
void blend(float share, const T* own, const T* other, int64_t count, float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = mixed_value(share, static_cast<float>(own[i]), static_cast<float>(other[i]));
}

// number: the three of the picture.
template <class T>
void mix_picture(const Mixing& mixing, const float* number, const void* own, const void* other, float* y) {
  const Images& images = mixing.images;
  const T *const first = static_cast<const T*>(own), *const second = static_cast<const T*>(other);
  if (!mixing.boxed) return blend(number[0], first, second, floats_of(images), y);
  convert(first, floats_of(images), y);
  const double root = __builtin_sqrt(static_cast<double>(within(1 - number[0], 0, 1)));
  const Stretch rows = erased_stretch(root, number[1], images.H), columns = erased_stretch(root, number[2], images.W);
  for (int64_t h = rows.begin; h < rows.end; ++h) {
    const int64_t begin = (h * images.W + columns.begin) * images.C;
    convert(second + begin, (columns.end - columns.begin) * images.C, y + begin);
  }
}

}  // namespace

void draw_mixing(int64_t n, const float* quantiles, const RandomKey& key, float* numbers, const Parallel& parallel) {
  constexpr int64_t each = 1024;
  parallel_for(parallel, ceil_div(n, each), [&](int64_t task, int) {
    for (int64_t i = task * each; i < min((task + 1) * each, n); ++i) {
      const PhiloxBlock random = random_block(key, static_cast<uint64_t>(i));
      float* const number = numbers + i * mixing_numbers;
      number[0] = drawn_quantile(quantiles, random.value[0]);
      number[1] = to_unit_float(random.value[1]);
      number[2] = to_unit_float(random.value[2]);
    }
  });
}

void mix(const Mixing& mixing, const Samples& samples, const Targets& targets, const float* numbers, float* y, float* mixed, float* weights,
         const Parallel& parallel) {
  const int64_t floats = floats_of(mixing.images), K = mixing.K;
  const auto* const data = static_cast<const char*>(samples.data);
  for_each_image(mixing.images, parallel, [&](int64_t i, int) {
    const int64_t partner = partner_of(mixing, i);
    const float* const number = numbers + i * mixing_numbers;
    const char* const own = data + picked_row(samples.rows, i) * samples.row_bytes;
    const char* const other = data + picked_row(samples.rows, partner) * samples.row_bytes;
    switch (samples.dtype) {
      case DType::uint8: mix_picture<uint8_t>(mixing, number, own, other, y + i * floats); break;
      case DType::float32: mix_picture<float>(mixing, number, own, other, y + i * floats); break;
      case DType::float64: mix_picture<double>(mixing, number, own, other, y + i * floats); break;
      default: break;
    }
    const int64_t row = picked_row(targets.rows, i), other_row = picked_row(targets.rows, partner);
    for (int64_t k = 0; k < K; ++k)
      mixed[i * K + k] = mixed_value(number[0], target_value(targets, row, k, K), target_value(targets, other_row, k, K));
    if (targets.weights != nullptr) weights[i] = targets.weights[row];
  });
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
