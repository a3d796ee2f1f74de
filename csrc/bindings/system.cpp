// Threads, instruction sets, random numbers, and what this build is.
#include <pybind11/stl.h>

#include <algorithm>

#include "bindings/arrays.h"
#include "bindings/devices.h"
#include "bindings/gil.h"
#include "bindings/module.h"
#include "core/device.h"
#include "core/errors.h"
#include "core/isa.h"
#include "core/philox.h"
#include "core/pool.h"
#include "ops/conv2d.h"

namespace fastcnn::bindings {
namespace {

// Asked by the thread that runs a loop, without the GIL. Python lets only its main thread see signals; in others this does nothing.
bool interrupted() {
  py::gil_scoped_acquire gil;
  return PyErr_CheckSignals() != 0;
}

std::string why_not_cuda(int index) {
  py::gil_scoped_release released;  // the driver may take a moment to wake
  return device::why_not_cuda(index);
}

py::dict info() {
  py::dict facts;
  facts["compiler"] = FASTCNN_COMPILER;
  facts["instruction_sets_built"] = dispatch::built();
  facts["instruction_sets_available"] = dispatch::available();
  facts["instruction_set"] = dispatch::name(dispatch::isa());
  const std::string why_not = why_not_cuda(0);
  facts["cuda"] = why_not.empty();
  facts["cuda_reason"] = why_not;
  return facts;
}

void set_device(const std::string& name) {
  if (name == "auto")
    device::choose_automatically();
  else
    device::set_current(device_of("set_device", name));
}

// To the standard error stream, as Python has it. An error there must not stop the work.
void announce(Device device) {
  py::gil_scoped_acquire gil;
  try {
    py::print("fastcnn: computes on", device.str() + ", " + device::name(device) + "; set_device('cpu') chooses the CPU",
              py::arg("file") = py::module_::import("sys").attr("stderr"));
  } catch (const std::exception&) {
  }
}

std::string current_device() {
  py::gil_scoped_release released;
  return device::current().str();
}

Floats random_uniform(int64_t count, uint64_t seed, uint64_t step, uint32_t purpose) {
  if (count < 0) reject("random_uniform", "count must not be negative, but is ", count);
  Floats numbers(count);
  float* to = numbers.mutable_data();
  const RandomKey key{seed, step, purpose};
  for (int64_t i = 0; i < count; i += 4) {
    const PhiloxBlock block = random_block(key, static_cast<uint64_t>(i / 4));
    for (int64_t j = i; j < std::min(i + 4, count); ++j) to[j] = to_unit_float(block.value[j - i]);
  }
  return numbers;
}

// Fisher and Yates, from the end; 64 random bits for each exchange, so that the bias is below n / 2^64.
Array<int64_t> random_permutation(int64_t n, uint64_t seed, uint64_t step, uint32_t purpose) {
  if (n < 0) reject("random_permutation", "n must not be negative, but is ", n);
  Array<int64_t> permutation(n);
  int64_t* order = permutation.mutable_data();
  for (int64_t i = 0; i < n; ++i) order[i] = i;
  const RandomKey key{seed, step, purpose};
  for (int64_t i = n - 1; i > 0; --i) {
    const PhiloxBlock block = random_block(key, static_cast<uint64_t>(i));
    const uint64_t bits = uint64_t{block.value[1]} << 32 | block.value[0];
    std::swap(order[i], order[static_cast<int64_t>(bits % static_cast<uint64_t>(i + 1))]);
  }
  return permutation;
}

}  // namespace

void add_system(py::module_& module) {
  pool::set_interrupt_check(interrupted);
  dispatch::isa();  // an unknown FASTCNN_ISA is an error now, not in the middle of a training
  module.def("info", info, "What this build is and what of it this machine uses.");
  module.def("isa", [] { return dispatch::name(dispatch::isa()); }, "The instruction set in use.");
  module.def("set_isa", dispatch::set_isa, py::arg("name"), "For tests: use another of available_isas().");
  module.def("available_isas", dispatch::available, "The instruction sets that are built in and that this processor runs, lowest first.");
  device::set_announcer(announce);
  module.def("device", current_device, "The device of operations on arrays: \"cpu\", \"cuda:0\".");
  module.def("set_device", set_device, py::arg("name"), "Lets operations on arrays run on \"cpu\", \"cuda:0\", or what \"auto\" finds.");
  module.def("why_not_cuda", why_not_cuda, py::arg("index"), "Why that GPU cannot be used; empty if it can.");
  module.def("winograd_allowed", winograd_allowed, "Whether convolutions may go by Winograd's algorithm.");
  module.def("allow_winograd", allow_winograd, py::arg("allowed"), "Whether the convolutions from now on may.");
  module.def("threads", pool::threads, "The number of threads that operations use.");
  module.def("set_threads", pool::set_threads, py::arg("count"), py::call_guard<py::gil_scoped_release>());
  module.def("random_uniform", random_uniform, py::arg("count"), py::arg("seed"), py::arg("step"), py::arg("purpose"),
             "float32 in [0, 1): the first numbers of the Philox stream (seed, step, purpose).");
  module.def("random_permutation", random_permutation, py::arg("n"), py::arg("seed"), py::arg("step"), py::arg("purpose"),
             "A random order of range(n), int64, from the Philox stream (seed, step, purpose).");
}

}  // namespace fastcnn::bindings
