// What the stages share that are one convolution, dense layers among them: the parameters w and, if there is one, b.
#pragma once

#include "ops/conv2d.h"
#include "ops/operation.h"

namespace fastcnn {

class ConvolutionStage : public Operation {
 protected:
  Conv2d batch_of(int64_t n) const {
    Conv2d conv = conv_;
    conv.winograd = winograd_allowed();
    conv.N = n;
    return conv;
  }

  static const float* w(const StageArguments& stage) { return stage.parameters[0]; }
  static const float* b(const StageArguments& stage) { return stage.parameters.size() > 1 ? stage.parameters[1] : nullptr; }

  // The gradients of what is wanted, from that by the convolution's result.
  void convolution_backward(Context& context, const StageArguments& stage, const float* dy) const {
    if (stage.dw() != nullptr) conv2d_wgrad(context, batch_of(stage.n), stage.x, dy, stage.dw(), stage.db());
    if (stage.dx != nullptr) conv2d_dgrad(context, batch_of(stage.n), dy, w(stage), stage.dx);
  }

  Conv2d conv_{};
};

}  // namespace fastcnn
