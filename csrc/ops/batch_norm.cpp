#include "ops/batch_norm.h"

#include "core/context.h"
#include "core/errors.h"
#include "ops/operation.h"

namespace fastcnn {

BatchNorm batch_norm(const Shape& x, double epsilon, bool relu) {
  if (x.rank() < 2) reject("batch_norm", "x must have shape (N, ..., C), but has ", x.str());
  const int64_t C = x[x.rank() - 1];
  if (C < 1) reject("batch_norm", "x must have at least one channel, but has shape ", x.str());
  if (!(epsilon >= 0)) reject("batch_norm", "epsilon must be at least 0, but is ", epsilon);
  return {x.elements() / C, C, static_cast<float>(epsilon), relu};
}

void check_channels(const BatchNorm& norm, const char* argument, const Shape& shape) {
  if (shape != Shape{norm.C}) reject("batch_norm", argument, " must have shape ", Shape{norm.C}.str(), ", but has ", shape.str());
}

void batch_norm_statistics(Context& context, const BatchNorm& norm, const float* x, float* mean, float* variance) {
  void* scratch = context.scratch(FASTCNN_DISPATCH(context, batch_norm_scratch)(norm));
  FASTCNN_DISPATCH(context, batch_norm_statistics)(norm, x, mean, variance, scratch, context.parallel());
}

void batch_norm_forward(Context& context, const BatchNorm& norm, const float* x, const float* mean, const float* variance,
                        const float* gamma, const float* beta, float* y) {
  void* scratch = context.scratch(FASTCNN_DISPATCH(context, batch_norm_scratch)(norm));
  FASTCNN_DISPATCH(context, batch_norm_forward)(norm, x, mean, variance, gamma, beta, y, scratch, context.parallel());
}

void batch_norm_backward(Context& context, const BatchNorm& norm, const float* x, const float* dy, const float* y, const float* mean,
                         const float* variance, const float* gamma, float* dgamma, float* dbeta, float* dx, bool of_batch) {
  void* scratch = context.scratch(FASTCNN_DISPATCH(context, batch_norm_scratch)(norm));
  FASTCNN_DISPATCH(context, batch_norm_backward)
  (norm, x, dy, y, mean, variance, gamma, dgamma, dbeta, dx, of_batch, scratch, context.parallel());
}

namespace {

// Parameters: gamma if `scale` is set, beta if `center` is, then the moving mean and variance. In training, unless it is frozen, forward
// leaves the batch's own mean and variance where the gradients of the moving ones would be: the runtime adds them to the averages after the
// step.
template <bool relu>
class BatchNormStage : public Operation {
 public:
  explicit BatchNormStage(const Attributes& attributes)
      : epsilon_(attributes.number("epsilon")), scale_(attributes.flag("scale")), center_(attributes.flag("center")) {}

  Shape bind(const Shape& sample, const std::vector<Shape>& parameters) override {
    norm_ = batch_norm(with_batch(sample, 1), epsilon_, relu);
    static constexpr const char* names[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    size_t given = 0;
    for (int i = 0; i < 4; ++i) {
      if ((i == 0 && !scale_) || (i == 1 && !center_)) continue;
      check_channels(norm_, names[i], parameters.at(given++));
    }
    return sample;
  }

  bool wants_whole_batch() const override { return true; }

  void forward(Context& context, const StageArguments& stage) const override {
    const Given given = of(stage);
    const BatchNorm norm = batch_of(stage);
    if (given.own_mean != nullptr) batch_norm_statistics(context, norm, stage.x, given.own_mean, given.own_variance);
    batch_norm_forward(context, norm, stage.x, given.mean, given.variance, given.gamma, given.beta, stage.y);
  }

  void backward(Context& context, const StageArguments& stage) const override {
    const Given given = of(stage);
    if (given.own_mean == nullptr && stage.dx == nullptr) return;
    batch_norm_backward(context, batch_of(stage), stage.x, stage.dy, relu ? stage.y : nullptr, given.mean, given.variance, given.gamma,
                        given.dgamma, given.dbeta, stage.dx, given.own_mean != nullptr);
  }

 private:
  struct Given {
    const float *gamma = nullptr, *beta = nullptr, *mean = nullptr, *variance = nullptr;  // the statistics that count now
    float *dgamma = nullptr, *dbeta = nullptr, *own_mean = nullptr, *own_variance = nullptr;
  };

  Given of(const StageArguments& stage) const {
    const bool own = stage.training && !stage.gradients.empty();
    Given given;
    size_t next = 0;
    if (scale_) {
      given.gamma = stage.parameters[next];
      if (own) given.dgamma = stage.gradients[next];
      ++next;
    }
    if (center_) {
      given.beta = stage.parameters[next];
      if (own) given.dbeta = stage.gradients[next];
      ++next;
    }
    given.mean = stage.parameters[next];
    given.variance = stage.parameters[next + 1];
    if (own) {
      given.mean = given.own_mean = stage.gradients[next];
      given.variance = given.own_variance = stage.gradients[next + 1];
    }
    return given;
  }

  BatchNorm batch_of(const StageArguments& stage) const {
    BatchNorm norm = norm_;
    norm.rows = norm_.rows * stage.n;
    return norm;
  }

  double epsilon_;
  bool scale_, center_;
  BatchNorm norm_{};
};

const registry::Operations<BatchNormStage<false>> registered("batch_norm");
const registry::Operations<BatchNormStage<true>> registered_relu("batch_norm_relu");

}  // namespace
}  // namespace fastcnn
