// fastcnn._core. Private: the Python package is the public surface.
#include "bindings/module.h"

#include <new>

#include "core/errors.h"

PYBIND11_MODULE(_core, module) {
  namespace py = pybind11;
  module.doc() = "The C++ core of fastcnn. Private; use fastcnn.ops, fastcnn.layers and fastcnn.models.";
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const fastcnn::ArgumentError& error) {
      PyErr_SetString(PyExc_ValueError, error.what());
    } catch (const fastcnn::OutOfMemory& error) {
      PyErr_SetString(PyExc_MemoryError, error.what());
    } catch (const fastcnn::DeviceError& error) {
      PyErr_SetString(py::module_::import("fastcnn.errors").attr("DeviceError").ptr(), error.what());
    }
  });
  fastcnn::bindings::add_system(module);
  fastcnn::bindings::add_tensor(module);
  fastcnn::bindings::add_operations(module);
  fastcnn::bindings::add_plan(module);
}
