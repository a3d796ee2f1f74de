#include "ops/elementwise.h"

#include "core/context.h"
#include "core/errors.h"
#include "ops/elementwise_stage.h"

namespace fastcnn {
namespace {

void check_rate(const char* operation, double rate) {
  if (!(rate >= 0 && rate < 1)) reject(operation, "rate must be in [0, 1), but is ", rate);
}

}  // namespace

void rescale(Context& context, int64_t n, const float* x, float scale, float offset, float* y) {
  FASTCNN_DISPATCH(context, rescale)(n, x, scale, offset, y, context.parallel());
}

void accumulate(Context& context, int64_t n, float a, float b, const float* x, float* y) {
  FASTCNN_DISPATCH(context, accumulate)(n, a, b, x, y, context.parallel());
}

void spatial_dropout(Context& context, int64_t N, int64_t pixels, int64_t C, const float* x, double rate, const RandomKey& key, float* y) {
  check_rate("spatial_dropout", rate);
  FASTCNN_DISPATCH(context, spatial_dropout)(N, pixels, C, x, static_cast<float>(rate), static_cast<float>(1 / (1 - rate)), key, y,
                                             context.parallel());
}

void dropout(Context& context, int64_t n, const float* x, double rate, const RandomKey& key, float* y) {
  check_rate("dropout", rate);
  FASTCNN_DISPATCH(context, dropout)(n, x, static_cast<float>(rate), static_cast<float>(1 / (1 - rate)), key, y, context.parallel());
}

namespace {

class RescaleStage : public ElementwiseStage {
 public:
  explicit RescaleStage(const Attributes& attributes)
      : scale_(static_cast<float>(attributes.number("scale"))), offset_(static_cast<float>(attributes.number("offset"))) {}
  void forward(Context& context, const StageArguments& stage) const override {
    rescale(context, stage.n * elements_, stage.x, scale_, offset_, stage.y);
  }
  void backward(Context& context, const StageArguments& stage) const override {
    if (stage.dx != nullptr) rescale(context, stage.n * elements_, stage.dy, scale_, 0, stage.dx);
  }

 private:
  float scale_, offset_;
};

// Active in training only. Of single values, or of whole channels.
template <bool spatial>
class DropoutStage : public ElementwiseStage {
 public:
  explicit DropoutStage(const Attributes& attributes)
      : rate_(attributes.number("rate")),
        purpose_(static_cast<uint32_t>(attributes.number("purpose"))),
        has_seed_(attributes.has("seed")),
        seed_(has_seed_ ? static_cast<uint64_t>(attributes.integers("seed").at(0)) : 0) {}
  Shape bind(const Shape& sample, const std::vector<Shape>& parameters) override {
    if (spatial && sample.rank() != 3) reject("spatial_dropout", "x must have shape (N, H, W, C), but a sample has shape ", sample.str());
    channels_ = spatial ? sample[2] : 1;
    return ElementwiseStage::bind(sample, parameters);
  }
  void forward(Context& context, const StageArguments& stage) const override {
    if (stage.training) {
      drop(context, stage, stage.x, stage.y);
    } else if (stage.y != stage.x) {
      rescale(context, stage.n * elements_, stage.x, 1, 0, stage.y);
    }
  }
  void backward(Context& context, const StageArguments& stage) const override {
    if (stage.dx != nullptr) drop(context, stage, stage.dy, stage.dx);
  }

 private:
  void drop(Context& context, const StageArguments& stage, const float* from, float* to) const {
    const int64_t before = stage.first * (spatial ? channels_ : elements_);  // whole blocks of four: see StageArguments
    const RandomKey key{has_seed_ ? seed_ : stage.key.seed, stage.key.step, purpose_, static_cast<uint64_t>(before / 4)};
    if constexpr (spatial)
      spatial_dropout(context, stage.n, elements_ / channels_, channels_, from, rate_, key, to);
    else
      dropout(context, stage.n * elements_, from, rate_, key, to);
  }

  double rate_;
  uint32_t purpose_;  // tells the dropouts of one model apart
  bool has_seed_;     // of its own, instead of the model's
  uint64_t seed_;
  int64_t channels_ = 1;
};

const registry::Operations<RescaleStage> registered_rescale("rescale");
const registry::Operations<DropoutStage<false>> registered_dropout("dropout");
const registry::Operations<DropoutStage<true>> registered_spatial_dropout("spatial_dropout");

}  // namespace
}  // namespace fastcnn
