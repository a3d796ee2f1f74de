// Pictures changed at random, on arrays (ops/augmentation.h): the numbers of each image, and what becomes of it by them.
#include "ops/augmentation.h"

#include "bindings/module.h"
#include "bindings/operands.h"
#include "ops/mix.h"

namespace fastcnn::bindings {
namespace {

Draws draws_of(const std::vector<double>& low, const std::vector<double>& high) {
  if (low.size() != high.size() || low.empty() || low.size() > static_cast<size_t>(most_numbers))
    reject("draw_uniform", "low and high must have as many numbers, 1 to ", most_numbers, ", but have ", low.size(), " and ", high.size());
  Draws draws{static_cast<int>(low.size()), {}, {}};
  std::copy(low.begin(), low.end(), draws.low);
  std::copy(high.begin(), high.end(), draws.high);
  return draws;
}

// x to a new array of that shape, by k numbers for each image: change(context, x, numbers, y).
template <class Change>
py::object changed(const char* operation, const FloatOperand& x, const FloatOperand& numbers, int64_t k, const Shape& shape,
                   const Change& change) {
  check_shape(operation, "numbers", numbers.shape(), {x.shape()[0], k});
  const Place place = place_of(x, numbers);
  Result<float> y(place, shape);
  run_call(place, [&](Call& call) { change(call.context, call.in(x), call.in(numbers), call.out(y)); });
  return y.object;
}

void add_geometry(py::module_& module) {
  module.def(
      "flip",
      [](const FloatOperand& x, const FloatOperand& numbers, const std::string& mode) {
        const Flip sizes = flip_of(x.shape(), mode.c_str());
        return changed("flip", x, numbers, 1, x.shape(),
                       [&](Context& context, const float* from, const float* given, float* to) { flip(context, sizes, from, given, to); });
      },
      py::arg("x"), py::arg("numbers"), py::arg("mode"));
  module.def(
      "crop",
      [](const FloatOperand& x, const FloatOperand& numbers, const Pair& size, int64_t padding, const std::string& fill_mode,
         double fill_value) {
        const Crop sizes = crop_of(x.shape(), size[0], size[1], padding, fill_of("crop", fill_mode.c_str(), fill_value));
        const Shape shape = {sizes.images.N, sizes.P, sizes.Q, sizes.images.C};
        return changed("crop", x, numbers, 2, shape,
                       [&](Context& context, const float* from, const float* given, float* to) { crop(context, sizes, from, given, to); });
      },
      py::arg("x"), py::arg("numbers"), py::arg("size"), py::arg("padding"), py::arg("fill_mode"), py::arg("fill_value"));
  const auto add_motion = [&](const char* name, Motion motion) {
    module.def(
        name,
        [name, motion](const FloatOperand& x, const FloatOperand& numbers, const std::string& interpolation, const std::string& fill_mode,
                       double fill_value) {
          const int64_t k = motion == Motion::translate                 ? 2
                            : motion == Motion::rotate                  ? 1
                            : numbers.shape() == Shape{x.shape()[0], 1} ? 1
                                                                        : 2;
          const Resampling sizes =
              resampling_of(name, x.shape(), motion, k, interpolation.c_str(), fill_of(name, fill_mode.c_str(), fill_value));
          return changed(name, x, numbers, k, x.shape(), [&](Context& context, const float* from, const float* given, float* to) {
            resample(context, sizes, from, given, to);
          });
        },
        py::arg("x"), py::arg("numbers"), py::arg("interpolation"), py::arg("fill_mode"), py::arg("fill_value"));
  };
  add_motion("translate", Motion::translate);
  add_motion("rotate", Motion::rotate);
  add_motion("zoom", Motion::zoom);
}

using Adjustment = void (*)(Context&, const Images&, const ValueRange&, const float* x, const float* numbers, float* y);

void add_colour(py::module_& module) {
  const auto add_adjustment = [&](const char* name, Adjustment adjust) {
    module.def(
        name,
        [name, adjust](const FloatOperand& x, const FloatOperand& numbers, float low, float high) {
          const Images images = adjust == &adjust_saturation ? saturable(x.shape()) : images_of(name, x.shape());
          const ValueRange range = value_range(name, low, high);
          return changed(name, x, numbers, 1, x.shape(), [&](Context& context, const float* from, const float* given, float* to) {
            adjust(context, images, range, from, given, to);
          });
        },
        py::arg("x"), py::arg("numbers"), py::arg("low"), py::arg("high"));
  };
  add_adjustment("adjust_brightness", adjust_brightness);
  add_adjustment("adjust_contrast", adjust_contrast);
  add_adjustment("adjust_saturation", adjust_saturation);
  module.def(
      "erase",
      [](const FloatOperand& x, const FloatOperand& numbers, std::optional<float> fill_value, float low, float high, uint64_t seed,
         uint64_t step, uint32_t purpose) {
        const Erasing sizes{images_of("erase", x.shape()), !fill_value.has_value(), fill_value.value_or(0.0f),
                            value_range("erase", low, high)};
        const RandomKey noise{seed, step, noise_purpose(purpose)};
        return changed("erase", x, numbers, 6, x.shape(), [&](Context& context, const float* from, const float* given, float* to) {
          erase(context, sizes, from, given, noise, to);
        });
      },
      py::arg("x"), py::arg("numbers"), py::arg("fill_value"), py::arg("low"), py::arg("high"), py::arg("seed"), py::arg("step"),
      py::arg("purpose"));
}

void add_mixing(py::module_& module) {
  module.def(
      "draw_mixing",
      [](int64_t n, const FloatOperand& quantiles, uint64_t seed, uint64_t step, uint32_t purpose) {
        if (n < 0) reject("draw_mixing", "n must not be negative, but is ", n);
        check_shape("draw_mixing", "quantiles", quantiles.shape(), {mixing_quantiles});
        const RandomKey key{seed, step, purpose};
        const Place place = place_of(quantiles);
        Result<float> numbers(place, {n, mixing_numbers});
        run_call(place, [&](Call& call) { draw_mixing(call.context, n, call.in(quantiles), key, call.out(numbers)); });
        return py::make_tuple(numbers.object, mixing_shift(key, n));
      },
      py::arg("n"), py::arg("quantiles"), py::arg("seed"), py::arg("step"), py::arg("purpose"));
  module.def(
      "mix",
      [](const FloatOperand& x, const FloatOperand& targets, const FloatOperand& numbers, int64_t shift, bool boxed) {
        const Mixing mixing = mixing_of(x.shape(), targets.shape(), boxed, shift);
        check_shape("mix", "numbers", numbers.shape(), {mixing.images.N, mixing_numbers});
        const Place place = place_of(x, targets, numbers);
        Result<float> y(place, x.shape()), mixed(place, targets.shape());
        run_call(place, [&](Call& call) {
          const int64_t bytes = mixing.images.H * mixing.images.W * mixing.images.C * static_cast<int64_t>(sizeof(float));
          Targets there;
          there.values = call.in(targets);
          mix(call.context, mixing, {call.in(x), DType::float32, bytes, nullptr}, there, call.in(numbers), call.out(y), call.out(mixed),
              nullptr);
        });
        return py::make_tuple(y.object, mixed.object);
      },
      py::arg("x"), py::arg("targets"), py::arg("numbers"), py::arg("shift"), py::arg("boxed"));
}

}  // namespace

void add_augmentation(py::module_& module) {
  module.def(
      "draw_uniform",
      [](int64_t n, const std::vector<double>& low, const std::vector<double>& high, uint64_t seed, uint64_t step, uint32_t purpose) {
        if (n < 0) reject("draw_uniform", "n must not be negative, but is ", n);
        const Draws draws = draws_of(low, high);
        const Place place = place_of();
        Result<float> numbers(place, {n, draws.count});
        run_call(place, [&](Call& call) { draw_uniform(call.context, n, draws, {seed, step, purpose}, call.out(numbers)); });
        return numbers.object;
      },
      py::arg("n"), py::arg("low"), py::arg("high"), py::arg("seed"), py::arg("step"), py::arg("purpose"));
  add_geometry(module);
  add_colour(module);
  add_mixing(module);
}

}  // namespace fastcnn::bindings
