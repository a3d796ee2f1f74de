#include "ops/augmentation.h"

#include <string>

#include "core/context.h"
#include "core/errors.h"
#include "core/types.h"

namespace fastcnn {
namespace {

// What a kernel of x to y, N images of so many bytes, may use.
void* copies(Context& context, const Images& images, const float* x, const float* y) {
  return x == y ? context.scratch(FASTCNN_DISPATCH(context, image_copies)(images, context.parallel().workers)) : nullptr;
}

}  // namespace

Images images_of(const char* operation, const Shape& x) {
  if (x.rank() != 4) reject(operation, "x must have shape (N, H, W, C), but has shape ", x.str());
  if (x[1] < 1 || x[2] < 1 || x[3] < 1) reject(operation, "x must have a pixel and a channel, but has shape ", x.str());
  return {x[0], x[1], x[2], x[3]};
}

Fill fill_of(const char* operation, const char* mode, double value) {
  const std::string name = mode;
  const FillMode modes[] = {FillMode::constant, FillMode::reflect, FillMode::wrap, FillMode::nearest};
  const char* const names[] = {"constant", "reflect", "wrap", "nearest"};
  for (int i = 0; i < 4; ++i)
    if (name == names[i]) return {modes[i], static_cast<float>(value)};
  reject(operation, "fill_mode must be 'constant', 'reflect', 'wrap' or 'nearest', but is '", name, "'");
}

Flip flip_of(const Shape& x, const char* mode) {
  const std::string name = mode;
  const bool both = name == "horizontal_and_vertical";
  if (!both && name != "horizontal" && name != "vertical")
    reject("flip", "mode must be 'horizontal', 'vertical' or 'horizontal_and_vertical', but is '", name, "'");
  return {images_of("flip", x), both || name == "horizontal", both || name == "vertical"};
}

Crop crop_of(const Shape& x, int64_t P, int64_t Q, int64_t padding, const Fill& fill) {
  const Images images = images_of("crop", x);
  if (padding < 0) reject("crop", "padding must not be negative, but is ", padding);
  if (P < 1 || Q < 1) reject("crop", "size must be at least 1 in height and width, but is ", Shape{P, Q}.str());
  if (P > images.H + 2 * padding || Q > images.W + 2 * padding)
    reject("crop", "size ", Shape{P, Q}.str(), " is larger than the images of ", Shape{images.H, images.W}.str(), " with ", padding,
           " pixels of padding");
  return {images, P, Q, padding, fill};
}

Resampling resampling_of(const char* operation, const Shape& x, Motion motion, int64_t numbers, const char* interpolation,
                         const Fill& fill) {
  const std::string name = interpolation;
  if (name != "bilinear" && name != "nearest") reject(operation, "interpolation must be 'bilinear' or 'nearest', but is '", name, "'");
  return {images_of(operation, x), motion, static_cast<int>(numbers), name == "bilinear", fill};
}

Images saturable(const Shape& x) {
  const Images images = images_of("adjust_saturation", x);
  if (images.C != 3) reject("adjust_saturation", "x must have 3 channels (red, green, blue), but has shape ", x.str());
  return images;
}

ValueRange value_range(const char* operation, float low, float high) {
  if (!(low < high)) reject(operation, "low must be below high, but they are ", low, " and ", high);
  return {low, high};
}

void draw_uniform(Context& context, int64_t n, const Draws& draws, const RandomKey& key, float* numbers) {
  FASTCNN_DISPATCH(context, draw_uniform)(n, draws, key, numbers, context.parallel());
}

void flip(Context& context, const Flip& flip, const float* x, const float* numbers, float* y) {
  FASTCNN_DISPATCH(context, flip)(flip, x, numbers, y, copies(context, flip.images, x, y), context.parallel());
}

void crop(Context& context, const Crop& crop, const float* x, const float* numbers, float* y) {
  FASTCNN_DISPATCH(context, crop)(crop, x, numbers, y, copies(context, crop.images, x, y), context.parallel());
}

void resample(Context& context, const Resampling& resampling, const float* x, const float* numbers, float* y) {
  FASTCNN_DISPATCH(context, resample)(resampling, x, numbers, y, copies(context, resampling.images, x, y), context.parallel());
}

void adjust_brightness(Context& context, const Images& images, const ValueRange& range, const float* x, const float* numbers, float* y) {
  FASTCNN_DISPATCH(context, adjust_brightness)(images, range, x, numbers, y, context.parallel());
}

void adjust_contrast(Context& context, const Images& images, const ValueRange& range, const float* x, const float* numbers, float* y) {
  void* const scratch = context.scratch(FASTCNN_DISPATCH(context, adjust_contrast_scratch)(images));
  FASTCNN_DISPATCH(context, adjust_contrast)(images, range, x, numbers, y, scratch, context.parallel());
}

void adjust_saturation(Context& context, const Images& images, const ValueRange& range, const float* x, const float* numbers, float* y) {
  FASTCNN_DISPATCH(context, adjust_saturation)(images, range, x, numbers, y, context.parallel());
}

void erase(Context& context, const Erasing& erasing, const float* x, const float* numbers, const RandomKey& noise, float* y) {
  FASTCNN_DISPATCH(context, erase)(erasing, x, numbers, noise, y, context.parallel());
}

}  // namespace fastcnn
