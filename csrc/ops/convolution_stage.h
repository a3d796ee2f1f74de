// What the stages share that are one convolution, dense layers among them: the parameters w and, if there is one, b.
#pragma once

#include "core/context.h"
#include "ops/conv2d_relu.h"
#include "ops/operation.h"

namespace fastcnn {

class ConvolutionStage : public Operation {
 public:
  explicit ConvolutionStage(bool relu = false) : relu_(relu) {}

  void forward(Context& context, const StageArguments& stage) const override {
    conv2d_fprop(context, batch_of(stage), stage.x, filters(stage), b(stage), stage.y);
  }

  void backward(Context& context, const StageArguments& stage) const override {
    if (stage.dw() == nullptr && stage.dx == nullptr) return;  // then there may be no dy either
    if (relu_) conv2d_relu_gradient(context, batch_of(stage), stage.dy, stage.y, stage.dy);
    convolution_backward(context, stage, stage.dy);
  }

  AlignedBlock prepare(const Context& context, const StageArguments& stage) override {
    prepared_winograd_ = winograd_allowed();
    const Conv2d conv = batch_of(stage);
    AlignedBlock block(static_cast<size_t>(conv2d_prepared_bytes(context, conv)), context.device);
    if (block.bytes() > 0) conv2d_prepare(context, conv, w(stage), block.data());
    return block;
  }

 protected:
  Conv2d batch_of(const StageArguments& stage) const {
    Conv2d conv = conv_;
    conv.winograd = stage.prepared_for > 0 ? prepared_winograd_ : winograd_allowed();
    conv.relu = relu_;
    conv.N = stage.n;
    return conv;
  }

  static const float* w(const StageArguments& stage) { return stage.parameters[0]; }
  static Filters filters(const StageArguments& stage) { return {w(stage), stage.prepared, stage.prepared_for}; }
  static const float* b(const StageArguments& stage) { return stage.parameters.size() > 1 ? stage.parameters[1] : nullptr; }

  // The gradients of what is wanted, from that by the convolution's result.
  void convolution_backward(Context& context, const StageArguments& stage, const float* dy) const {
    if (stage.dw() != nullptr) conv2d_wgrad(context, batch_of(stage), stage.x, dy, stage.dw(), stage.db());
    if (stage.dx != nullptr) conv2d_dgrad(context, batch_of(stage), dy, w(stage), stage.dx);
  }

  Conv2d conv_{};
  bool relu_;
  bool prepared_winograd_ = false;  // whether it was allowed when the weights were prepared
};

// A stage that comes with a ReLU behind it and without.
template <class Stage, bool relu>
class Variant : public Stage {
 public:
  explicit Variant(const Attributes& attributes) : Stage(attributes, relu) {}
};

}  // namespace fastcnn
