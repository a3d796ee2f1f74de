// conv2d, alone and fused, and dense on arrays, for ops.py.
#include "bindings/module.h"
#include "bindings/operands.h"
#include "ops/conv2d.h"
#include "ops/conv2d_relu_max_pool2d.h"
#include "ops/dense.h"
#include "ops/softmax.h"

namespace fastcnn::bindings {
namespace {

Shape output_of(const Conv2d& conv) { return {conv.N, conv.window.P, conv.window.Q, conv.K}; }

Conv2d check_conv2d(const Floats& x, const Floats& w, const std::optional<Floats>& b, const Pair& stride, const PaddingArgument& padding) {
  const Shape bias = b ? shape_of("conv2d", *b) : Shape{};
  return conv2d(shape_of("conv2d", x), shape_of("conv2d", w), b ? &bias : nullptr, stride, padding_of("conv2d", padding));
}

Conv2d check_dense(const char* operation, const Floats& x, const Floats& w, const std::optional<Floats>& b) {
  const Shape bias = b ? shape_of(operation, *b) : Shape{};
  return dense(operation, shape_of(operation, x), shape_of(operation, w), b ? &bias : nullptr);
}

void add_conv2d(py::module_& module) {
  module.def(
      "conv2d",
      [](const Floats& x, const Floats& w, const std::optional<Floats>& b, const Pair& stride, const PaddingArgument& padding) {
        const Conv2d conv = check_conv2d(x, w, b, stride, padding);
        Floats y = new_array<float>(output_of(conv));
        float* const to = y.mutable_data();
        run_call([&](Call& call) { conv2d_fprop(call.context, conv, call.in(x), call.in(w), call.in(b), call.out(to, y.size())); });
        return y;
      },
      py::arg("x"), py::arg("w"), py::arg("b"), py::arg("stride"), py::arg("padding"));
  // The two halves of ops.conv2d_backward, apart, since benchmarks time them apart.
  module.def(
      "conv2d_dgrad",
      [](const Floats& dy, const Floats& w, const std::vector<int64_t>& input_shape, const Pair& stride, const PaddingArgument& padding) {
        const Shape input = shape_of_tuple("conv2d_backward", "input_shape", "N, H, W, C", input_shape);
        const Conv2d conv = conv2d(input, shape_of("conv2d_backward", w), nullptr, stride, padding_of("conv2d", padding));
        check_shape("conv2d_backward", "dy", shape_of("conv2d_backward", dy), output_of(conv));
        Floats dx = new_array<float>(input);
        float* const to = dx.mutable_data();
        run_call([&](Call& call) { conv2d_dgrad(call.context, conv, call.in(dy), call.in(w), call.out(to, dx.size())); });
        return dx;
      },
      py::arg("dy"), py::arg("w"), py::arg("input_shape"), py::arg("stride"), py::arg("padding"));
  module.def(
      "conv2d_wgrad",
      [](const Floats& x, const Floats& dy, const std::vector<int64_t>& filter_shape, const Pair& stride, const PaddingArgument& padding) {
        const Shape filter = shape_of_tuple("conv2d_backward", "filter_shape", "R, S, C, K", filter_shape);
        const Conv2d conv = conv2d(shape_of("conv2d_backward", x), filter, nullptr, stride, padding_of("conv2d", padding));
        check_shape("conv2d_backward", "dy", shape_of("conv2d_backward", dy), output_of(conv));
        Floats dw = new_array<float>(filter), db = new_array<float>({conv.K});
        float *const to_dw = dw.mutable_data(), *const to_db = db.mutable_data();
        run_call([&](Call& call) {
          conv2d_wgrad(call.context, conv, call.in(x), call.in(dy), call.out(to_dw, dw.size()), call.out(to_db, db.size()));
        });
        return py::make_tuple(dw, db);
      },
      py::arg("x"), py::arg("dy"), py::arg("filter_shape"), py::arg("stride"), py::arg("padding"));
}

Conv2dReluMaxPool2d check_fused(const Shape& x, const Shape& w, const Shape* b, const Pair& stride, const PaddingArgument& padding,
                                const Pair& pool_window, const Pair& pool_stride, const PaddingArgument& pool_padding) {
  const Conv2d conv = conv2d(x, w, b, stride, padding_of("conv2d", padding));
  return conv2d_relu_max_pool2d(conv, pool_window, pool_stride, padding_of("max_pool2d", pool_padding));
}

Shape output_of(const Conv2dReluMaxPool2d& op) { return {op.conv.N, op.pool.P, op.pool.Q, op.conv.K}; }

void add_conv2d_relu_max_pool2d(py::module_& module) {
  module.def(
      "conv2d_relu_max_pool2d",
      [](const Floats& x, const Floats& w, const std::optional<Floats>& b, const Pair& stride, const PaddingArgument& padding,
         const Pair& pool_window, const Pair& pool_stride, const PaddingArgument& pool_padding) {
        const Shape bias = b ? shape_of("conv2d", *b) : Shape{};
        const Conv2dReluMaxPool2d op = check_fused(shape_of("conv2d", x), shape_of("conv2d", w), b ? &bias : nullptr, stride, padding,
                                                   pool_window, pool_stride, pool_padding);
        Floats y = new_array<float>(output_of(op));
        Array<uint8_t> index = new_array<uint8_t>(output_of(op));
        float* const to = y.mutable_data();
        uint8_t* const to_index = index.mutable_data();
        run_call([&](Call& call) {
          conv2d_relu_max_pool2d_fprop(call.context, op, call.in(x), call.in(w), call.in(b), call.out(to, y.size()),
                                       call.out(to_index, index.size()));
        });
        return py::make_tuple(y, index);
      },
      py::arg("x"), py::arg("w"), py::arg("b"), py::arg("stride"), py::arg("padding"), py::arg("pool_window"), py::arg("pool_stride"),
      py::arg("pool_padding"));
  module.def(
      "conv2d_relu_max_pool2d_dgrad",
      [](const Floats& dy, const Array<uint8_t>& index, const Floats& w, const std::vector<int64_t>& input_shape, const Pair& stride,
         const PaddingArgument& padding, const Pair& pool_window, const Pair& pool_stride, const PaddingArgument& pool_padding) {
        const char* operation = "conv2d_relu_max_pool2d_backward";
        const Shape input = shape_of_tuple(operation, "input_shape", "N, H, W, C", input_shape);
        const Conv2dReluMaxPool2d op =
            check_fused(input, shape_of(operation, w), nullptr, stride, padding, pool_window, pool_stride, pool_padding);
        check_shape(operation, "dy", shape_of(operation, dy), output_of(op));
        check_shape(operation, "index", shape_of(operation, index), output_of(op));
        Floats dx = new_array<float>(input);
        float* const to = dx.mutable_data();
        run_call([&](Call& call) {
          check_index(op, index.data());
          conv2d_relu_max_pool2d_dgrad(call.context, op, call.in(dy), call.in(index), call.in(w), call.out(to, dx.size()));
        });
        return dx;
      },
      py::arg("dy"), py::arg("index"), py::arg("w"), py::arg("input_shape"), py::arg("stride"), py::arg("padding"), py::arg("pool_window"),
      py::arg("pool_stride"), py::arg("pool_padding"));
  module.def(
      "conv2d_relu_max_pool2d_wgrad",
      [](const Floats& x, const Floats& dy, const Array<uint8_t>& index, const std::vector<int64_t>& filter_shape, const Pair& stride,
         const PaddingArgument& padding, const Pair& pool_window, const Pair& pool_stride, const PaddingArgument& pool_padding) {
        const char* operation = "conv2d_relu_max_pool2d_backward";
        const Shape filter = shape_of_tuple(operation, "filter_shape", "R, S, C, K", filter_shape);
        const Conv2dReluMaxPool2d op =
            check_fused(shape_of(operation, x), filter, nullptr, stride, padding, pool_window, pool_stride, pool_padding);
        check_shape(operation, "dy", shape_of(operation, dy), output_of(op));
        check_shape(operation, "index", shape_of(operation, index), output_of(op));
        Floats dw = new_array<float>(filter), db = new_array<float>({op.conv.K});
        float *const to_dw = dw.mutable_data(), *const to_db = db.mutable_data();
        run_call([&](Call& call) {
          check_index(op, index.data());
          conv2d_relu_max_pool2d_wgrad(call.context, op, call.in(x), call.in(dy), call.in(index), call.out(to_dw, dw.size()),
                                       call.out(to_db, db.size()));
        });
        return py::make_tuple(dw, db);
      },
      py::arg("x"), py::arg("dy"), py::arg("index"), py::arg("filter_shape"), py::arg("stride"), py::arg("padding"), py::arg("pool_window"),
      py::arg("pool_stride"), py::arg("pool_padding"));
}

void add_dense(py::module_& module) {
  module.def(
      "dense",
      [](const Floats& x, const Floats& w, const std::optional<Floats>& b) {
        const Conv2d conv = check_dense("dense", x, w, b);
        Floats y = new_array<float>({conv.N, conv.K});
        float* const to = y.mutable_data();
        run_call([&](Call& call) { conv2d_fprop(call.context, conv, call.in(x), call.in(w), call.in(b), call.out(to, y.size())); });
        return y;
      },
      py::arg("x"), py::arg("w"), py::arg("b"));
  module.def(
      "dense_backward",
      [](const Floats& dy, const Floats& x, const Floats& w) {
        const Conv2d conv = check_dense("dense_backward", x, w, std::nullopt);
        check_shape("dense_backward", "dy", shape_of("dense_backward", dy), {conv.N, conv.K});
        Floats dx = new_array<float>({conv.N, conv.C}), dw = new_array<float>({conv.C, conv.K}), db = new_array<float>({conv.K});
        float *const to_dx = dx.mutable_data(), *const to_dw = dw.mutable_data(), *const to_db = db.mutable_data();
        run_call([&](Call& call) {
          const float* gradient = call.in(dy);
          conv2d_dgrad(call.context, conv, gradient, call.in(w), call.out(to_dx, dx.size()));
          conv2d_wgrad(call.context, conv, call.in(x), gradient, call.out(to_dw, dw.size()), call.out(to_db, db.size()));
        });
        return py::make_tuple(dx, dw, db);
      },
      py::arg("dy"), py::arg("x"), py::arg("w"));
  module.def(
      "dense_softmax",
      [](const Floats& x, const Floats& w, const std::optional<Floats>& b) {
        const Conv2d conv = check_dense("dense_softmax", x, w, b);
        Floats y = new_array<float>({conv.N, conv.K});
        float* const to = y.mutable_data();
        run_call([&](Call& call) { dense_softmax(call.context, conv, call.in(x), call.in(w), call.in(b), call.out(to, y.size())); });
        return y;
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
