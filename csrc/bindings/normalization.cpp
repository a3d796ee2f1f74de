// batch_norm on arrays, for ops/normalization.py.
#include "ops/batch_norm.h"

#include "bindings/module.h"
#include "bindings/operands.h"

namespace fastcnn::bindings {
namespace {

void check_vector(const BatchNorm& norm, const char* argument, const OptionalFloats& vector) {
  if (vector) check_channels(norm, argument, vector->shape());
}

}  // namespace

void add_normalization(py::module_& module) {
  module.def(
      "batch_norm_statistics",
      [](const FloatOperand& x) {
        const BatchNorm norm = batch_norm(x.shape(), 0);
        const Place place = place_of(x);
        Result<float> mean(place, {norm.C}), variance(place, {norm.C});
        run_call(place, [&](Call& call) { batch_norm_statistics(call.context, norm, call.in(x), call.out(mean), call.out(variance)); });
        return py::make_tuple(mean.object, variance.object);
      },
      py::arg("x"));
  module.def(
      "batch_norm",
      [](const FloatOperand& x, const FloatOperand& mean, const FloatOperand& variance, const OptionalFloats& gamma,
         const OptionalFloats& beta, double epsilon, bool relu) {
        const BatchNorm norm = batch_norm(x.shape(), epsilon, relu);
        check_channels(norm, "mean", mean.shape());
        check_channels(norm, "variance", variance.shape());
        check_vector(norm, "gamma", gamma);
        check_vector(norm, "beta", beta);
        const Place place = place_of(x, mean, variance, gamma, beta);
        Result<float> y(place, x.shape());
        run_call(place, [&](Call& call) {
          batch_norm_forward(call.context, norm, call.in(x), call.in(mean), call.in(variance), call.in(gamma), call.in(beta), call.out(y));
        });
        return y.object;
      },
      py::arg("x"), py::arg("mean"), py::arg("variance"), py::arg("gamma"), py::arg("beta"), py::arg("epsilon"), py::arg("relu"));
  module.def(
      "batch_norm_backward",
      [](const FloatOperand& dy, const FloatOperand& x, const OptionalFloats& y, const FloatOperand& mean, const FloatOperand& variance,
         const OptionalFloats& gamma, double epsilon, bool of_batch) {
        const BatchNorm norm = batch_norm(x.shape(), epsilon, y.has_value());
        check_shape("batch_norm_backward", "dy", dy.shape(), x.shape());
        if (y) check_shape("batch_norm_backward", "y", y->shape(), x.shape());
        check_channels(norm, "mean", mean.shape());
        check_channels(norm, "variance", variance.shape());
        check_vector(norm, "gamma", gamma);
        const Place place = place_of(dy, x, y, mean, variance, gamma);
        Result<float> dx(place, x.shape()), dgamma(place, {norm.C}), dbeta(place, {norm.C});
        run_call(place, [&](Call& call) {
          batch_norm_backward(call.context, norm, call.in(x), call.in(dy), call.in(y), call.in(mean), call.in(variance), call.in(gamma),
                              call.out(dgamma), call.out(dbeta), call.out(dx), of_batch);
        });
        return py::make_tuple(dx.object, dgamma.object, dbeta.object);
      },
      py::arg("dy"), py::arg("x"), py::arg("y"), py::arg("mean"), py::arg("variance"), py::arg("gamma"), py::arg("epsilon"),
      py::arg("of_batch"));
}

}  // namespace fastcnn::bindings
