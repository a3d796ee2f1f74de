// conv2d, alone and fused, and dense on arrays, for ops/.
#include "bindings/module.h"
#include "bindings/operands.h"
#include "ops/conv2d.h"
#include "ops/conv2d_relu_max_pool2d.h"
#include "ops/dense.h"
#include "ops/softmax.h"

namespace fastcnn::bindings {
namespace {

Shape output_of(const Conv2d& conv) { return {conv.N, conv.window.P, conv.window.Q, conv.K}; }

Conv2d check_conv2d(const FloatOperand& x, const FloatOperand& w, const OptionalFloats& b, const Pair& stride,
                    const PaddingArgument& padding) {
  const Shape bias = b ? b->shape() : Shape{};
  return conv2d(x.shape(), w.shape(), b ? &bias : nullptr, stride, padding_of("conv2d", padding));
}

Conv2d check_dense(const char* operation, const FloatOperand& x, const FloatOperand& w, const OptionalFloats& b) {
  const Shape bias = b ? b->shape() : Shape{};
  return dense(operation, x.shape(), w.shape(), b ? &bias : nullptr);
}

void add_conv2d(py::module_& module) {
  module.def(
      "conv2d",
      [](const FloatOperand& x, const FloatOperand& w, const OptionalFloats& b, const Pair& stride, const PaddingArgument& padding) {
        const Conv2d conv = check_conv2d(x, w, b, stride, padding);
        const Place place = place_of(x, w, b);
        Result<float> y(place, output_of(conv));
        run_call(place, [&](Call& call) { conv2d_fprop(call.context, conv, call.in(x), {call.in(w)}, call.in(b), call.out(y)); });
        return y.object;
      },
      py::arg("x"), py::arg("w"), py::arg("b"), py::arg("stride"), py::arg("padding"));
  // The two halves of ops.conv2d_backward, apart, since benchmarks time them apart.
  module.def(
      "conv2d_dgrad",
      [](const FloatOperand& dy, const FloatOperand& w, const std::vector<int64_t>& input_shape, const Pair& stride,
         const PaddingArgument& padding) {
        const Shape input = shape_of_tuple("conv2d_backward", "input_shape", "N, H, W, C", input_shape);
        const Conv2d conv = conv2d(input, w.shape(), nullptr, stride, padding_of("conv2d", padding));
        check_shape("conv2d_backward", "dy", dy.shape(), output_of(conv));
        const Place place = place_of(dy, w);
        Result<float> dx(place, input);
        run_call(place, [&](Call& call) { conv2d_dgrad(call.context, conv, call.in(dy), call.in(w), call.out(dx)); });
        return dx.object;
      },
      py::arg("dy"), py::arg("w"), py::arg("input_shape"), py::arg("stride"), py::arg("padding"));
  module.def(
      "conv2d_wgrad",
      [](const FloatOperand& x, const FloatOperand& dy, const std::vector<int64_t>& filter_shape, const Pair& stride,
         const PaddingArgument& padding) {
        const Shape filter = shape_of_tuple("conv2d_backward", "filter_shape", "R, S, C, K", filter_shape);
        const Conv2d conv = conv2d(x.shape(), filter, nullptr, stride, padding_of("conv2d", padding));
        check_shape("conv2d_backward", "dy", dy.shape(), output_of(conv));
        const Place place = place_of(x, dy);
        Result<float> dw(place, filter), db(place, {conv.K});
        run_call(place, [&](Call& call) { conv2d_wgrad(call.context, conv, call.in(x), call.in(dy), call.out(dw), call.out(db)); });
        return py::make_tuple(dw.object, db.object);
      },
      py::arg("x"), py::arg("dy"), py::arg("filter_shape"), py::arg("stride"), py::arg("padding"));
}

Conv2dReluMaxPool2d check_fused(const Shape& x, const Shape& w, const Shape* b, const Pair& stride, const PaddingArgument& padding,
                                const Pair& pool_window, const Pair& pool_stride, const PaddingArgument& pool_padding) {
  const Conv2d conv = conv2d(x, w, b, stride, padding_of("conv2d", padding));
  return conv2d_relu_max_pool2d(conv, pool_window, pool_stride, padding_of("max_pool2d", pool_padding));
}

// Of an index that lies on a GPU nothing is checked: the kernels there ask what it says, and never go where it points.
void check_index(const Conv2dReluMaxPool2d& op, const Operand<uint8_t>& index) {
  if (index.tensor() == nullptr || index.tensor()->device().is_cpu()) fastcnn::check_index(op, index.data());
}

Shape output_of(const Conv2dReluMaxPool2d& op) { return {op.conv.N, op.pool.P, op.pool.Q, op.conv.K}; }

void add_conv2d_relu_max_pool2d(py::module_& module) {
  module.def(
      "conv2d_relu_max_pool2d",
      [](const FloatOperand& x, const FloatOperand& w, const OptionalFloats& b, const Pair& stride, const PaddingArgument& padding,
         const Pair& pool_window, const Pair& pool_stride, const PaddingArgument& pool_padding) {
        const Shape bias = b ? b->shape() : Shape{};
        const Conv2dReluMaxPool2d op =
            check_fused(x.shape(), w.shape(), b ? &bias : nullptr, stride, padding, pool_window, pool_stride, pool_padding);
        const Place place = place_of(x, w, b);
        Result<float> y(place, output_of(op));
        Result<uint8_t> index(place, output_of(op));
        run_call(place, [&](Call& call) {
          conv2d_relu_max_pool2d_fprop(call.context, op, call.in(x), {call.in(w)}, call.in(b), call.out(y), call.out(index));
        });
        return py::make_tuple(y.object, index.object);
      },
      py::arg("x"), py::arg("w"), py::arg("b"), py::arg("stride"), py::arg("padding"), py::arg("pool_window"), py::arg("pool_stride"),
      py::arg("pool_padding"));
  module.def(
      "conv2d_relu_max_pool2d_dgrad",
      [](const FloatOperand& dy, const Operand<uint8_t>& index, const FloatOperand& w, const std::vector<int64_t>& input_shape,
         const Pair& stride, const PaddingArgument& padding, const Pair& pool_window, const Pair& pool_stride,
         const PaddingArgument& pool_padding) {
        const char* operation = "conv2d_relu_max_pool2d_backward";
        const Shape input = shape_of_tuple(operation, "input_shape", "N, H, W, C", input_shape);
        const Conv2dReluMaxPool2d op = check_fused(input, w.shape(), nullptr, stride, padding, pool_window, pool_stride, pool_padding);
        check_shape(operation, "dy", dy.shape(), output_of(op));
        check_shape(operation, "index", index.shape(), output_of(op));
        const Place place = place_of(dy, index, w);
        Result<float> dx(place, input);
        run_call(place, [&](Call& call) {
          check_index(op, index);
          conv2d_relu_max_pool2d_dgrad(call.context, op, call.in(dy), call.in(index), call.in(w), call.out(dx));
        });
        return dx.object;
      },
      py::arg("dy"), py::arg("index"), py::arg("w"), py::arg("input_shape"), py::arg("stride"), py::arg("padding"), py::arg("pool_window"),
      py::arg("pool_stride"), py::arg("pool_padding"));
  module.def(
      "conv2d_relu_max_pool2d_wgrad",
      [](const FloatOperand& x, const FloatOperand& dy, const Operand<uint8_t>& index, const std::vector<int64_t>& filter_shape,
         const Pair& stride, const PaddingArgument& padding, const Pair& pool_window, const Pair& pool_stride,
         const PaddingArgument& pool_padding) {
        const char* operation = "conv2d_relu_max_pool2d_backward";
        const Shape filter = shape_of_tuple(operation, "filter_shape", "R, S, C, K", filter_shape);
        const Conv2dReluMaxPool2d op = check_fused(x.shape(), filter, nullptr, stride, padding, pool_window, pool_stride, pool_padding);
        check_shape(operation, "dy", dy.shape(), output_of(op));
        check_shape(operation, "index", index.shape(), output_of(op));
        const Place place = place_of(x, dy, index);
        Result<float> dw(place, filter), db(place, {op.conv.K});
        run_call(place, [&](Call& call) {
          check_index(op, index);
          conv2d_relu_max_pool2d_wgrad(call.context, op, call.in(x), call.in(dy), call.in(index), call.out(dw), call.out(db));
        });
        return py::make_tuple(dw.object, db.object);
      },
      py::arg("x"), py::arg("dy"), py::arg("index"), py::arg("filter_shape"), py::arg("stride"), py::arg("padding"), py::arg("pool_window"),
      py::arg("pool_stride"), py::arg("pool_padding"));
}

void add_dense(py::module_& module) {
  module.def(
      "dense",
      [](const FloatOperand& x, const FloatOperand& w, const OptionalFloats& b) {
        const Conv2d conv = check_dense("dense", x, w, b);
        const Place place = place_of(x, w, b);
        Result<float> y(place, {conv.N, conv.K});
        run_call(place, [&](Call& call) { conv2d_fprop(call.context, conv, call.in(x), {call.in(w)}, call.in(b), call.out(y)); });
        return y.object;
      },
      py::arg("x"), py::arg("w"), py::arg("b"));
  module.def(
      "dense_backward",
      [](const FloatOperand& dy, const FloatOperand& x, const FloatOperand& w) {
        const Conv2d conv = check_dense("dense_backward", x, w, std::nullopt);
        check_shape("dense_backward", "dy", dy.shape(), {conv.N, conv.K});
        const Place place = place_of(dy, x, w);
        Result<float> dx(place, {conv.N, conv.C}), dw(place, {conv.C, conv.K}), db(place, {conv.K});
        run_call(place, [&](Call& call) {
          const float* gradient = call.in(dy);
          conv2d_dgrad(call.context, conv, gradient, call.in(w), call.out(dx));
          conv2d_wgrad(call.context, conv, call.in(x), gradient, call.out(dw), call.out(db));
        });
        return py::make_tuple(dx.object, dw.object, db.object);
      },
      py::arg("dy"), py::arg("x"), py::arg("w"));
  module.def(
      "dense_softmax",
      [](const FloatOperand& x, const FloatOperand& w, const OptionalFloats& b) {
        const Conv2d conv = check_dense("dense_softmax", x, w, b);
        const Place place = place_of(x, w, b);
        Result<float> y(place, {conv.N, conv.K});
        run_call(place, [&](Call& call) { dense_softmax(call.context, conv, call.in(x), call.in(w), call.in(b), call.out(y)); });
        return y.object;
      },
      py::arg("x"), py::arg("w"), py::arg("b"));
}

}  // namespace

void add_convolutions(py::module_& module) {
  add_conv2d(module);
  add_conv2d_relu_max_pool2d(module);
  add_dense(module);
}

}  // namespace fastcnn::bindings
