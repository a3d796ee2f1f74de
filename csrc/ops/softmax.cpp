#include "ops/softmax.h"

#include "core/context.h"
#include "core/errors.h"
#include "ops/convolution_stage.h"
#include "ops/dense.h"

namespace fastcnn {

void softmax_forward(Context& context, int64_t rows, int64_t K, const float* x, float* y) {
  FASTCNN_DISPATCH(context, softmax_forward)(rows, K, x, y, context.parallel());
}

void softmax_backward(Context& context, int64_t rows, int64_t K, const float* dy, const float* y, float* dx) {
  FASTCNN_DISPATCH(context, softmax_backward)(rows, K, dy, y, dx, context.parallel());
}

void dense_softmax(Context& context, const Conv2d& conv, const float* x, const float* w, const float* b, float* y) {
  void* scratch = context.scratch(FASTCNN_DISPATCH(context, dense_softmax_scratch)(conv));
  FASTCNN_DISPATCH(context, dense_softmax)(conv, x, w, b, y, scratch, context.parallel());
}

namespace {

class SoftmaxStage : public Operation {
 public:
  explicit SoftmaxStage(const Attributes&) {}

  Shape bind(const Shape& sample, const std::vector<Shape>&) override {
    if (sample.rank() < 1) reject("softmax", "x must have at least one axis beside the batch, but a sample has shape ", sample.str());
    K_ = sample[sample.rank() - 1];
    rows_ = K_ > 0 ? sample.elements() / K_ : 0;
    return sample;
  }

  void forward(Context& context, const StageArguments& stage) const override {
    softmax_forward(context, stage.n * rows_, K_, stage.x, stage.y);
  }

  void backward(Context& context, const StageArguments& stage) const override {
    if (stage.dx != nullptr) softmax_backward(context, stage.n * rows_, K_, stage.dy, stage.y, stage.dx);
  }

 private:
  int64_t rows_ = 0, K_ = 0;
};

class DenseSoftmaxStage : public ConvolutionStage {
 public:
  explicit DenseSoftmaxStage(const Attributes&) {}

  Shape bind(const Shape& sample, const std::vector<Shape>& parameters) override {
    conv_ = dense("dense_softmax", with_batch(sample, 0), parameters.at(0), parameters.size() > 1 ? &parameters[1] : nullptr);
    return {conv_.K};
  }

  // The gradient by the logits; dense's backward goes on from it.
  int64_t saved_bytes(int64_t n) const override { return n * conv_.K * static_cast<int64_t>(sizeof(float)); }

  void forward(Context& context, const StageArguments& stage) const override {
    dense_softmax(context, batch_of(stage), stage.x, w(stage), b(stage), stage.y);
  }

  void backward(Context& context, const StageArguments& stage) const override {
    float* dlogits = static_cast<float*>(stage.saved);
    softmax_backward(context, stage.n, conv_.K, stage.dy, stage.y, dlogits);
    convolution_backward(context, stage, dlogits);
  }
};

const registry::Operations<SoftmaxStage> registered("softmax");
const registry::Operations<DenseSoftmaxStage> registered_dense("dense_softmax");

}  // namespace
}  // namespace fastcnn
