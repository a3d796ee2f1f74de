// The stages of ops/augmentation.h: in training they draw the numbers of their images, then change these.
#include <string>

#include "core/context.h"
#include "core/errors.h"
#include "core/types.h"
#include "ops/augmentation.h"
#include "ops/elementwise.h"
#include "ops/operation.h"

namespace fastcnn {
namespace {

// Attributes from_0, to_0, from_1, ...: what the numbers are drawn between.
Draws draws_of(const Attributes& attributes) {
  Draws draws{};
  for (; draws.count < most_numbers; ++draws.count) {
    const std::string number = std::to_string(draws.count);
    if (!attributes.has("from_" + number)) break;
    draws.low[draws.count] = attributes.number("from_" + number);
    draws.high[draws.count] = attributes.number("to_" + number);
  }
  return draws;
}

class AugmentationStage : public Operation {
 public:
  explicit AugmentationStage(const Attributes& attributes)
      : attributes_(attributes),
        draws_(draws_of(attributes)),
        purpose_(static_cast<uint32_t>(attributes.number("purpose"))),
        has_seed_(attributes.has("seed")),
        seed_(has_seed_ ? static_cast<uint64_t>(attributes.integers("seed").at(0)) : 0) {}

  Shape bind(const Shape& sample, const std::vector<Shape>&) override {
    elements_ = sample.elements();
    return check(with_batch(sample, 0));
  }

  int64_t saved_bytes(int64_t n) const override { return n * draws_.count * static_cast<int64_t>(sizeof(float)); }

  void forward(Context& context, const StageArguments& stage) const override {
    if (!stage.training) return pass(context, stage);
    auto* const numbers = static_cast<float*>(stage.saved);
    draw_uniform(context, stage.n, draws_, key(stage, purpose_, (draws_.count + 3) / 4), numbers);
    change(context, stage, numbers);
  }

  void backward(Context&, const StageArguments& stage) const override {
    if (stage.dx != nullptr)
      reject("training",
             "a layer that changes pictures at random stands behind one that learns; put it before, or freeze what comes before it");
  }

 protected:
  // Takes the shape of a batch, and gives that of a sample that comes out.
  virtual Shape check(const Shape& batch) = 0;
  virtual void change(Context& context, const StageArguments& stage, const float* numbers) const = 0;
  virtual void pass(Context& context, const StageArguments& stage) const {
    if (stage.y != stage.x) rescale(context, stage.n * elements_, stage.x, 1, 0, stage.y);
  }

  // Of a stream of so many blocks of four for each image.
  RandomKey key(const StageArguments& stage, uint32_t purpose, int64_t blocks) const {
    return {has_seed_ ? seed_ : stage.key.seed, stage.key.step, purpose, static_cast<uint64_t>(stage.first * blocks)};
  }

  Attributes attributes_;
  Draws draws_;
  uint32_t purpose_;  // tells the augmentations of one model apart
  bool has_seed_;     // of its own, instead of the model's
  uint64_t seed_;
  int64_t elements_ = 0;
};

Shape sample_of(const Images& images) { return {images.H, images.W, images.C}; }

Images with_count(Images images, int64_t N) {
  images.N = N;
  return images;
}

Fill fill(const char* operation, const Attributes& attributes) {
  return fill_of(operation, attributes.text("fill_mode").c_str(), attributes.number("fill_value"));
}

ValueRange range(const Attributes& attributes) {
  return {static_cast<float>(attributes.number("low")), static_cast<float>(attributes.number("high"))};
}

class FlipStage : public AugmentationStage {
 public:
  using AugmentationStage::AugmentationStage;

 protected:
  Shape check(const Shape& batch) override {
    flip_ = flip_of(batch, attributes_.text("mode").c_str());
    return sample_of(flip_.images);
  }
  void change(Context& context, const StageArguments& stage, const float* numbers) const override {
    const Flip these{with_count(flip_.images, stage.n), flip_.horizontal, flip_.vertical};
    flip(context, these, stage.x, numbers, stage.y);
  }

