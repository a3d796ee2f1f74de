// Pictures changed at random, in training alone: each image of a batch by numbers of its own.
//
// How the numbers are drawn. A transform of k numbers has for image i of the batch
//   numbers[i, j] = low[j] + u (high[j] - low[j]),   u = number i * 4 * ceil(k / 4) + j of the Philox stream of the key, in [0, 1),
// the difference rounded to float32, the sum computed in float64 and then rounded. They hang on the seed, the step, the transform's purpose
// and the image's place in the batch alone: they are the same on every device, with any number of threads, and in whatever parts a batch
// goes through.
//
// What becomes of an image x (H, W, C) by its numbers a, b, ...; y may be x, but where crop changes the shape. ops/sampling.h says what is
// read outside of an image.
//   flip               y[h, w] = x[H - 1 - h, w] (vertical), x[h, W - 1 - w] (horizontal), or both in one, where a <= 1/2; else x
//   crop               y[p, q] = x[p + floor(a) - padding, q + floor(b) - padding] for P x Q pixels, with floor(a) cut to [0, H + 2 padding
//                      - P] and floor(b) likewise; in inference the middle of those. RandomCrop has no padding, RandomPaddedCrop P = H, Q =
//                      W
//   translate          moved down by a H pixels and to the right by b W
//   rotate             turned by 2 pi a about its middle, counterclockwise where a > 0
//   zoom               1 + a times as many rows and 1 + b times as many columns are seen, about the middle; with one number b = a
//   adjust_brightness  y = clip(x + a (high - low)), clip: to [low, high], the range of the values
//   adjust_contrast    y = clip(m + a (x - m)), m: the mean of the image's channel
//   adjust_saturation  y = v - (v - x) s' / s for pixels of three channels, v their largest, s = (v - their least) / v, or 0 where v <= 0,
//                      and s' = s a / (1 - a + 1e-7) cut to [low, high]; v where s is 0
//   erase              e < d: the pixels of a box of sqrt(a) H rows and sqrt(b) W columns, whose corner lies at c of the H - sqrt(a) H rows
//                      that it can begin in and at e' of the columns, numbers (a, b, c, e', d, e), become clip(value), or noise: clip(high
//                      z), z number (image, element) of standard normals of the stream of `noise`
// The geometric ones read each pixel of y at one place (x', y') of x (struct Affine): the nearest pixel, halves away from 0, or bilinear:
// the four around it, weighted by 1 - their distance in either axis, outside of the image `fill`.
//
// In inference all but crop are nothing, and where the plan runs them in place they cost nothing. There are no gradients: a training step
// with an augmentation behind a layer that learns is an ArgumentError.
// Errors: flip, crop and erase are exact; the adjustments have a few roundings; coordinates are float32, so a bilinear value is off by up
// to 2^-22 of the image's size in pixels times the step from pixel to pixel, and where the nearest pixel or wrap's jump is a matter of that
// little, either is right.
// Errors (ArgumentError): x is not (N, H, W, C) or has no pixels; an unknown fill mode; a crop larger than the padded image; a saturation
// of other than three channels; a range of values whose low end is not below its high one. Sources: Keras 3.15's random layers, whose
// numbers these are (their factor's values), and TensorFlow's ImageProjectiveTransformV3; padded crops: He et al. 2016; erasing: Zhong et
// al. 2020; normals: Box and Muller 1958.
#pragma once

#include <cstdint>

#include "core/dispatch.h"
#include "core/forward.h"
#include "core/philox.h"
#include "ops/sampling.h"

