// The operations on arrays, for ops.py (convolutions.cpp has the matrix products): shapes are checked by the operations themselves, results
// allocated here.
#include "bindings/module.h"
#include "bindings/operands.h"
#include "ops/adam.h"
#include "ops/average_pool2d.h"
#include "ops/elementwise.h"
#include "ops/max_pool2d.h"
#include "ops/sgd.h"
#include "ops/softmax.h"
#include "ops/softmax_cross_entropy.h"

namespace fastcnn::bindings {
namespace {

Shape output_of(const Pool2d& pool) { return {pool.N, pool.window.P, pool.window.Q, pool.C}; }

void add_pooling(py::module_& module) {
  module.def(
      "max_pool2d",
      [](const Floats& x, const Pair& window, const Pair& stride, const PaddingArgument& padding) {
        const Pool2d pool = max_pool2d(shape_of("max_pool2d", x), window, stride, padding_of("max_pool2d", padding));
        Floats y = new_array<float>(output_of(pool));
        Array<uint16_t> index = new_array<uint16_t>(output_of(pool));
        float* const to = y.mutable_data();
        uint16_t* const to_index = index.mutable_data();
        run_call([&](Call& call) {
          max_pool2d_forward(call.context, pool, call.in(x), call.out(to, y.size()), call.out(to_index, index.size()));
        });
        return py::make_tuple(y, index);
      },
      py::arg("x"), py::arg("window"), py::arg("stride"), py::arg("padding"));
  module.def(
      "max_pool2d_backward",
      [](const Floats& dy, const Array<uint16_t>& index, const std::vector<int64_t>& input_shape, const Pair& window, const Pair& stride,
         const PaddingArgument& padding) {
        const Shape input = shape_of_tuple("max_pool2d_backward", "input_shape", "N, H, W, C", input_shape);
        const Pool2d pool = max_pool2d(input, window, stride, padding_of("max_pool2d", padding));
        check_shape("max_pool2d_backward", "dy", shape_of("max_pool2d_backward", dy), output_of(pool));
        check_shape("max_pool2d_backward", "index", shape_of("max_pool2d_backward", index), output_of(pool));
        Floats dx = new_array<float>(input);
        float* const to = dx.mutable_data();
        run_call([&](Call& call) { max_pool2d_backward(call.context, pool, call.in(dy), call.in(index), call.out(to, dx.size())); });
        return dx;
      },
      py::arg("dy"), py::arg("index"), py::arg("input_shape"), py::arg("window"), py::arg("stride"), py::arg("padding"));
  const auto average = [](const Floats& x, const Pool2d& pool, const Shape& output) {
    Floats y = new_array<float>(output);
    float* const to = y.mutable_data();
    run_call([&](Call& call) { average_pool2d_forward(call.context, pool, call.in(x), call.out(to, y.size())); });
    return y;
  };
  const auto average_backward = [](const char* operation, const Floats& dy, const Pool2d& pool, const Shape& output, const Shape& input) {
    check_shape(operation, "dy", shape_of(operation, dy), output);
    Floats dx = new_array<float>(input);
    float* const to = dx.mutable_data();
    run_call([&](Call& call) { average_pool2d_backward(call.context, pool, call.in(dy), call.out(to, dx.size())); });
    return dx;
  };
  module.def(
      "average_pool2d",
      [=](const Floats& x, const Pair& window, const Pair& stride, const PaddingArgument& padding) {
        const Pool2d pool = average_pool2d(shape_of("average_pool2d", x), window, stride, padding_of("average_pool2d", padding));
        return average(x, pool, output_of(pool));
      },
      py::arg("x"), py::arg("window"), py::arg("stride"), py::arg("padding"));
  module.def(
      "average_pool2d_backward",
      [=](const Floats& dy, const std::vector<int64_t>& input_shape, const Pair& window, const Pair& stride,
          const PaddingArgument& padding) {
        const Shape input = shape_of_tuple("average_pool2d_backward", "input_shape", "N, H, W, C", input_shape);
        const Pool2d pool = average_pool2d(input, window, stride, padding_of("average_pool2d", padding));
        return average_backward("average_pool2d_backward", dy, pool, output_of(pool), input);
      },
      py::arg("dy"), py::arg("input_shape"), py::arg("window"), py::arg("stride"), py::arg("padding"));
  module.def(
      "global_average_pool2d",
      [=](const Floats& x) {
        const Pool2d pool = global_average_pool2d(shape_of("global_average_pool2d", x));
        return average(x, pool, {pool.N, pool.C});
      },
      py::arg("x"));
  module.def(
      "global_average_pool2d_backward",
      [=](const Floats& dy, const std::vector<int64_t>& input_shape) {
        const Shape input = shape_of_tuple("global_average_pool2d_backward", "input_shape", "N, H, W, C", input_shape);
        const Pool2d pool = global_average_pool2d(input);
        return average_backward("global_average_pool2d_backward", dy, pool, {pool.N, pool.C}, input);
      },
      py::arg("dy"), py::arg("input_shape"));
}

// A function of one array to another of its shape: work(call, x, y).
template <class Work>
Floats map_array(const char* operation, const Floats& x, const Work& work) {
  Floats y = new_array<float>(shape_of(operation, x));
  float* const to = y.mutable_data();
  run_call([&](Call& call) { work(call, call.in(x), call.out(to, x.size())); });
  return y;
}

void add_elementwise(py::module_& module) {
  module.def(
      "relu",
      [](const Floats& x) {
        return map_array("relu", x, [&](Call& call, const float* from, float* to) { relu_forward(call.context, x.size(), from, to); });
      },
      py::arg("x"));
  module.def(
      "relu_backward",
      [](const Floats& dy, const Floats& y) {
        check_shape("relu_backward", "y", shape_of("relu_backward", y), shape_of("relu_backward", dy));
        return map_array("relu_backward", dy,
                         [&](Call& call, const float* from, float* to) { relu_backward(call.context, dy.size(), from, call.in(y), to); });
      },
      py::arg("dy"), py::arg("y"));
  module.def(
      "rescale",
      [](const Floats& x, float scale, float offset) {
        return map_array("rescale", x,
                         [&](Call& call, const float* from, float* to) { rescale(call.context, x.size(), from, scale, offset, to); });
      },
      py::arg("x"), py::arg("scale"), py::arg("offset"));
  module.def(
      "dropout",
      [](const Floats& x, double rate, uint64_t seed, uint64_t step, uint32_t purpose) {
        return map_array("dropout", x, [&](Call& call, const float* from, float* to) {
          dropout(call.context, x.size(), from, rate, {seed, step, purpose}, to);
        });
      },
      py::arg("x"), py::arg("rate"), py::arg("seed"), py::arg("step"), py::arg("purpose"));
}

// The number of rows and the length of one, for an operation over the last axis.
std::pair<int64_t, int64_t> rows_of(const char* operation, const Floats& x) {
  if (x.ndim() < 1) reject(operation, "x must have at least one axis, but has shape ", shape_of(operation, x).str());
  const int64_t K = x.shape(x.ndim() - 1);
  return {K > 0 ? x.size() / K : 0, K};
}

void add_softmax(py::module_& module) {
  module.def(
      "softmax",
      [](const Floats& x) {
        const auto [rows, K] = rows_of("softmax", x);
        return map_array("softmax", x, [rows = rows, K = K](Call& call, const float* from, float* to) {
          softmax_forward(call.context, rows, K, from, to);
        });
      },
      py::arg("x"));
  module.def(
      "softmax_backward",
      [](const Floats& dy, const Floats& y) {
        const auto [rows, K] = rows_of("softmax_backward", dy);
        check_shape("softmax_backward", "y", shape_of("softmax_backward", y), shape_of("softmax_backward", dy));
        return map_array("softmax_backward", dy, [&, rows = rows, K = K](Call& call, const float* from, float* to) {
          softmax_backward(call.context, rows, K, from, call.in(y), to);
        });
      },
      py::arg("dy"), py::arg("y"));
  module.def(
      "softmax_cross_entropy",
      [](const Floats& x, const py::array& labels, bool from_logits) {
        const char* operation = "softmax_cross_entropy";
        const CrossEntropy op = softmax_cross_entropy(shape_of(operation, x), shape_of(operation, labels), from_logits);
        Targets targets{nullptr, nullptr, nullptr};
        std::vector<int32_t> classes;
        if (py::isinstance<py::array_t<int64_t>>(labels)) {
          if (labels.ndim() != 1)
            reject(operation, "labels that are class numbers must have shape (", op.N, ",), but have shape ",
                   shape_of(operation, labels).str());
          const auto* numbers = static_cast<const int64_t*>(labels.data());
          check_classes(operation, numbers, op.N, op.K);
          classes.assign(numbers, numbers + op.N);
          targets.classes = classes.data();
        } else {
          if (labels.ndim() != 2)
            reject(operation, "labels that are probabilities must have shape ", shape_of(operation, x).str(), ", but have shape ",
                   shape_of(operation, labels).str());
          targets.probabilities = static_cast<const float*>(labels.data());
        }
        Floats loss = new_array<float>({op.N}), dx = new_array<float>({op.N, op.K});
        float *const to_loss = loss.mutable_data(), *const to_dx = dx.mutable_data();
        run_call([&](Call& call) {
          const Targets there{call.in(targets.classes, op.N), call.in(targets.probabilities, op.N * op.K), nullptr};
          softmax_cross_entropy(call.context, op, call.in(x), there, call.out(to_loss, op.N), nullptr, call.out(to_dx, op.N * op.K));
        });
        return py::make_tuple(loss, dx);
      },
      py::arg("x"), py::arg("labels"), py::arg("from_logits"));
}

void add_optimizers(py::module_& module) {
  module.def(
      "adam",
      [](Floats& parameters, const Floats& gradients, Floats& momentum, Floats& velocity, int64_t step, double learning_rate, double beta_1,
         double beta_2, double epsilon) {
        const Shape shape = shape_of("adam", parameters);
        check_shape("adam", "gradients", shape_of("adam", gradients), shape);
        check_shape("adam", "momentum", shape_of("adam", momentum), shape);
        check_shape("adam", "velocity", shape_of("adam", velocity), shape);
        float *const p = parameters.mutable_data(), *const m = momentum.mutable_data(), *const v = velocity.mutable_data();
        const pool::Uninterruptible to_the_end;
        const int64_t n = gradients.size();
        run_call([&](Call& call) {
          adam(call.context, n, {learning_rate, beta_1, beta_2, epsilon}, step, call.in_out(p, n), call.in(gradients), call.in_out(m, n),
               call.in_out(v, n));
        });
      },
      py::arg("parameters"), py::arg("gradients"), py::arg("momentum"), py::arg("velocity"), py::arg("step"), py::arg("learning_rate"),
      py::arg("beta_1"), py::arg("beta_2"), py::arg("epsilon"));
  module.def(
      "sgd",
      [](Floats& parameters, const Floats& gradients, std::optional<Floats>& momentum, double learning_rate, double rate, bool nesterov) {
        const Shape shape = shape_of("sgd", parameters);
        check_shape("sgd", "gradients", shape_of("sgd", gradients), shape);
        if (momentum) check_shape("sgd", "momentum", shape_of("sgd", *momentum), shape);
        float *const p = parameters.mutable_data(), *const m = momentum ? momentum->mutable_data() : nullptr;
        const pool::Uninterruptible to_the_end;
        const int64_t n = gradients.size();
        run_call([&](Call& call) {
          sgd(call.context, n, learning_rate, rate, nesterov, call.in_out(p, n), call.in(gradients), call.in_out(m, n));
        });
      },
      py::arg("parameters"), py::arg("gradients"), py::arg("momentum"), py::arg("learning_rate"), py::arg("momentum_rate"),
      py::arg("nesterov"));
}

}  // namespace

void add_operations(py::module_& module) {
  add_convolutions(module);
  add_pooling(module);
  add_elementwise(module);
  add_softmax(module);
  add_optimizers(module);
}

}  // namespace fastcnn::bindings
