#include "ops/conv2d.h"

#include <atomic>

#include "core/context.h"
#include "core/errors.h"
#include "ops/activations.h"
#include "ops/conv2d_relu.h"
#include "ops/convolution_stage.h"

namespace fastcnn {
namespace {

std::atomic<bool> allowed{true};

}  // namespace

bool winograd_allowed() { return allowed; }
void allow_winograd(bool is_allowed) { allowed = is_allowed; }

Conv2d conv2d(const Shape& x, const Shape& w, const Shape* b, std::array<int64_t, 2> stride, const Padding& padding) {
  if (x.rank() != 4) reject("conv2d", "x must have shape (N, H, W, C), but has shape ", x.str());
  if (w.rank() != 4) reject("conv2d", "w must have shape (R, S, C, K), but has shape ", w.str());
  if (w[2] != x[3]) reject("conv2d", "w expects ", w[2], " input channels (w: ", w.str(), "), but x has ", x[3], " (x: ", x.str(), ")");
  if (w[2] < 1 || w[3] < 1) reject("conv2d", "w must have at least one input and one output channel, but has shape ", w.str());
  if (b != nullptr && *b != Shape{w[3]})
    reject("conv2d", "b must have shape (", w[3], ",) to go with w ", w.str(), ", but has shape ", b->str());
  return {x[0], x[3], w[3], resolve_window("conv2d", "filter", x[1], x[2], {w[0], w[1]}, stride, padding), winograd_allowed()};
}

int64_t conv2d_prepared_bytes(const Context& context, const Conv2d& conv) { return FASTCNN_DISPATCH(context, conv2d_prepared_bytes)(conv); }

void conv2d_prepare(const Context& context, const Conv2d& conv, const float* w, void* to) {
  FASTCNN_DISPATCH(context, conv2d_prepare)(conv, w, to);
}

void conv2d_fprop(Context& context, const Conv2d& conv, const float* x, const Filters& filters, const float* b, float* y) {
  const Parallel parallel = context.parallel();
  void* scratch = context.scratch(FASTCNN_DISPATCH(context, conv2d_fprop_scratch)(conv, filters, parallel.workers));
  FASTCNN_DISPATCH(context, conv2d_fprop)(conv, x, filters, b, y, scratch, parallel);
}

void conv2d_dgrad(Context& context, const Conv2d& conv, const float* dy, const float* w, float* dx) {
  const Parallel parallel = context.parallel();
  void* scratch = context.scratch(FASTCNN_DISPATCH(context, conv2d_dgrad_scratch)(conv, parallel.workers));
  FASTCNN_DISPATCH(context, conv2d_dgrad)(conv, dy, w, dx, scratch, parallel);
}

void conv2d_wgrad(Context& context, const Conv2d& conv, const float* x, const float* dy, float* dw, float* db) {
  const Parallel parallel = context.parallel();
  void* scratch = context.scratch(FASTCNN_DISPATCH(context, conv2d_wgrad_scratch)(conv, parallel.workers));
  FASTCNN_DISPATCH(context, conv2d_wgrad)(conv, x, dy, dw, db, scratch, parallel);
}

void conv2d_relu_gradient(Context& context, const Conv2d& conv, const float* dy, const float* y, float* g) {
  relu_backward(context, conv.N * conv.window.P * conv.window.Q * conv.K, dy, y, g);
}

namespace {

class Conv2dStage : public ConvolutionStage {
 public:
  Conv2dStage(const Attributes& attributes, bool relu)
      : ConvolutionStage(relu),
        attributes_(attributes),
        stride_(pair("conv2d", attributes, "stride")),
        padding_(padding_of("conv2d", attributes)) {}

  Shape bind(const Shape& sample, const std::vector<Shape>& parameters) override {
    conv_ = conv2d(with_batch(sample, 0), parameters.at(0), parameters.size() > 1 ? &parameters[1] : nullptr, stride_, padding_);
    cut_outputs("conv2d", attributes_, conv_.window);
    return {conv_.window.P, conv_.window.Q, conv_.K};
  }

 private:
  Attributes attributes_;
  std::array<int64_t, 2> stride_;
  Padding padding_;
};

const registry::Operations<Variant<Conv2dStage, false>> registered("conv2d");
const registry::Operations<Variant<Conv2dStage, true>> registered_relu("conv2d_relu");

}  // namespace
}  // namespace fastcnn
