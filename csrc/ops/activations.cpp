#include "ops/activations.h"

#include <cmath>
#include <functional>

#include "core/context.h"
#include "core/errors.h"
#include "ops/elementwise_stage.h"

namespace fastcnn {
namespace {

// As float32.
float at_least_0(const char* operation, const char* name, double value) {
  if (!(value >= 0 && std::isfinite(value))) reject(operation, name, " must be finite and at least 0, but is ", value);
  return static_cast<float>(value);
}

}  // namespace

BoundedRelu bounded_relu(double negative_slope, double max_value, double threshold) {
  const char* const operation = "bounded_relu";
  if (!(max_value >= 0)) reject(operation, "max_value must be at least 0, but is ", max_value);
  return {at_least_0(operation, "negative_slope", negative_slope), static_cast<float>(max_value),
          at_least_0(operation, "threshold", threshold)};
}

void relu_forward(Context& context, int64_t n, const float* x, float* y) {
  FASTCNN_DISPATCH(context, relu_forward)(n, x, y, context.parallel());
}

void relu_backward(Context& context, int64_t n, const float* dy, const float* y, float* dx) {
  FASTCNN_DISPATCH(context, relu_backward)(n, dy, y, dx, context.parallel());
}

void leaky_relu_forward(Context& context, int64_t n, double negative_slope, const float* x, float* y) {
  const float slope = at_least_0("leaky_relu", "negative_slope", negative_slope);
  FASTCNN_DISPATCH(context, leaky_relu_forward)(n, slope, x, y, context.parallel());
}

void leaky_relu_backward(Context& context, int64_t n, double negative_slope, const float* dy, const float* y, float* dx) {
  const float slope = at_least_0("leaky_relu_backward", "negative_slope", negative_slope);
  FASTCNN_DISPATCH(context, leaky_relu_backward)(n, slope, dy, y, dx, context.parallel());
}

void bounded_relu_forward(Context& context, int64_t n, const BoundedRelu& op, const float* x, float* y) {
  FASTCNN_DISPATCH(context, bounded_relu_forward)(n, op, x, y, context.parallel());
}

void bounded_relu_backward(Context& context, int64_t n, const BoundedRelu& op, const float* dy, const float* x, float* dx) {
  FASTCNN_DISPATCH(context, bounded_relu_backward)(n, op, dy, x, dx, context.parallel());
}

void sigmoid_forward(Context& context, int64_t n, const float* x, float* y) {
  FASTCNN_DISPATCH(context, sigmoid_forward)(n, x, y, context.parallel());
}

void sigmoid_backward(Context& context, int64_t n, const float* dy, const float* y, float* dx) {
  FASTCNN_DISPATCH(context, sigmoid_backward)(n, dy, y, dx, context.parallel());
}

void silu_forward(Context& context, int64_t n, const float* x, float* y) {
  FASTCNN_DISPATCH(context, silu_forward)(n, x, y, context.parallel());
}

void silu_backward(Context& context, int64_t n, const float* dy, const float* x, float* dx) {
  FASTCNN_DISPATCH(context, silu_backward)(n, dy, x, dx, context.parallel());
}

void gelu_forward(Context& context, int64_t n, bool approximate, const float* x, float* y) {
  FASTCNN_DISPATCH(context, gelu_forward)(n, approximate, x, y, context.parallel());
}

void gelu_backward(Context& context, int64_t n, bool approximate, const float* dy, const float* x, float* dx) {
  FASTCNN_DISPATCH(context, gelu_backward)(n, approximate, dy, x, dx, context.parallel());
}

namespace {

// An activation with its settings: both directions, and whether the gradient comes from y or from x.
struct Activation {
  std::function<void(Context&, int64_t n, const float* x, float* y)> forward;
  std::function<void(Context&, int64_t n, const float* dy, const float* x_or_y, float* dx)> backward;
  bool from_y;
};

template <Activation (*activation_of)(const Attributes&)>
class ActivationStage : public ElementwiseStage {
 public:
  explicit ActivationStage(const Attributes& attributes) : activation_(activation_of(attributes)) {}
  void forward(Context& context, const StageArguments& stage) const override {
    activation_.forward(context, stage.n * elements_, stage.x, stage.y);
  }
  void backward(Context& context, const StageArguments& stage) const override {
    const float* const from = activation_.from_y ? stage.y : stage.x;
    if (stage.dx != nullptr) activation_.backward(context, stage.n * elements_, stage.dy, from, stage.dx);
  }

 private:
  Activation activation_;
};

Activation relu_of(const Attributes&) { return {relu_forward, relu_backward, true}; }
Activation sigmoid_of(const Attributes&) { return {sigmoid_forward, sigmoid_backward, true}; }
Activation silu_of(const Attributes&) { return {silu_forward, silu_backward, false}; }

Activation leaky_relu_of(const Attributes& attributes) {
  const double slope = attributes.number("negative_slope");
  return {
      [=](Context& context, int64_t n, const float* x, float* y) { leaky_relu_forward(context, n, slope, x, y); },
      [=](Context& context, int64_t n, const float* dy, const float* y, float* dx) { leaky_relu_backward(context, n, slope, dy, y, dx); },
      true};
}

Activation bounded_relu_of(const Attributes& attributes) {
  const BoundedRelu op = bounded_relu(attributes.number("negative_slope"), attributes.number("max_value"), attributes.number("threshold"));
  return {
      [=](Context& context, int64_t n, const float* x, float* y) { bounded_relu_forward(context, n, op, x, y); },
      [=](Context& context, int64_t n, const float* dy, const float* x, float* dx) { bounded_relu_backward(context, n, op, dy, x, dx); },
      false};
}

Activation gelu_of(const Attributes& attributes) {
  const bool approximate = attributes.flag("approximate");
  return {
      [=](Context& context, int64_t n, const float* x, float* y) { gelu_forward(context, n, approximate, x, y); },
      [=](Context& context, int64_t n, const float* dy, const float* x, float* dx) { gelu_backward(context, n, approximate, dy, x, dx); },
      false};
}

const registry::Operations<ActivationStage<relu_of>> registered_relu("relu");
const registry::Operations<ActivationStage<leaky_relu_of>> registered_leaky_relu("leaky_relu");
const registry::Operations<ActivationStage<bounded_relu_of>> registered_bounded_relu("bounded_relu");
const registry::Operations<ActivationStage<sigmoid_of>> registered_sigmoid("sigmoid");
const registry::Operations<ActivationStage<silu_of>> registered_silu("silu");
const registry::Operations<ActivationStage<gelu_of>> registered_gelu("gelu");

}  // namespace
}  // namespace fastcnn