 private:
  Flip flip_{};
};

class CropStage : public AugmentationStage {
 public:
  using AugmentationStage::AugmentationStage;

 protected:
  Shape check(const Shape& batch) override {
    const std::vector<int64_t>& size = attributes_.integers("size");
    crop_ = crop_of(batch, size.at(0), size.at(1), static_cast<int64_t>(attributes_.number("padding")), fill("crop", attributes_));
    return {crop_.P, crop_.Q, crop_.images.C};
  }
  void change(Context& context, const StageArguments& stage, const float* numbers) const override {
    const Crop these{with_count(crop_.images, stage.n), crop_.P, crop_.Q, crop_.padding, crop_.fill};
    crop(context, these, stage.x, numbers, stage.y);
  }
  void pass(Context& context, const StageArguments& stage) const override {
    if (stage.y != stage.x) change(context, stage, nullptr);  // in place, the middle is the image itself
  }

 private:
  Crop crop_{};
};

template <Motion motion>
class ResamplingStage : public AugmentationStage {
 public:
  using AugmentationStage::AugmentationStage;

 protected:
  Shape check(const Shape& batch) override {
    const char* const name = motion == Motion::translate ? "translate" : motion == Motion::rotate ? "rotate" : "zoom";
    resampling_ = resampling_of(name, batch, motion, draws_.count, attributes_.text("interpolation").c_str(), fill(name, attributes_));
    return sample_of(resampling_.images);
  }
  void change(Context& context, const StageArguments& stage, const float* numbers) const override {
    Resampling these = resampling_;
    these.images.N = stage.n;
    resample(context, these, stage.x, numbers, stage.y);
  }

 private:
  Resampling resampling_{};
};

using Adjustment = void (*)(Context&, const Images&, const ValueRange&, const float* x, const float* numbers, float* y);

template <Adjustment adjust>
class AdjustmentStage : public AugmentationStage {
 public:
  using AugmentationStage::AugmentationStage;

 protected:
  Shape check(const Shape& batch) override {
    images_ = adjust == adjust_saturation ? saturable(batch) : images_of("adjustment", batch);
    return sample_of(images_);
  }
  void change(Context& context, const StageArguments& stage, const float* numbers) const override {
    adjust(context, with_count(images_, stage.n), range(attributes_), stage.x, numbers, stage.y);
  }

 private:
  Images images_{};
};

// fill_value is absent for noise.
class EraseStage : public AugmentationStage {
 public:
  using AugmentationStage::AugmentationStage;

 protected:
  Shape check(const Shape& batch) override {
    const bool noisy = !attributes_.has("fill_value");
    erasing_ = {images_of("erase", batch), noisy, noisy ? 0 : static_cast<float>(attributes_.number("fill_value")), range(attributes_)};
    return sample_of(erasing_.images);
  }
  void change(Context& context, const StageArguments& stage, const float* numbers) const override {
    Erasing these = erasing_;
    these.images.N = stage.n;
    // stage.first is a multiple of 4, so that many images are whole blocks.
    RandomKey noise = key(stage, noise_purpose(purpose_), 0);
    noise.first_block = static_cast<uint64_t>(stage.first * elements_ / 4);
    erase(context, these, stage.x, numbers, noise, stage.y);
  }

 private:
  Erasing erasing_{};
};

const registry::Operations<FlipStage> registered_flip("flip");
const registry::Operations<CropStage> registered_crop("crop");
const registry::Operations<ResamplingStage<Motion::translate>> registered_translate("translate");
const registry::Operations<ResamplingStage<Motion::rotate>> registered_rotate("rotate");
const registry::Operations<ResamplingStage<Motion::zoom>> registered_zoom("zoom");
const registry::Operations<AdjustmentStage<adjust_brightness>> registered_brightness("adjust_brightness");
const registry::Operations<AdjustmentStage<adjust_contrast>> registered_contrast("adjust_contrast");
const registry::Operations<AdjustmentStage<adjust_saturation>> registered_saturation("adjust_saturation");
const registry::Operations<EraseStage> registered_erase("erase");

}  // namespace
}  // namespace fastcnn
