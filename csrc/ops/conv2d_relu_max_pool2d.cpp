#include "ops/conv2d_relu_max_pool2d.h"

#include <algorithm>
#include <limits>

#include "core/context.h"
#include "core/errors.h"
#include "ops/operation.h"

namespace fastcnn {

Conv2dReluMaxPool2d conv2d_relu_max_pool2d(const Conv2d& conv, std::array<int64_t, 2> window, std::array<int64_t, 2> stride,
                                           const Padding& padding) {
  const Pool2d pool = max_pool2d({conv.N, conv.window.P, conv.window.Q, conv.K}, window, stride, padding);
  if (window[0] * window[1] > Conv2dReluMaxPool2d::cut)
    reject("conv2d_relu_max_pool2d", "the pooling window ", Shape{window[0], window[1]}.str(), " has more than 255 pixels");
  const Window& win = conv.window;
  const int64_t height = std::max(win.H, (win.P - 1) * win.stride_h + win.R), width = std::max(win.W, (win.Q - 1) * win.stride_w + win.S);
  if (height * width * conv.C > std::numeric_limits<int32_t>::max())
    reject("conv2d_relu_max_pool2d", "x's images ", Shape{win.H, win.W, conv.C}.str(),
           " have more than 2^31 - 1 elements with their padding");
  return {conv, pool.window};
}

void check_index(const Conv2dReluMaxPool2d& op, const uint8_t* index) {
  const Window& pool = op.pool;
  for (int64_t n = 0; n < op.conv.N; ++n) {
    for (int64_t p = 0; p < pool.P; ++p) {
      for (int64_t q = 0; q < pool.Q; ++q) {
        for (int64_t k = 0; k < op.conv.K; ++k, ++index) {
          if (*index == Conv2dReluMaxPool2d::cut) continue;
          const int64_t row = p * pool.stride_h - pool.top + *index / pool.S, column = q * pool.stride_w - pool.left + *index % pool.S;
          if (*index < pool.R * pool.S && row >= 0 && row < pool.H && column >= 0 && column < pool.W) continue;
          reject("conv2d_relu_max_pool2d_backward", "index[", n, ", ", p, ", ", q, ", ", k, "] is ", static_cast<int>(*index),
                 ", which is no pixel of its pooling window");
        }
      }
    }
  }
}

int64_t conv2d_relu_max_pool2d_prepared_bytes(const Context& context, const Conv2dReluMaxPool2d& op) {
  return FASTCNN_DISPATCH(context, conv2d_relu_max_pool2d_prepared_bytes)(op);
}

void conv2d_relu_max_pool2d_prepare(const Context& context, const Conv2dReluMaxPool2d& op, const float* w, void* to) {
  FASTCNN_DISPATCH(context, conv2d_relu_max_pool2d_prepare)(op, w, to);
}

void conv2d_relu_max_pool2d_fprop(Context& context, const Conv2dReluMaxPool2d& op, const float* x, const Filters& filters, const float* b,
                                  float* y, uint8_t* index) {
  const Parallel parallel = context.parallel();
  void* scratch = context.scratch(FASTCNN_DISPATCH(context, conv2d_relu_max_pool2d_fprop_scratch)(op, filters, parallel.workers));
  FASTCNN_DISPATCH(context, conv2d_relu_max_pool2d_fprop)(op, x, filters, b, y, index, scratch, parallel);
}

void conv2d_relu_max_pool2d_dgrad(Context& context, const Conv2dReluMaxPool2d& op, const float* dy, const uint8_t* index, const float* w,
                                  float* dx) {
  const Parallel parallel = context.parallel();
  void* scratch = context.scratch(FASTCNN_DISPATCH(context, conv2d_relu_max_pool2d_dgrad_scratch)(op, parallel.workers));
  FASTCNN_DISPATCH(context, conv2d_relu_max_pool2d_dgrad)(op, dy, index, w, dx, scratch, parallel);
}

void conv2d_relu_max_pool2d_wgrad(Context& context, const Conv2dReluMaxPool2d& op, const float* x, const float* dy, const uint8_t* index,
                                  float* dw, float* db) {
  const Parallel parallel = context.parallel();
  void* scratch = context.scratch(FASTCNN_DISPATCH(context, conv2d_relu_max_pool2d_wgrad_scratch)(op, parallel.workers));
  FASTCNN_DISPATCH(context, conv2d_relu_max_pool2d_wgrad)(op, x, dy, index, dw, db, scratch, parallel);
}

namespace {

// Attributes: conv2d's stride and padding, max_pool2d's as pool_window, pool_stride and pool_padding; outputs.
class Conv2dReluMaxPool2dStage : public Operation {
 public:
  explicit Conv2dReluMaxPool2dStage(const Attributes& attributes)
      : attributes_(attributes),
        stride_(pair("conv2d", attributes, "stride")),
        pool_window_(pair("max_pool2d", attributes, "pool_window")),
        pool_stride_(pair("max_pool2d", attributes, "pool_stride")),
        padding_(padding_of("conv2d", attributes, "padding")),
        pool_padding_(padding_of("max_pool2d", attributes, "pool_padding")) {}

