#include "ops/softmax_cross_entropy.h"

#include "core/context.h"
#include "core/errors.h"
#include "ops/operation.h"
#include "ops/totals.h"

namespace fastcnn {

CrossEntropy softmax_cross_entropy(const Shape& x, const Shape& targets, bool from_logits, double smoothing) {
  if (x.rank() != 2) reject("softmax_cross_entropy", "x must have shape (N, K), but has shape ", x.str());
  if (x[1] < 1) reject("softmax_cross_entropy", "x must have at least one class, but has shape ", x.str());
  const Shape classes = {x[0]};
  if (targets != classes && targets != x)
    reject("softmax_cross_entropy", "labels must have shape ", classes.str(), " or ", x.str(), " to go with x ", x.str(),
           ", but have shape ", targets.str());
  if (!(smoothing >= 0 && smoothing <= 1)) reject("softmax_cross_entropy", "label_smoothing must be in [0, 1], but is ", smoothing);
  return {x[0], x[1], from_logits, static_cast<float>(smoothing)};
}

namespace {

void reject_class(const Fault& fault) {
  reject("softmax_cross_entropy", "labels must be in [0, ", fault.limit, ") for x with ", fault.limit, " classes, but labels[",
         fault.position, "] is ", fault.value);
}

}  // namespace

void take_classes(Context& context, int64_t N, int64_t K, const void* labels, DType dtype, int32_t* classes) {
  Fault here{};
  Fault* const fault = context.device.is_cpu() ? &here : device::fault(context.device);
  FASTCNN_DISPATCH(context, take_classes)(N, K, labels, dtype, classes, reject_class, fault, context.parallel());
  if (here.raise != nullptr) here.raise(here);
}

void softmax_cross_entropy(Context& context, const CrossEntropy& op, const float* x, const Targets& targets, float* loss, int32_t* correct,
                           float* dx) {
  FASTCNN_DISPATCH(context, softmax_cross_entropy)(op, x, targets, loss, correct, dx, context.parallel());
}

namespace {

// The last stage before the way back. saved: the loss and whether it was right, for each sample.
class CrossEntropyStage : public Operation {
 public:
  explicit CrossEntropyStage(const Attributes& attributes)
      : from_logits_(attributes.flag("from_logits")), smoothing_(attributes.number("label_smoothing")) {}

  Shape bind(const Shape& sample, const std::vector<Shape>&) override {
    op_ = softmax_cross_entropy(with_batch(sample, 0), {0}, from_logits_, smoothing_);
    return sample;
  }

  int64_t saved_bytes(int64_t n) const override { return n * static_cast<int64_t>(sizeof(float) + sizeof(int32_t)); }

  void forward(Context& context, const StageArguments& stage) const override { run(context, stage, nullptr); }

  // The loss is taken together with its gradient, so that the plan calls only this one in training.
  void backward(Context& context, const StageArguments& stage) const override { run(context, stage, stage.dx); }

 private:
  void run(Context& context, const StageArguments& stage, float* dx) const {
    auto* const saved = static_cast<float*>(stage.saved);
    auto* const correct = reinterpret_cast<int32_t*>(saved + stage.n);
    CrossEntropy op = op_;
    op.N = stage.n;
    softmax_cross_entropy(context, op, stage.x, *stage.targets, saved, correct, dx);
    add_to_totals(context, stage.n, saved, correct, stage.totals);
  }

  bool from_logits_;
  double smoothing_;
  CrossEntropy op_{};
};

const registry::Operations<CrossEntropyStage> registered("softmax_cross_entropy");

}  // namespace
}  // namespace fastcnn
