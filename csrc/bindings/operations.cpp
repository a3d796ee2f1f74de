// The operations on arrays, for ops/ (convolutions.cpp has the matrix products, spatial.cpp those on images channel by channel,
// normalization.cpp batch_norm, augmentation.cpp what changes pictures, training.cpp the losses and optimizers): shapes are checked by the
// operations themselves, results allocated here.
#include "bindings/module.h"
#include "bindings/operands.h"
#include "ops/activations.h"
#include "ops/average_pool2d.h"
#include "ops/elementwise.h"
#include "ops/max_pool2d.h"
#include "ops/softmax.h"

namespace fastcnn::bindings {
namespace {

Shape output_of(const Pool2d& pool) { return {pool.N, pool.window.P, pool.window.Q, pool.C}; }

void add_pooling(py::module_& module) {
  module.def(
      "max_pool2d",
      [](const FloatOperand& x, const Pair& window, const Pair& stride, const PaddingArgument& padding) {
        const Pool2d pool = max_pool2d(x.shape(), window, stride, padding_of("max_pool2d", padding));
        const Place place = place_of(x);
        Result<float> y(place, output_of(pool));
        Result<uint16_t> index(place, output_of(pool));
        run_call(place, [&](Call& call) { max_pool2d_forward(call.context, pool, call.in(x), call.out(y), call.out(index)); });
        return py::make_tuple(y.object, index.object);
      },
      py::arg("x"), py::arg("window"), py::arg("stride"), py::arg("padding"));
  module.def(
      "max_pool2d_backward",
      [](const FloatOperand& dy, const Operand<uint16_t>& index, const std::vector<int64_t>& input_shape, const Pair& window,
         const Pair& stride, const PaddingArgument& padding) {
        const Shape input = shape_of_tuple("max_pool2d_backward", "input_shape", "N, H, W, C", input_shape);
        const Pool2d pool = max_pool2d(input, window, stride, padding_of("max_pool2d", padding));
        check_shape("max_pool2d_backward", "dy", dy.shape(), output_of(pool));
        check_shape("max_pool2d_backward", "index", index.shape(), output_of(pool));
        const Place place = place_of(dy, index);
        Result<float> dx(place, input);
        run_call(place, [&](Call& call) { max_pool2d_backward(call.context, pool, call.in(dy), call.in(index), call.out(dx)); });
        return dx.object;
      },
      py::arg("dy"), py::arg("index"), py::arg("input_shape"), py::arg("window"), py::arg("stride"), py::arg("padding"));
  const auto average = [](const FloatOperand& x, const Pool2d& pool, const Shape& output) {
    const Place place = place_of(x);
    Result<float> y(place, output);
    run_call(place, [&](Call& call) { average_pool2d_forward(call.context, pool, call.in(x), call.out(y)); });
    return y.object;
  };
  const auto average_backward = [](const char* operation, const FloatOperand& dy, const Pool2d& pool, const Shape& output,
                                   const Shape& input) {
    check_shape(operation, "dy", dy.shape(), output);
    const Place place = place_of(dy);
    Result<float> dx(place, input);
    run_call(place, [&](Call& call) { average_pool2d_backward(call.context, pool, call.in(dy), call.out(dx)); });
    return dx.object;
  };
  module.def(
      "average_pool2d",
      [=](const FloatOperand& x, const Pair& window, const Pair& stride, const PaddingArgument& padding) {
        const Pool2d pool = average_pool2d(x.shape(), window, stride, padding_of("average_pool2d", padding));
        return average(x, pool, output_of(pool));
      },
      py::arg("x"), py::arg("window"), py::arg("stride"), py::arg("padding"));
  module.def(
      "average_pool2d_backward",
      [=](const FloatOperand& dy, const std::vector<int64_t>& input_shape, const Pair& window, const Pair& stride,
          const PaddingArgument& padding) {
        const Shape input = shape_of_tuple("average_pool2d_backward", "input_shape", "N, H, W, C", input_shape);
        const Pool2d pool = average_pool2d(input, window, stride, padding_of("average_pool2d", padding));
        return average_backward("average_pool2d_backward", dy, pool, output_of(pool), input);
      },
      py::arg("dy"), py::arg("input_shape"), py::arg("window"), py::arg("stride"), py::arg("padding"));
  module.def(
      "global_average_pool2d",
      [=](const FloatOperand& x) {
        const Pool2d pool = global_average_pool2d(x.shape());
        return average(x, pool, {pool.N, pool.C});
      },
      py::arg("x"));
  module.def(
      "global_average_pool2d_backward",
      [=](const FloatOperand& dy, const std::vector<int64_t>& input_shape) {
        const Shape input = shape_of_tuple("global_average_pool2d_backward", "input_shape", "N, H, W, C", input_shape);
        const Pool2d pool = global_average_pool2d(input);
        return average_backward("global_average_pool2d_backward", dy, pool, {pool.N, pool.C}, input);
      },
      py::arg("dy"), py::arg("input_shape"));
}

// A function of one array to another of its shape: work(call, x, y).
template <class Work>
py::object map_array(const FloatOperand& x, const Work& work, const Place& place) {
  Result<float> y(place, x.shape());
  run_call(place, [&](Call& call) { work(call, call.in(x), call.out(y)); });
  return y.object;
}

template <class Work>
py::object map_array(const FloatOperand& x, const Work& work) {
  return map_array(x, work, place_of(x));
}

// An activation and its gradient, `name` and `name`_backward: of x, and of dy and `from`, which is x or y. Both take the settings, whose
// names are given last, behind their arrays, and both functions of the core before them.
template <class... Settings, class Forward, class Backward, class... Names>
void add_activation(py::module_& module, const char* name, const char* from, Forward forward, Backward backward, const Names&... names) {
  module.def(
      name,
      [forward](const FloatOperand& x, Settings... settings) {
        return map_array(x, [&](Call& call, const float* in, float* out) { forward(call.context, x.size(), settings..., in, out); });
      },
      py::arg("x"), names...);
  const std::string gradient = std::string(name) + "_backward";
  module.def(
      gradient.c_str(),
      [gradient, from, backward](const FloatOperand& dy, const FloatOperand& other, Settings... settings) {
        check_shape(gradient.c_str(), from, other.shape(), dy.shape());
        return map_array(
            dy, [&](Call& call, const float* in, float* out) { backward(call.context, dy.size(), settings..., in, call.in(other), out); },
            place_of(dy, other));
      },
      py::arg("dy"), py::arg(from), names...);
}

void add_activations(py::module_& module) {
  add_activation<>(module, "relu", "y", relu_forward, relu_backward);
  add_activation<>(module, "sigmoid", "y", sigmoid_forward, sigmoid_backward);
  add_activation<>(module, "silu", "x", silu_forward, silu_backward);
  add_activation<bool>(module, "gelu", "x", gelu_forward, gelu_backward, py::arg("approximate"));
  add_activation<double>(module, "leaky_relu", "y", leaky_relu_forward, leaky_relu_backward, py::arg("negative_slope"));
  add_activation<double, double, double>(
      module, "bounded_relu", "x",
      [](Context& context, int64_t n, double slope, double highest, double threshold, const float* x, float* y) {
        bounded_relu_forward(context, n, bounded_relu(slope, highest, threshold), x, y);
      },
      [](Context& context, int64_t n, double slope, double highest, double threshold, const float* dy, const float* x, float* dx) {
        bounded_relu_backward(context, n, bounded_relu(slope, highest, threshold), dy, x, dx);
      },
      py::arg("negative_slope"), py::arg("max_value"), py::arg("threshold"));
}

void add_elementwise(py::module_& module) {
  module.def(
      "rescale",
      [](const FloatOperand& x, float scale, float offset) {
        return map_array(x, [&](Call& call, const float* from, float* to) { rescale(call.context, x.size(), from, scale, offset, to); });
      },
      py::arg("x"), py::arg("scale"), py::arg("offset"));
  module.def(
      "dropout",
      [](const FloatOperand& x, double rate, uint64_t seed, uint64_t step, uint32_t purpose) {
        return map_array(
            x, [&](Call& call, const float* from, float* to) { dropout(call.context, x.size(), from, rate, {seed, step, purpose}, to); });
      },
      py::arg("x"), py::arg("rate"), py::arg("seed"), py::arg("step"), py::arg("purpose"));
  module.def(
      "spatial_dropout",
      [](const FloatOperand& x, double rate, uint64_t seed, uint64_t step, uint32_t purpose) {
        const Shape& shape = x.shape();
        if (shape.rank() != 4) reject("spatial_dropout", "x must have shape (N, H, W, C), but has shape ", shape.str());
        return map_array(x, [&](Call& call, const float* from, float* to) {
          spatial_dropout(call.context, shape[0], shape[1] * shape[2], shape[3], from, rate, {seed, step, purpose}, to);
        });
      },
      py::arg("x"), py::arg("rate"), py::arg("seed"), py::arg("step"), py::arg("purpose"));
}

// The number of rows and the length of one, for an operation over the last axis.
std::pair<int64_t, int64_t> rows_of(const char* operation, const FloatOperand& x) {
  if (x.shape().rank() < 1) reject(operation, "x must have at least one axis, but has shape ", x.shape().str());
  const int64_t K = x.shape()[x.shape().rank() - 1];
  return {K > 0 ? x.size() / K : 0, K};
}

void add_softmax(py::module_& module) {
  module.def(
      "softmax",
      [](const FloatOperand& x) {
        const auto [rows, K] = rows_of("softmax", x);
        return map_array(
            x, [rows = rows, K = K](Call& call, const float* from, float* to) { softmax_forward(call.context, rows, K, from, to); });
      },
      py::arg("x"));
  module.def(
      "softmax_backward",
      [](const FloatOperand& dy, const FloatOperand& y) {
        const auto [rows, K] = rows_of("softmax_backward", dy);
        check_shape("softmax_backward", "y", y.shape(), dy.shape());
        return map_array(
            dy,
            [&, rows = rows, K = K](Call& call, const float* from, float* to) {
              softmax_backward(call.context, rows, K, from, call.in(y), to);
            },
            place_of(dy, y));
      },
      py::arg("dy"), py::arg("y"));
}

}  // namespace

void add_operations(py::module_& module) {
  add_convolutions(module);
  add_pooling(module);
  add_activations(module);
  add_spatial(module);
  add_elementwise(module);
  add_softmax(module);
  add_normalization(module);
  add_training(module);
  add_augmentation(module);
}

}  // namespace fastcnn::bindings
