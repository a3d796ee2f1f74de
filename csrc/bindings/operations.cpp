// The operations on arrays, for ops/ (convolutions.cpp has the matrix products, normalization.cpp batch_norm, training.cpp the losses and optimizers): shapes are
// checked by the operations themselves, results allocated here.
#include "bindings/module.h"
#include "bindings/operands.h"
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

void add_elementwise(py::module_& module) {
  module.def(
      "sigmoid",
      [](const FloatOperand& x) {
        return map_array(x, [&](Call& call, const float* from, float* to) { sigmoid_forward(call.context, x.size(), from, to); });
      },
      py::arg("x"));
  module.def(
      "sigmoid_backward",
      [](const FloatOperand& dy, const FloatOperand& y) {
        check_shape("sigmoid_backward", "y", y.shape(), dy.shape());
        return map_array(
            dy, [&](Call& call, const float* from, float* to) { sigmoid_backward(call.context, dy.size(), from, call.in(y), to); },
            place_of(dy, y));
      },
      py::arg("dy"), py::arg("y"));
  module.def(
      "relu",
      [](const FloatOperand& x) {
        return map_array(x, [&](Call& call, const float* from, float* to) { relu_forward(call.context, x.size(), from, to); });
      },
      py::arg("x"));
  module.def(
      "relu_backward",
      [](const FloatOperand& dy, const FloatOperand& y) {
        check_shape("relu_backward", "y", y.shape(), dy.shape());
        return map_array(
            dy, [&](Call& call, const float* from, float* to) { relu_backward(call.context, dy.size(), from, call.in(y), to); },
            place_of(dy, y));
      },
      py::arg("dy"), py::arg("y"));
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
  add_elementwise(module);
  add_softmax(module);
  add_normalization(module);
  add_training(module);
}

}  // namespace fastcnn::bindings
