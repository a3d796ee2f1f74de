// The runtime's plan, for plan.py.
#include "runtime/plan.h"

#include <pybind11/stl.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <tuple>

#include "bindings/arrays.h"
#include "bindings/gil.h"
#include "bindings/module.h"

namespace fastcnn::bindings {
namespace {

Shape shape_from(const py::handle& extents) {
  Shape shape;
  for (const py::handle& extent : extents) {
    if (shape.rank() == Shape::max_rank) reject("plan", "a shape has more than ", Shape::max_rank, " axes");
    shape.append(extent.cast<int64_t>());
  }
  return shape;
}

// Numbers and booleans become doubles, sequences of integers and strings stay what they are.
Attributes attributes_from(const py::dict& attributes) {
  std::map<std::string, Attributes::Value> values;
  for (const auto& [name, value] : attributes) {
    const std::string key = name.cast<std::string>();
    if (py::isinstance<py::str>(value)) {
      values[key] = value.cast<std::string>();
    } else if (py::isinstance<py::sequence>(value)) {
      values[key] = value.cast<std::vector<int64_t>>();
    } else {
      values[key] = value.cast<double>();
    }
  }
  return Attributes(std::move(values));
}

std::vector<runtime::StageDescription> stages_from(const py::list& stages) {
  std::vector<runtime::StageDescription> descriptions;
  for (const py::handle& item : stages) {
    const auto stage = item.cast<py::dict>();
    runtime::StageDescription description;
    description.operation = stage["operation"].cast<std::string>();
    description.attributes = attributes_from(stage["attributes"].cast<py::dict>());
    description.input = shape_from(stage["input"]);
    for (const py::handle& parameter : stage["parameters"].cast<py::list>()) {
      const auto pair = parameter.cast<py::tuple>();
      description.parameters.push_back({pair[0].cast<int64_t>(), shape_from(pair[1])});
    }
    description.learns = stage["learns"].cast<bool>();
    description.x = stage["x"].cast<int>();
    description.y = stage["y"].cast<int>();
    description.dy = stage["dy"].cast<int>();
    description.dx = stage["dx"].cast<int>();
    descriptions.push_back(std::move(description));
  }
  return descriptions;
}

// Keeps the arrays that the plan works on alive, and lets one thread at a time run it.
class PyPlan {
 public:
  PyPlan(const py::dict& description, Floats parameters, Floats gradients, std::vector<Floats> slots)
      : parameters_(std::move(parameters)),
        gradients_(std::move(gradients)),
        slots_(std::move(slots)),
        plan_(describe(description), memory(), device::current()) {}

  void hold_data(const py::array& data, const py::array& targets, const std::optional<Floats>& weights) {
    const Batch all = batch_from(data, targets, Array<int64_t>(0), weights);
    if (targets.shape(0) != data.shape(0)) reject("plan", "targets must be as many as data");
    release_data();
    run([&] { plan_.hold_data({data.shape(0), all.samples, all.targets}); });
    held_ = py::make_tuple(data, targets, weights);
  }

  void hold_order(const Array<int64_t>& rows) {
    run([&] { plan_.hold_order(rows.data(), rows.size()); });
    held_order_ = rows;
  }

  void release_data() {
    run([&] { plan_.release_data(); });
    held_ = {};
    held_order_ = {};
  }

  void hold_model() {
    run([&] { plan_.hold_model(); });
  }

  void release_model() {
    run([&] { plan_.release_model(); });
  }

  Floats forward(const py::array& data, const Array<int64_t>& rows) {
    const Batch batch{rows.size(), samples_from(data, rows), {}};
    Floats output = new_array<float>({rows.size(), plan_.output_elements()});
    float* const to = output.mutable_data();
    run([&] { plan_.forward(batch, to); });
    return output;
  }

  void prepare(int64_t n, const py::tuple& output_shape) {
    run([&] { plan_.prepare(n); });
    output_shape_ = shape_from(output_shape);
  }

