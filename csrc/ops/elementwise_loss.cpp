#include "ops/elementwise_loss.h"

#include <cstring>

#include "core/context.h"
#include "core/errors.h"
#include "ops/operation.h"
#include "ops/totals.h"

namespace fastcnn {

ElementwiseLoss elementwise_loss(const char* operation, const Shape& x, const Shape& targets, bool from_logits, double smoothing) {
  using Kind = ElementwiseLoss::Kind;
  if (x.rank() < 1) reject(operation, "x must have a first axis that counts the samples, but has shape ", x.str());
  if (targets != x) reject(operation, "targets must have the shape of x, ", x.str(), ", but have shape ", targets.str());
  const bool squares = std::strcmp(operation, "mean_squared_error") == 0;
  const Kind kind = squares ? Kind::squared_error : from_logits ? Kind::binary_cross_entropy_of_logits : Kind::binary_cross_entropy;
  int64_t D = 1;
  for (int axis = 1; axis < x.rank(); ++axis) D *= x[axis];
  if (D < 1) reject(operation, "x must have at least one output a sample, but has shape ", x.str());
  if (!(smoothing >= 0 && smoothing <= 1)) reject(operation, "label_smoothing must be in [0, 1], but is ", smoothing);
  return {kind, x[0], D, static_cast<float>(smoothing)};
}

void elementwise_loss(Context& context, const ElementwiseLoss& op, const float* x, const Targets& targets, float* loss, float* dx) {
  FASTCNN_DISPATCH(context, elementwise_loss)(op, x, targets, loss, dx, context.parallel());
}

namespace {

// The last stage before the way back. saved: the loss of each sample.
class ElementwiseLossStage : public Operation {
 public:
  ElementwiseLossStage(const char* operation, bool from_logits, double smoothing)
      : operation_(operation), from_logits_(from_logits), smoothing_(smoothing) {}

  Shape bind(const Shape& sample, const std::vector<Shape>&) override {
    op_ = elementwise_loss(operation_, with_batch(sample, 0), with_batch(sample, 0), from_logits_, smoothing_);
    return sample;
  }

  int64_t saved_bytes(int64_t n) const override { return n * static_cast<int64_t>(sizeof(float)); }

  void forward(Context& context, const StageArguments& stage) const override { run(context, stage, nullptr); }
  // The loss is taken together with its gradient, so that the plan calls only this one in training.
  void backward(Context& context, const StageArguments& stage) const override { run(context, stage, stage.dx); }

 private:
  void run(Context& context, const StageArguments& stage, float* dx) const {
    if (stage.targets->values == nullptr) reject(operation_, "targets must be float32 values, but are class numbers");
    auto* const loss = static_cast<float*>(stage.saved);
    ElementwiseLoss op = op_;
    op.N = stage.n;
    elementwise_loss(context, op, stage.x, *stage.targets, loss, dx);
    add_to_totals(context, stage.n, loss, nullptr, stage.totals);
  }

  const char* operation_;
  bool from_logits_;
  double smoothing_;
  ElementwiseLoss op_{};
};

class SquaredErrorStage : public ElementwiseLossStage {
 public:
  explicit SquaredErrorStage(const Attributes&) : ElementwiseLossStage("mean_squared_error", false, 0) {}
};

class BinaryCrossEntropyStage : public ElementwiseLossStage {
 public:
  explicit BinaryCrossEntropyStage(const Attributes& attributes)
      : ElementwiseLossStage("binary_cross_entropy", attributes.flag("from_logits"), attributes.number("label_smoothing")) {}
};

const registry::Operations<SquaredErrorStage> registered_squares("mean_squared_error");
const registry::Operations<BinaryCrossEntropyStage> registered_binary("binary_cross_entropy");

}  // namespace
}  // namespace fastcnn
