// Losses, penalties and optimizers on arrays, for ops/.
#include <type_traits>

#include "bindings/module.h"
#include "bindings/operands.h"
#include "ops/adam.h"
#include "ops/clip_gradients.h"
#include "ops/elementwise_loss.h"
#include "ops/moving_average.h"
#include "ops/penalty.h"
#include "ops/sgd.h"
#include "ops/softmax_cross_entropy.h"

namespace fastcnn::bindings {
namespace {

void check_weights(const char* operation, const OptionalFloats& weights, int64_t N) {
  if (weights) check_shape(operation, "weights", weights->shape(), {N});
}

using Labels = std::variant<Operand<int64_t>, Operand<int32_t>, FloatOperand>;

// The class numbers where the call runs. Those of labels on the CPU are checked before anything is started.
const int32_t* classes_of(Call& call, const CrossEntropy& op, const Labels& labels) {
  const auto take = [&](const auto& given) -> const int32_t* {
    using Label = std::remove_cv_t<std::remove_pointer_t<decltype(given.data())>>;
    constexpr DType dtype = DTypeOf<Label>::value;
    const auto bytes = op.N * static_cast<int64_t>(sizeof(int32_t));
    if (given.on_cpu() && !call.context.device.is_cpu()) {
      Context cpu;
      std::vector<int32_t> classes(static_cast<size_t>(op.N));
      take_classes(cpu, op.N, op.K, given.data(), dtype, classes.data());
      return call.in(classes.data(), op.N);
    }
    auto* const classes = static_cast<int32_t*>(call.context.scratch(bytes));
    take_classes(call.context, op.N, op.K, call.in(given), dtype, classes);
    return classes;
  };
  if (const auto* wide = std::get_if<Operand<int64_t>>(&labels)) return take(*wide);
  return take(std::get<Operand<int32_t>>(labels));
}

void add_losses(py::module_& module) {
  module.def(
      "softmax_cross_entropy",
      [](const FloatOperand& x, const Labels& labels, bool from_logits, const OptionalFloats& weights, double smoothing) {
        const Shape shape = std::visit([](const auto& given) { return given.shape(); }, labels);
        const CrossEntropy op = softmax_cross_entropy(x.shape(), shape, from_logits, smoothing);
        const FloatOperand* const probabilities = std::get_if<FloatOperand>(&labels);
        if (probabilities == nullptr && shape.rank() != 1)
          reject("softmax_cross_entropy", "labels that are class numbers must have shape (", op.N, ",), but have shape ", shape.str());
        if (probabilities != nullptr && shape.rank() != 2)
          reject("softmax_cross_entropy", "labels that are probabilities must have shape ", x.shape().str(), ", but have shape ",
                 shape.str());
        check_weights("softmax_cross_entropy", weights, op.N);
        Place place = place_of(x, weights);
        std::visit([&](const auto& given) { place.see_label(given); }, labels);
        Result<float> loss(place, {op.N}), dx(place, {op.N, op.K});
        run_call(place, [&](Call& call) {
          Targets targets;
          targets.weights = call.in(weights);
          if (probabilities != nullptr)
            targets.values = call.in(*probabilities);
          else
            targets.classes = classes_of(call, op, labels);
          softmax_cross_entropy(call.context, op, call.in(x), targets, call.out(loss), nullptr, call.out(dx));
        });
        return py::make_tuple(loss.object, dx.object);
      },
      py::arg("x"), py::arg("labels"), py::arg("from_logits"), py::arg("weights"), py::arg("label_smoothing"));
  const auto each_output = [](const char* operation, const FloatOperand& x, const FloatOperand& targets, bool from_logits,
                              const OptionalFloats& weights, double smoothing) {
    const ElementwiseLoss op = elementwise_loss(operation, x.shape(), targets.shape(), from_logits, smoothing);
    check_weights(operation, weights, op.N);
    const Place place = place_of(x, targets, weights);
    Result<float> loss(place, {op.N}), dx(place, x.shape());
    run_call(place, [&](Call& call) {
      Targets there;
      there.values = call.in(targets);
      there.weights = call.in(weights);
      elementwise_loss(call.context, op, call.in(x), there, call.out(loss), call.out(dx));
    });
    return py::make_tuple(loss.object, dx.object);
  };
  module.def(
      "mean_squared_error",
      [=](const FloatOperand& x, const FloatOperand& targets, const OptionalFloats& weights) {
        return each_output("mean_squared_error", x, targets, false, weights, 0);
      },
      py::arg("x"), py::arg("targets"), py::arg("weights"));
  module.def(
      "binary_cross_entropy",
      [=](const FloatOperand& x, const FloatOperand& targets, bool from_logits, const OptionalFloats& weights, double smoothing) {
        return each_output("binary_cross_entropy", x, targets, from_logits, weights, smoothing);
      },
      py::arg("x"), py::arg("targets"), py::arg("from_logits"), py::arg("weights"), py::arg("label_smoothing"));
  module.def(
      "penalty",
      [](const FloatOperand& w, float l1, float l2) {
        const Place place = place_of(w);
        Result<float> dw(place, w.shape());
        Totals totals{};
        run_call(place, [&](Call& call) {
          const AlignedBlock there(sizeof totals, place.device);
          device::fill_with_zeros(place.device, there.data(), sizeof totals);
          float* const gradient = call.out(dw);
          device::fill_with_zeros(place.device, gradient, static_cast<size_t>(w.size()) * sizeof(float));
          add_penalty(call.context, {l1, l2}, w.size(), call.in(w), gradient, 1, static_cast<Totals*>(there.data()));
          device::copy_out(place.device, &totals, there.data(), sizeof totals);
        });
        return py::make_tuple(totals.loss, dw.object);
      },
      py::arg("w"), py::arg("l1"), py::arg("l2"));
}

void add_optimizers(py::module_& module) {
  module.def(
      "clip_gradients",
      [](const FloatOperand& gradients, const std::vector<std::pair<int64_t, int64_t>>& parts, const std::string& name, double limit) {
        gradients.check_writeable("clip_gradients");
        std::vector<Range> ranges;
        for (const auto& [offset, size] : parts) ranges.push_back({offset, size});
        const Clipping how = clipping(name.c_str(), limit);
        const pool::Uninterruptible to_the_end;
        run_call(place_of(gradients), [&](Call& call) {
          const AlignedBlock slabs =
              clip_slabs(how, gradients.size(), ranges.data(), static_cast<int64_t>(ranges.size()), call.context.device);
          clip_gradients(call.context, how, slabs, call.in_out(gradients));
        });
      },
      py::arg("gradients"), py::arg("parts"), py::arg("name"), py::arg("limit"));
  module.def(
      "adam",
      [](const FloatOperand& parameters, const FloatOperand& gradients, const FloatOperand& momentum, const FloatOperand& velocity,
         int64_t step, double learning_rate, double beta_1, double beta_2, double epsilon, double weight_decay) {
        const Shape shape = parameters.shape();
        check_shape("adam", "gradients", gradients.shape(), shape);
        check_shape("adam", "momentum", momentum.shape(), shape);
        check_shape("adam", "velocity", velocity.shape(), shape);
        for (const FloatOperand* changed : {&parameters, &momentum, &velocity}) changed->check_writeable("adam");
        const pool::Uninterruptible to_the_end;
        run_call(place_of(parameters, gradients, momentum, velocity), [&](Call& call) {
          adam(call.context, gradients.size(), {learning_rate, beta_1, beta_2, epsilon, weight_decay}, step, call.in_out(parameters),
               call.in(gradients), call.in_out(momentum), call.in_out(velocity));
        });
      },
      py::arg("parameters"), py::arg("gradients"), py::arg("momentum"), py::arg("velocity"), py::arg("step"), py::arg("learning_rate"),
      py::arg("beta_1"), py::arg("beta_2"), py::arg("epsilon"), py::arg("weight_decay"));
  module.def(
      "sgd",
      [](const FloatOperand& parameters, const FloatOperand& gradients, const OptionalFloats& momentum, double learning_rate, double rate,
         bool nesterov, double weight_decay) {
        const Shape shape = parameters.shape();
        check_shape("sgd", "gradients", gradients.shape(), shape);
        if (momentum) check_shape("sgd", "momentum", momentum->shape(), shape);
        parameters.check_writeable("sgd");
        if (momentum) momentum->check_writeable("sgd");
        const pool::Uninterruptible to_the_end;
        run_call(place_of(parameters, gradients, momentum), [&](Call& call) {
          sgd(call.context, gradients.size(), {learning_rate, rate, nesterov, weight_decay}, call.in_out(parameters), call.in(gradients),
              momentum ? call.in_out(*momentum) : nullptr);
        });
      },
      py::arg("parameters"), py::arg("gradients"), py::arg("momentum"), py::arg("learning_rate"), py::arg("momentum_rate"),
      py::arg("nesterov"), py::arg("weight_decay"));
  module.def(
      "moving_average",
      [](const FloatOperand& parameters, const FloatOperand& average, double momentum, bool overwrite) {
        check_shape("moving_average", "average", average.shape(), parameters.shape());
        for (const FloatOperand* changed : {&parameters, &average}) changed->check_writeable("moving_average");
        const pool::Uninterruptible to_the_end;
        run_call(place_of(parameters, average), [&](Call& call) {
          moving_average(call.context, parameters.size(), momentum, overwrite, call.in_out(parameters), call.in_out(average));
        });
      },
      py::arg("parameters"), py::arg("average"), py::arg("momentum"), py::arg("overwrite"));
}

}  // namespace

void add_training(py::module_& module) {
  add_losses(module);
  add_optimizers(module);
}

}  // namespace fastcnn::bindings