  Shape bind(const Shape& sample, const std::vector<Shape>& parameters) override {
    const Shape* b = parameters.size() > 1 ? &parameters[1] : nullptr;
    const Conv2d conv = conv2d(with_batch(sample, 0), parameters.at(0), b, stride_, padding_);
    op_ = conv2d_relu_max_pool2d(conv, pool_window_, pool_stride_, pool_padding_);
    cut_outputs("max_pool2d", attributes_, op_.pool);
    return {op_.pool.P, op_.pool.Q, conv.K};
  }

  AlignedBlock prepare(const Context& context, const StageArguments& stage) override {
    prepared_winograd_ = winograd_allowed();
    const Conv2dReluMaxPool2d op = batch_of(stage);
    AlignedBlock block(static_cast<size_t>(conv2d_relu_max_pool2d_prepared_bytes(context, op)), context.device);
    if (block.bytes() > 0) conv2d_relu_max_pool2d_prepare(context, op, stage.parameters[0], block.data());
    return block;
  }

  int64_t saved_bytes(int64_t n) const override { return n * op_.pool.P * op_.pool.Q * op_.conv.K; }

  void forward(Context& context, const StageArguments& stage) const override {
    const float* b = stage.parameters.size() > 1 ? stage.parameters[1] : nullptr;
    const Filters filters{stage.parameters[0], stage.prepared, stage.prepared_for};
    conv2d_relu_max_pool2d_fprop(context, batch_of(stage), stage.x, filters, b, stage.y, static_cast<uint8_t*>(stage.saved));
  }

  void backward(Context& context, const StageArguments& stage) const override {
    const auto* index = static_cast<const uint8_t*>(stage.saved);
    if (stage.dw() != nullptr) conv2d_relu_max_pool2d_wgrad(context, batch_of(stage), stage.x, stage.dy, index, stage.dw(), stage.db());
    if (stage.dx != nullptr) conv2d_relu_max_pool2d_dgrad(context, batch_of(stage), stage.dy, index, stage.parameters[0], stage.dx);
  }

 private:
  Conv2dReluMaxPool2d batch_of(const StageArguments& stage) const {
    Conv2dReluMaxPool2d op = op_;
    op.conv.N = stage.n;
    op.conv.winograd = stage.prepared_for > 0 ? prepared_winograd_ : winograd_allowed();
    return op;
  }

  Attributes attributes_;
  std::array<int64_t, 2> stride_, pool_window_, pool_stride_;
  Padding padding_, pool_padding_;
  Conv2dReluMaxPool2d op_{};
  bool prepared_winograd_ = false;  // whether it was allowed when the weights were prepared
};

const registry::Operations<Conv2dReluMaxPool2dStage> registered("conv2d_relu_max_pool2d");

}  // namespace
}  // namespace fastcnn
