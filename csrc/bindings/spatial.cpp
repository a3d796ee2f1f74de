// Operations on images channel by channel, on arrays, for ops/: padding, cropping and enlarging.
#include "bindings/module.h"
#include "bindings/operands.h"
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

}  // namespace

void add_spatial(py::module_& module) {
  add_frames(module);
  add_upsample2d(module);
}

}  // namespace fastcnn::bindings