namespace fastcnn {

struct Images {
  int64_t N, H, W, C;
};

constexpr int most_numbers = 6;  // of an image

struct Draws {
  int count;
  double low[most_numbers], high[most_numbers];
};

struct Flip {
  Images images;
  bool horizontal, vertical;
};

struct Crop {
  Images images;
  int64_t P, Q, padding;
  Fill fill;
};

enum class Motion { translate, rotate, zoom };

struct Resampling {
  Images images;
  Motion motion;
  int numbers;
  bool bilinear;
  Fill fill;
};

struct ValueRange {
  float low, high;
};

struct Erasing {
  Images images;
  bool noisy;
  float value;
  ValueRange range;
};

// The sizes and settings, checked. `operation` speaks in the errors.
Images images_of(const char* operation, const Shape& x);
Fill fill_of(const char* operation, const char* mode, double value);
Flip flip_of(const Shape& x, const char* mode);  // "horizontal", "vertical" or "horizontal_and_vertical"
Crop crop_of(const Shape& x, int64_t P, int64_t Q, int64_t padding, const Fill& fill);
Resampling resampling_of(const char* operation, const Shape& x, Motion motion, int64_t numbers, const char* interpolation,
                         const Fill& fill);
Images saturable(const Shape& x);
ValueRange value_range(const char* operation, float low, float high);

// numbers: (n, draws.count).
void draw_uniform(Context& context, int64_t n, const Draws& draws, const RandomKey& key, float* numbers);

// numbers: (N, k). Those of crop may be null, for the middle.
void flip(Context& context, const Flip& flip, const float* x, const float* numbers, float* y);
void crop(Context& context, const Crop& crop, const float* x, const float* numbers, float* y);
void resample(Context& context, const Resampling& resampling, const float* x, const float* numbers, float* y);
void adjust_brightness(Context& context, const Images& images, const ValueRange& range, const float* x, const float* numbers, float* y);
void adjust_contrast(Context& context, const Images& images, const ValueRange& range, const float* x, const float* numbers, float* y);
void adjust_saturation(Context& context, const Images& images, const ValueRange& range, const float* x, const float* numbers, float* y);
void erase(Context& context, const Erasing& erasing, const float* x, const float* numbers, const RandomKey& noise, float* y);

// What the kernels on every device compute alike.

// Number j of an image from the bits that were drawn for it. The product of 24 bits by 24 is exact, so it is the same whether or not the
// processor rounds it before it adds.
static constexpr float drawn(const Draws& draws, int j, uint32_t bits) {
  const float difference = static_cast<float>(draws.high[j] - draws.low[j]);
  return static_cast<float>(draws.low[j] + static_cast<double>(to_unit_float(bits)) * static_cast<double>(difference));
}

// The noise of what is erased has a stream beside that of the numbers.
static constexpr uint32_t noise_purpose(uint32_t purpose) { return purpose | 0x80000000u; }

// Where a crop begins: the last of its places is `most`.
static constexpr int64_t crop_start(const float* number, int64_t most) {
  if (number == nullptr) return most / 2;
  return static_cast<int64_t>(within(*number, 0, static_cast<float>(most)));
}

// The angle by which an image is turned.
static constexpr double angle_of(const Resampling& resampling, const float* numbers) {
  return resampling.motion == Motion::rotate ? 2 * 3.14159265358979323846 * static_cast<double>(numbers[0]) : 0;
}

// cosine, sine: the angle's.
static constexpr Affine affine_of(const Resampling& resampling, const float* numbers, double cosine, double sine) {
  const int64_t H = resampling.images.H, W = resampling.images.W;
  const double first = static_cast<double>(numbers[0]), last = static_cast<double>(numbers[resampling.numbers - 1]);
  switch (resampling.motion) {
    case Motion::translate: return translation(first * static_cast<double>(H), last * static_cast<double>(W));
    case Motion::rotate: return rotation(cosine, sine, H, W);
    default: return zoom(1 + first, 1 + last, H, W);
  }
}

static constexpr float cut(float x, const ValueRange& range) { return x < range.low ? range.low : x > range.high ? range.high : x; }

static constexpr float saturation_factor(float number) { return number / (1 - number + 1e-7f); }

// A channel of a pixel becomes largest - (largest - channel) * ratio.
struct Saturation {
  float largest, ratio;
};

static constexpr Saturation saturation_of(float red, float green, float blue, float factor, const ValueRange& range) {
  const float more = red > green ? red : green, less = red > green ? green : red;
  const float largest = more > blue ? more : blue, least = less > blue ? blue : less;
  const float saturation = largest > 0 ? (largest - least) / largest : 0;
  return {largest, saturation > 0 ? cut(saturation * factor, range) / saturation : 0};
}

// The pixels of an axis that are erased: those in [begin, end).
struct Stretch {
  int64_t begin, end;
};

// A box of pixels.
struct Box {
  Stretch rows, columns;
};

static constexpr bool lies_in(const Box& box, int64_t h, int64_t w) {
  return h >= box.rows.begin && h < box.rows.end && w >= box.columns.begin && w < box.columns.end;
}

// root: the square root of the axis's first number; place: the second.
static constexpr Stretch erased_stretch(double root, float place, int64_t size) {
  const double length = root * static_cast<double>(size), begin = within(place, 0, 1) * (static_cast<double>(size) - length);
  const double edges[] = {begin, begin + length};
  int64_t pixels[] = {static_cast<int64_t>(edges[0]), static_cast<int64_t>(edges[1])};
  for (int i = 0; i < 2; ++i) {
    if (static_cast<double>(pixels[i]) < edges[i]) ++pixels[i];
    if (pixels[i] > size) pixels[i] = size;
  }
  return {pixels[0], pixels[1]};
}

}  // namespace fastcnn

// The kernels. `copies` is memory of the bytes that image_copies names, for an image or all of them; only where y is x.
FASTCNN_KERNEL(int64_t, image_copies, (const Images& images, int workers))
FASTCNN_KERNEL(void, draw_uniform, (int64_t n, const Draws& draws, const RandomKey& key, float* numbers, const Parallel& parallel))
FASTCNN_KERNEL(void, flip, (const Flip& flip, const float* x, const float* numbers, float* y, void* copies, const Parallel& parallel))
FASTCNN_KERNEL(void, crop, (const Crop& crop, const float* x, const float* numbers, float* y, void* copies, const Parallel& parallel))
FASTCNN_KERNEL(void, resample,
               (const Resampling& resampling, const float* x, const float* numbers, float* y, void* copies, const Parallel& parallel))
FASTCNN_KERNEL(void, adjust_brightness,
               (const Images& images, const ValueRange& range, const float* x, const float* numbers, float* y, const Parallel& parallel))
FASTCNN_KERNEL(int64_t, adjust_contrast_scratch, (const Images& images))
FASTCNN_KERNEL(void, adjust_contrast,
               (const Images& images, const ValueRange& range, const float* x, const float* numbers, float* y, void* scratch,
                const Parallel& parallel))
FASTCNN_KERNEL(void, adjust_saturation,
               (const Images& images, const ValueRange& range, const float* x, const float* numbers, float* y, const Parallel& parallel))
FASTCNN_KERNEL(void, erase,
               (const Erasing& erasing, const float* x, const float* numbers, const RandomKey& noise, float* y, const Parallel& parallel))
