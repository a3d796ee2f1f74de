#include "ops/depthwise_conv2d.h"

#include "core/context.h"
#include "core/errors.h"
#include "ops/operation.h"

namespace fastcnn {

DepthwiseConv2d depthwise_conv2d(const Shape& x, const Shape& w, const Shape* b, std::array<int64_t, 2> stride, const Padding& padding) {
  const char* const operation = "depthwise_conv2d";
  if (x.rank() != 4) reject(operation, "x must have shape (N, H, W, C), but has shape ", x.str());
  if (w.rank() != 4) reject(operation, "w must have shape (R, S, C, M), but has shape ", w.str());
  if (w[2] != x[3]) reject(operation, "w expects ", w[2], " channels (w: ", w.str(), "), but x has ", x[3], " (x: ", x.str(), ")");
  if (w[2] < 1 || w[3] < 1) reject(operation, "w must have at least one channel and one filter for each, but has shape ", w.str());
  if (b != nullptr && *b != Shape{w[2] * w[3]})
    reject(operation, "b must have shape (", w[2] * w[3], ",) to go with w ", w.str(), ", but has shape ", b->str());
  return {x[0], w[2], w[3], resolve_window(operation, "filter", x[1], x[2], {w[0], w[1]}, stride, padding)};
}

void depthwise_conv2d_fprop(Context& context, const DepthwiseConv2d& conv, const float* x, const float* w, const float* b, float* y) {
  void* scratch = context.scratch(FASTCNN_DISPATCH(context, depthwise_conv2d_fprop_scratch)(conv));
  FASTCNN_DISPATCH(context, depthwise_conv2d_fprop)(conv, x, w, b, y, scratch, context.parallel());
}

void depthwise_conv2d_dgrad(Context& context, const DepthwiseConv2d& conv, const float* dy, const float* w, float* dx) {
  void* scratch = context.scratch(FASTCNN_DISPATCH(context, depthwise_conv2d_dgrad_scratch)(conv));
  FASTCNN_DISPATCH(context, depthwise_conv2d_dgrad)(conv, dy, w, dx, scratch, context.parallel());
}

void depthwise_conv2d_wgrad(Context& context, const DepthwiseConv2d& conv, const float* x, const float* dy, float* dw, float* db) {
  void* scratch = context.scratch(FASTCNN_DISPATCH(context, depthwise_conv2d_wgrad_scratch)(conv));
  FASTCNN_DISPATCH(context, depthwise_conv2d_wgrad)(conv, x, dy, dw, db, scratch, context.parallel());
}

namespace {

class DepthwiseConv2dStage : public Operation {
 public:
  explicit DepthwiseConv2dStage(const Attributes& attributes)
      : attributes_(attributes),
        stride_(pair("depthwise_conv2d", attributes, "stride")),
        padding_(padding_of("depthwise_conv2d", attributes)) {}

  Shape bind(const Shape& sample, const std::vector<Shape>& parameters) override {
    conv_ = depthwise_conv2d(with_batch(sample, 0), parameters.at(0), parameters.size() > 1 ? &parameters[1] : nullptr, stride_, padding_);
    cut_outputs("depthwise_conv2d", attributes_, conv_.window);
    return {conv_.window.P, conv_.window.Q, conv_.C * conv_.M};
  }

  void forward(Context& context, const StageArguments& stage) const override {
    const float* const b = stage.parameters.size() > 1 ? stage.parameters[1] : nullptr;
    depthwise_conv2d_fprop(context, conv_.of(stage.n), stage.x, stage.parameters[0], b, stage.y);
  }

  void backward(Context& context, const StageArguments& stage) const override {
    if (stage.dw() != nullptr) depthwise_conv2d_wgrad(context, conv_.of(stage.n), stage.x, stage.dy, stage.dw(), stage.db());
    if (stage.dx != nullptr) depthwise_conv2d_dgrad(context, conv_.of(stage.n), stage.dy, stage.parameters[0], stage.dx);
  }

 private:
  Attributes attributes_;
  std::array<int64_t, 2> stride_;
  Padding padding_;
  DepthwiseConv2d conv_{};
};

const registry::Operations<DepthwiseConv2dStage> registered("depthwise_conv2d");

}  // namespace
}  // namespace fastcnn
