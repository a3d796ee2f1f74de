// Operations on images channel by channel, on arrays, for ops/: padding, cropping, enlarging, and the depthwise convolution.
#include "bindings/module.h"
#include "bindings/operands.h"
#include "ops/depthwise_conv2d.h"
#include "ops/pad2d.h"
#include "ops/upsample2d.h"

namespace fastcnn::bindings {
namespace {

using Amounts = std::array<int64_t, 4>;

// work(call, from, to) from `x` to a new array.
template <class Work>
py::object map_to(const Shape& shape, const FloatOperand& x, const Work& work) {
  const Place place = place_of(x);
  Result<float> y(place, shape);
  run_call(place, [&](Call& call) { work(call.context, call.in(x), call.out(y)); });
  return y.object;
}

void add_frames(py::module_& module) {
  module.def(
      "pad2d",
      [](const FloatOperand& x, const Amounts& padding) {
        const Frame2d frame = pad2d(x.shape(), padding);
        return map_to({frame.N, frame.P, frame.Q, frame.C}, x,
                      [&](Context& context, const float* from, float* to) { put_in_frames(context, frame, from, to); });
      },
      py::arg("x"), py::arg("padding"));
  module.def(
      "crop2d",
      [](const FloatOperand& x, const Amounts& cropping) {
        const Frame2d frame = crop2d(x.shape(), cropping);
        return map_to({frame.N, frame.H, frame.W, frame.C}, x,
                      [&](Context& context, const float* from, float* to) { take_from_frames(context, frame, from, to); });
      },
      py::arg("x"), py::arg("cropping"));
}

void add_upsample2d(py::module_& module) {
  module.def(
      "upsample2d",
      [](const FloatOperand& x, const Pair& size, const std::string& interpolation) {
        const Upsample2d op = upsample2d(x.shape(), size, interpolation.c_str());
        return map_to({op.N, op.H * op.size_h, op.W * op.size_w, op.C}, x,
                      [&](Context& context, const float* from, float* to) { upsample2d_forward(context, op, from, to); });
      },
      py::arg("x"), py::arg("size"), py::arg("interpolation"));
  module.def(
      "upsample2d_backward",
      [](const FloatOperand& dy, const Pair& size, const std::string& interpolation) {
        const Upsample2d op = upsample2d_backward(dy.shape(), size, interpolation.c_str());
        return map_to({op.N, op.H, op.W, op.C}, dy,
                      [&](Context& context, const float* from, float* to) { upsample2d_backward(context, op, from, to); });
      },
      py::arg("dy"), py::arg("size"), py::arg("interpolation"));
}

Shape output_of(const DepthwiseConv2d& conv) { return {conv.N, conv.window.P, conv.window.Q, conv.C * conv.M}; }

void add_depthwise_conv2d(py::module_& module) {
  module.def(
      "depthwise_conv2d",
      [](const FloatOperand& x, const FloatOperand& w, const OptionalFloats& b, const Pair& stride, const PaddingArgument& padding) {
        const Shape bias = b ? b->shape() : Shape{};
        const DepthwiseConv2d conv =
            depthwise_conv2d(x.shape(), w.shape(), b ? &bias : nullptr, stride, padding_of("depthwise_conv2d", padding));
        const Place place = place_of(x, w, b);
        Result<float> y(place, output_of(conv));
        run_call(place, [&](Call& call) { depthwise_conv2d_fprop(call.context, conv, call.in(x), call.in(w), call.in(b), call.out(y)); });
        return y.object;
      },
      py::arg("x"), py::arg("w"), py::arg("b"), py::arg("stride"), py::arg("padding"));
  // The two halves of ops.depthwise_conv2d_backward, apart, since benchmarks time them apart.
  module.def(
      "depthwise_conv2d_dgrad",
      [](const FloatOperand& dy, const FloatOperand& w, const std::vector<int64_t>& input_shape, const Pair& stride,
         const PaddingArgument& padding) {
        const char* const operation = "depthwise_conv2d_backward";
        const Shape input = shape_of_tuple(operation, "input_shape", "N, H, W, C", input_shape);
        const DepthwiseConv2d conv = depthwise_conv2d(input, w.shape(), nullptr, stride, padding_of("depthwise_conv2d", padding));
        check_shape(operation, "dy", dy.shape(), output_of(conv));
        const Place place = place_of(dy, w);
        Result<float> dx(place, input);
        run_call(place, [&](Call& call) { depthwise_conv2d_dgrad(call.context, conv, call.in(dy), call.in(w), call.out(dx)); });
        return dx.object;
      },
      py::arg("dy"), py::arg("w"), py::arg("input_shape"), py::arg("stride"), py::arg("padding"));
  module.def(
      "depthwise_conv2d_wgrad",
      [](const FloatOperand& x, const FloatOperand& dy, const std::vector<int64_t>& filter_shape, const Pair& stride,
         const PaddingArgument& padding) {
        const char* const operation = "depthwise_conv2d_backward";
        const Shape filter = shape_of_tuple(operation, "filter_shape", "R, S, C, M", filter_shape);
        const DepthwiseConv2d conv = depthwise_conv2d(x.shape(), filter, nullptr, stride, padding_of("depthwise_conv2d", padding));
        check_shape(operation, "dy", dy.shape(), output_of(conv));
        const Place place = place_of(x, dy);
        Result<float> dw(place, filter), db(place, {conv.C * conv.M});
        run_call(place,
                 [&](Call& call) { depthwise_conv2d_wgrad(call.context, conv, call.in(x), call.in(dy), call.out(dw), call.out(db)); });
        return py::make_tuple(dw.object, db.object);
      },
      py::arg("x"), py::arg("dy"), py::arg("filter_shape"), py::arg("stride"), py::arg("padding"));
}

}  // namespace

void add_spatial(py::module_& module) {
  add_frames(module);
  add_upsample2d(module);
  add_depthwise_conv2d(module);
}

}  // namespace fastcnn::bindings
