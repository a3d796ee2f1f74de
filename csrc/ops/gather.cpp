#include "ops/gather.h"

#include "core/context.h"
#include "ops/operation.h"

namespace fastcnn {

void gather(Context& context, const Samples& samples, int64_t n, int64_t elements, float scale, float offset, float* y) {
  FASTCNN_DISPATCH(context, gather)(samples, n, elements, scale, offset, y, context.parallel());
}

namespace {

// The first stage of every plan: where the batch comes in.
class GatherStage : public Operation {
 public:
  explicit GatherStage(const Attributes& attributes)
      : scale_(static_cast<float>(attributes.number("scale"))), offset_(static_cast<float>(attributes.number("offset"))) {}

  Shape bind(const Shape& sample, const std::vector<Shape>&) override {
    elements_ = sample.elements();
    return sample;
  }

  void forward(Context& context, const StageArguments& stage) const override {
    gather(context, *stage.samples, stage.n, elements_, scale_, offset_, stage.y);
  }

  void backward(Context&, const StageArguments&) const override {}

 private:
  float scale_, offset_;
  int64_t elements_ = 0;
};

const registry::Operations<GatherStage> registered("gather");

}  // namespace
}  // namespace fastcnn