  // The answers to all of x, (n, *output_shape), where x is an array as forward() takes them; else None.
  py::object answer(const py::object& x) {
    if (!py::isinstance<py::array>(x)) return py::none();
    const auto data = py::reinterpret_borrow<py::array>(x);
    const std::optional<DType> dtype = dtype_of(data);
    const bool aligned = reinterpret_cast<uintptr_t>(data.data()) % static_cast<size_t>(data.itemsize()) == 0;
    if (!dtype || !aligned || !has_samples_of_the_shape(data) || !dense_bytes(data)) return py::none();
    const Batch batch{data.shape(0), {data.data(), *dtype, data.strides(0), nullptr}, {}};
    Floats output = new_array<float>(with_batch(output_shape_, data.shape(0)));
    float* const to = output.mutable_data();
    run([&] { plan_.forward(batch, to); });
    return output;
  }

  void evaluate(const py::array& data, const py::array& targets, const Array<int64_t>& rows, const std::optional<Floats>& weights) {
    const Batch batch = batch_from(data, targets, rows, weights);
    run([&] { plan_.evaluate(batch); });
  }

  void train(const py::array& data, const py::array& targets, const Array<int64_t>& rows, const std::optional<Floats>& weights,
             uint64_t seed, int64_t step, double learning_rate) {
    const Batch batch = batch_from(data, targets, rows, weights);
    run([&] { plan_.train(batch, seed, step, learning_rate); });
  }

  Floats outputs() {
    if (plan_.batch_size() == 0) reject("plan", "outputs are those of a batch that was evaluated or trained on, and there was none");
    Floats output = new_array<float>({plan_.batch_size(), plan_.output_elements()});
    float* const to = output.mutable_data();
    run([&] { plan_.outputs(to); });
    return output;
  }

  Floats mixed_targets() {
    Floats targets = new_array<float>({plan_.batch_size(), plan_.output_elements()});
    float* const to = targets.mutable_data();
    run([&] { plan_.mixed_targets(to); });
    return targets;
  }

  std::tuple<double, int64_t, int64_t> totals() {
    Totals totals{};
    run([&] { totals = plan_.totals(); });
    return {totals.loss, totals.correct, totals.not_finite};
  }

  void begin_timing() {
    run([&] { plan_.begin_timing(); });
  }

  std::vector<std::tuple<std::string, double, double>> stage_times() const {
    std::vector<std::tuple<std::string, double, double>> times;
    for (const auto& [operation, forward, backward] : plan_.stage_times()) times.emplace_back(operation, forward, backward);
    return times;
  }

  void reset_totals() {
    run([&] { plan_.reset_totals(); });
  }

  void fetch_gradients() {
    run([&] { plan_.fetch_gradients(); });
  }

 private:
  static runtime::Description describe(const py::dict& description) {
    runtime::Description plan;
    plan.stages = stages_from(description["stages"]);
    plan.head = stages_from(description["head"]);
    plan.loss = stages_from(description["loss"]);
    plan.activations = description["activations"].cast<std::vector<int64_t>>();
    plan.gradients = description["gradients"].cast<std::vector<int64_t>>();
    for (const auto& [offset, size, decay, scale] :
         description["learning"].cast<std::vector<std::tuple<int64_t, int64_t, double, double>>>())
      plan.learning.push_back({{offset, size}, decay, scale});
    for (const auto& [offset, size, l1, l2] : description["penalties"].cast<std::vector<std::tuple<int64_t, int64_t, float, float>>>())
      plan.regularizations.push_back({{offset, size}, {l1, l2}});
    for (const auto& [offset, size, momentum] : description["averages"].cast<std::vector<std::tuple<int64_t, int64_t, double>>>())
      plan.averages.push_back({{offset, size}, momentum});
    std::tie(plan.weight_average.kept, plan.weight_average.momentum, plan.weight_average.overwrite_every) =
        description["averaging"].cast<std::tuple<bool, double, int64_t>>();
    std::tie(plan.clipping, plan.clip_limit) = description["clipping"].cast<std::pair<std::string, double>>();
    for (const auto& [offset, size] : description["clipped"].cast<std::vector<std::pair<int64_t, int64_t>>>())
      plan.clipped.push_back({offset, size});
    using Mixing = std::tuple<bool, std::vector<float>, std::optional<uint64_t>, uint32_t>;
    for (const auto& [boxed, quantiles, seed, purpose] : description["mixings"].cast<std::vector<Mixing>>())
      plan.mixings.push_back({boxed, quantiles, seed.has_value(), seed.value_or(0), purpose});
    plan.choice_purpose = description["choice_purpose"].cast<uint32_t>();
    plan.optimizer = description["optimizer"].cast<std::string>();
    plan.optimizer_attributes = attributes_from(description["optimizer_attributes"]);
    return plan;
  }

