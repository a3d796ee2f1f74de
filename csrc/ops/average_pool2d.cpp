#include "ops/average_pool2d.h"

#include "core/context.h"
#include "core/errors.h"
#include "ops/operation.h"

namespace fastcnn {

Pool2d average_pool2d(const Shape& x, std::array<int64_t, 2> window, std::array<int64_t, 2> stride, const Padding& padding) {
  return pool2d("average_pool2d", x, window, stride, padding);
}

Pool2d global_average_pool2d(const Shape& x) {
  if (x.rank() != 4) reject("global_average_pool2d", "x must have shape (N, H, W, C), but has shape ", x.str());
  return pool2d("global_average_pool2d", x, {x[1], x[2]}, {1, 1}, Padding{});
}

void average_pool2d_forward(Context& context, const Pool2d& pool, const float* x, float* y) {
  FASTCNN_DISPATCH(context, average_pool2d_forward)(pool, x, y, context.parallel());
}

void average_pool2d_backward(Context& context, const Pool2d& pool, const float* dy, float* dx) {
  FASTCNN_DISPATCH(context, average_pool2d_backward)(pool, dy, dx, context.parallel());
}

namespace {

// Both stages differ only in how they find their window.
class AveragePoolStage : public Operation {
 public:
  void forward(Context& context, const StageArguments& stage) const override {
    average_pool2d_forward(context, pool_.of(stage.n), stage.x, stage.y);
  }

  void backward(Context& context, const StageArguments& stage) const override {
    if (stage.dx != nullptr) average_pool2d_backward(context, pool_.of(stage.n), stage.dy, stage.dx);
  }

 protected:
  Pool2d pool_{};
};

class AveragePool2dStage : public AveragePoolStage {
 public:
  explicit AveragePool2dStage(const Attributes& attributes)
      : window_(pair("average_pool2d", attributes, "window")),
        stride_(pair("average_pool2d", attributes, "stride")),
        padding_(padding_of("average_pool2d", attributes)) {}

  Shape bind(const Shape& sample, const std::vector<Shape>&) override {
    pool_ = average_pool2d(with_batch(sample, 0), window_, stride_, padding_);
    return {pool_.window.P, pool_.window.Q, pool_.C};
  }

 private:
  std::array<int64_t, 2> window_, stride_;
  Padding padding_;
};

class GlobalAveragePool2dStage : public AveragePoolStage {
 public:
  explicit GlobalAveragePool2dStage(const Attributes&) {}

  Shape bind(const Shape& sample, const std::vector<Shape>&) override {
    pool_ = global_average_pool2d(with_batch(sample, 0));
    return {pool_.C};
  }
};

const registry::Operations<AveragePool2dStage> registered("average_pool2d");
const registry::Operations<GlobalAveragePool2dStage> registered_global("global_average_pool2d");

}  // namespace
}  // namespace fastcnn
