#include "ops/max_pool2d.h"

#include "core/context.h"
#include "core/errors.h"
#include "ops/operation.h"

namespace fastcnn {

Pool2d pool2d(const char* operation, const Shape& x, std::array<int64_t, 2> window, std::array<int64_t, 2> stride, const Padding& padding) {
  if (x.rank() != 4) reject(operation, "x must have shape (N, H, W, C), but has shape ", x.str());
  const Pool2d pool{x[0], x[3], resolve_window(operation, "window", x[1], x[2], window, stride, padding)};
  const Window& win = pool.window;
  const bool last_row_empty = win.P > 0 && (win.P - 1) * win.stride_h - win.top >= win.H;
  const bool last_column_empty = win.Q > 0 && (win.Q - 1) * win.stride_w - win.left >= win.W;
  if (win.top >= win.R || win.left >= win.S || last_row_empty || last_column_empty) {
    const auto& [top, bottom, left, right] = padding.amounts;
    reject(operation, "padding ((", top, ", ", bottom, "), (", left, ", ", right, ")) leaves windows ", Shape{win.R, win.S}.str(),
           " without a pixel of the image");
  }
  return pool;
}

Pool2d max_pool2d(const Shape& x, std::array<int64_t, 2> window, std::array<int64_t, 2> stride, const Padding& padding) {
  if (window[0] > 65535 || window[1] > 65535 || window[0] * window[1] > 65535)
    reject("max_pool2d", "window ", Shape{window[0], window[1]}.str(), " has more than 65,535 elements");
  return pool2d("max_pool2d", x, window, stride, padding);
}

void max_pool2d_forward(Context& context, const Pool2d& pool, const float* x, float* y, uint16_t* index) {
  FASTCNN_DISPATCH(context, max_pool2d_forward)(pool, x, y, index, context.parallel());
}

void max_pool2d_backward(Context& context, const Pool2d& pool, const float* dy, const uint16_t* index, float* dx) {
  FASTCNN_DISPATCH(context, max_pool2d_backward)(pool, dy, index, dx, context.parallel());
}

namespace {

class MaxPool2dStage : public Operation {
 public:
  explicit MaxPool2dStage(const Attributes& attributes)
      : window_(pair("max_pool2d", attributes, "window")),
        stride_(pair("max_pool2d", attributes, "stride")),
        padding_(padding_of("max_pool2d", attributes)) {}

  Shape bind(const Shape& sample, const std::vector<Shape>&) override {
    pool_ = max_pool2d(with_batch(sample, 0), window_, stride_, padding_);
    return {pool_.window.P, pool_.window.Q, pool_.C};
  }

  int64_t saved_bytes(int64_t n) const override {
    return n * pool_.window.P * pool_.window.Q * pool_.C * static_cast<int64_t>(sizeof(uint16_t));
  }

  void forward(Context& context, const StageArguments& stage) const override {
    max_pool2d_forward(context, pool_.of(stage.n), stage.x, stage.y, static_cast<uint16_t*>(stage.saved));
  }

  void backward(Context& context, const StageArguments& stage) const override {
    if (stage.dx == nullptr) return;
    max_pool2d_backward(context, pool_.of(stage.n), stage.dy, static_cast<const uint16_t*>(stage.saved), stage.dx);
  }

 private:
  std::array<int64_t, 2> window_, stride_;
  Padding padding_;
  Pool2d pool_{};
};

const registry::Operations<MaxPool2dStage> registered("max_pool2d");

}  // namespace
}  // namespace fastcnn