  runtime::ModelMemory memory() {
    runtime::ModelMemory memory{
        parameters_.size(), parameters_.mutable_data(), gradients_.size() > 0 ? gradients_.mutable_data() : nullptr, {}};
    if (gradients_.size() != 0 && gradients_.size() != parameters_.size()) reject("plan", "gradients must be as many as parameters");
    for (Floats& slot : slots_) {
      if (slot.size() != parameters_.size()) reject("plan", "an optimizer's slot must be as large as the parameters");
      memory.slots.push_back(slot.mutable_data());
    }
    return memory;
  }

  Batch batch_from(const py::array& data, const py::array& targets, const Array<int64_t>& rows,
                   const std::optional<Floats>& weights) const {
    Batch batch{rows.size(), samples_from(data, rows), targets_from(targets, rows)};
    if (weights) {
      if (weights->ndim() != 1 || weights->shape(0) != targets.shape(0)) reject("plan", "weights must be (N,), one for each target");
      batch.targets.weights = weights->data();
    }
    return batch;
  }

  // What the plan reads; none for another type, or another byte order.
  static std::optional<DType> dtype_of(const py::array& data) {
    const char kind = data.dtype().kind(), order = data.dtype().byteorder();
    const auto size = data.itemsize();
    if (order == '>' || order == '<') return {};
    if (kind == 'u' && size == 1) return DType::uint8;
    if (kind == 'f' && size == 4) return DType::float32;
    if (kind == 'f' && size == 8) return DType::float64;
    return {};
  }

  // The bytes of a sample, if each lies dense, in C order.
  static std::optional<py::ssize_t> dense_bytes(const py::array& data) {
    py::ssize_t bytes = data.itemsize();
    for (py::ssize_t axis = data.ndim() - 1; axis > 0; --axis) {
      if (data.size() > 0 && data.shape(axis) != 1 && data.strides(axis) != bytes) return {};
      bytes *= data.shape(axis);
    }
    return bytes;
  }

  bool has_samples_of_the_shape(const py::array& data) const {
    const Shape& sample = plan_.input_shape();
    if (data.ndim() != sample.rank() + 1) return false;
    for (int axis = 0; axis < sample.rank(); ++axis)
      if (data.shape(axis + 1) != sample[axis]) return false;
    return true;
  }

  // Everything that the kernels will trust is checked here: the type, that samples are dense and of the right size, that rows are in range.
  Samples samples_from(const py::array& data, const Array<int64_t>& rows) const {
    const std::optional<DType> dtype = dtype_of(data);
    if (!dtype) reject("plan", "samples must be uint8, float32 or float64");
    const std::optional<py::ssize_t> bytes = dense_bytes(data);
    if (!bytes) reject("plan", "samples must lie dense in memory, in C order");
    if (data.ndim() < 1 || *bytes != data.itemsize() * plan_.input_elements())
      reject("plan", "samples must have ", plan_.input_elements(), " elements each, but the array has shape ",
             shape_of("plan", data).str());
    check_rows(rows, data.shape(0));
    return {data.data(), *dtype, data.strides(0), rows.data()};
  }

  static void check_rows(const Array<int64_t>& rows, py::ssize_t samples) {
    if (rows.ndim() != 1) reject("plan", "rows must have one axis");
    for (py::ssize_t i = 0; i < rows.size(); ++i)
      if (rows.data()[i] < 0 || rows.data()[i] >= samples)
        reject("plan", "rows must be in [0, ", samples, "), but one is ", rows.data()[i]);
  }

  Targets targets_from(const py::array& targets, const Array<int64_t>& rows) const {
    const bool classes = py::isinstance<py::array_t<int32_t>>(targets) && targets.ndim() == 1;
    const bool values = py::isinstance<Floats>(targets) && targets.ndim() > 0 &&
                        targets.size() == targets.shape(0) * static_cast<py::ssize_t>(plan_.output_elements());
    if ((!classes && !values) || (targets.flags() & py::array::c_style) == 0)
      reject("plan", "targets must be (N,) int32 classes or float32 with ", plan_.output_elements(), " values for each of N, in C order");
    check_rows(rows, targets.shape(0));
    if (classes) {
      const auto* numbers = static_cast<const int32_t*>(targets.data());
      for (py::ssize_t i = 0; i < rows.size(); ++i)
        if (numbers[rows.data()[i]] < 0 || numbers[rows.data()[i]] >= plan_.output_elements())
          reject("plan", "classes must be in [0, ", plan_.output_elements(), "), but one is ", numbers[rows.data()[i]]);
      return {numbers, nullptr, rows.data()};
    }
    return {nullptr, static_cast<const float*>(targets.data()), rows.data()};
  }

  template <class Work>
  void run(const Work& work) {
    if (getpid() != process_) {  // a fork: its copy of the mutex may be locked for ever
      static_cast<void>(mutex_.release());
      mutex_ = std::make_unique<std::mutex>();
      process_ = getpid();
    }
    without_gil([&] {
      std::lock_guard<std::mutex> one_at_a_time(*mutex_);
      work();
    });
  }

  Floats parameters_, gradients_;
  std::vector<Floats> slots_;
  Shape output_shape_;  // of a sample's answer
  py::object held_;     // the data set, and the order of its rows, that the plan holds by their addresses
  py::object held_order_;
  runtime::Plan plan_;
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
  pid_t process_ = getpid();
};

}  // namespace

void add_plan(py::module_& module) {
  module.def(
      "output_shape",
      [](const std::string& operation, const py::dict& attributes, const py::tuple& input, const py::list& parameters) {
        std::vector<Shape> shapes;
        for (const py::handle& parameter : parameters) shapes.push_back(shape_from(parameter));
        const Shape output = registry::make(operation, attributes_from(attributes))->bind(shape_from(input), shapes);
        py::list extents;
        for (int axis = 0; axis < output.rank(); ++axis) extents.append(output[axis]);
        return extents;
      },
      py::arg("operation"), py::arg("attributes"), py::arg("input"), py::arg("parameters"),
      "The shape of one sample after a stage, given that before it.");
  py::class_<PyPlan>(module, "Plan", py::module_local(), "The stages of a model with their buffers (description.py says which).")
      .def(py::init<const py::dict&, Floats, Floats, std::vector<Floats>>(), py::arg("description"), py::arg("parameters"),
           py::arg("gradients"), py::arg("slots"))
      .def("hold_data", &PyPlan::hold_data, py::arg("data"), py::arg("targets"), py::arg("weights"))
      .def("hold_order", &PyPlan::hold_order, py::arg("rows"))
      .def("release_data", &PyPlan::release_data)
      .def("hold_model", &PyPlan::hold_model)
      .def("release_model", &PyPlan::release_model)
      .def("forward", &PyPlan::forward, py::arg("data"), py::arg("rows"))
      .def("prepare", &PyPlan::prepare, py::arg("n"), py::arg("output_shape"),
           "Keeps the weights as they are now, laid out for answer() with up to n samples; nothing else may follow.")
      .def("answer", &PyPlan::answer, py::arg("x"), "The outputs for all of x; None where x is no array that the plan reads as it is.")
      .def("evaluate", &PyPlan::evaluate, py::arg("data"), py::arg("targets"), py::arg("rows"), py::arg("weights"))
      .def("train", &PyPlan::train, py::arg("data"), py::arg("targets"), py::arg("rows"), py::arg("weights"), py::arg("seed"),
           py::arg("step"), py::arg("learning_rate"))
      .def("outputs", &PyPlan::outputs, "The model's outputs for the batch that was last evaluated or trained on.")
      .def("mixed_targets", &PyPlan::mixed_targets, "The targets of the batch that was last trained on, as they were mixed.")
      .def("totals", &PyPlan::totals, "The loss, the right answers and the first batch that was not finite, since the last reset.")
      .def("reset_totals", &PyPlan::reset_totals)
      .def("begin_timing", &PyPlan::begin_timing)
      .def("stage_times", &PyPlan::stage_times, "(operation, seconds forward, seconds backward) of each stage since begin_timing().")
      .def("fetch_gradients", &PyPlan::fetch_gradients);
}

}  // namespace fastcnn::bindings
