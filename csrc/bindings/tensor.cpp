// Tensors for Python (tensor.py): from numpy and back, and DLPack in both directions.
#include "core/tensor.h"

#include <pybind11/stl.h>

#include <array>
#include <optional>

#include "bindings/arrays.h"
#include "bindings/devices.h"
#include "bindings/dlpack.h"
#include "bindings/gil.h"
#include "bindings/module.h"

namespace fastcnn::bindings {
namespace {

constexpr DType all_dtypes[] = {DType::uint8, DType::uint16, DType::int32, DType::int64, DType::float32, DType::float64};

py::tuple tuple_of(const Shape& shape) {
  py::tuple extents(shape.rank());
  for (int axis = 0; axis < shape.rank(); ++axis) extents[static_cast<size_t>(axis)] = shape[axis];
  return extents;
}

void throw_buffer_error(const std::string& text) {
  PyErr_SetString(PyExc_BufferError, text.c_str());
  throw py::error_already_set();
}

// A copy of a numpy array in C order.
Tensor tensor_from(const py::array& array, const std::string& device) {
  for (DType dtype : all_dtypes) {
    if (!array.dtype().equal(py::dtype(name_of(dtype)))) continue;
    if ((array.flags() & py::array::c_style) == 0) reject("Tensor", "the array must lie in C order");
    Tensor tensor(dtype, shape_of("Tensor", array), device_of("Tensor", device));
    without_gil([&] {
      device::copy_in(tensor.device(), tensor.data(), array.data(), tensor.bytes());
      device::synchronize(tensor.device());  // the array may lie in pinned memory, and change as soon as this returns
    });
    return tensor;
  }
  reject("Tensor", "dtype must be uint8, uint16, int32, int64, float32 or float64, but is ", py::str(array.dtype()).cast<std::string>());
}

py::array numpy_from(const Tensor& tensor) {
  py::array array(py::dtype(name_of(tensor.dtype())), tuple_of(tensor.shape()).cast<std::vector<py::ssize_t>>());
  void* const to = array.mutable_data();
  without_gil([&] {
    device::copy_out(tensor.device(), to, tensor.data(), tensor.bytes());
    device::synchronize(tensor.device());  // and says what was found wrong
  });
  return array;
}

Tensor copy_of(const Tensor& tensor) {
  Tensor copy(tensor.dtype(), tensor.shape(), tensor.device());
  without_gil([&] {
    device::copy(tensor.device(), copy.data(), tensor.data(), tensor.bytes());
    if (tensor.foreign()) device::synchronize(tensor.device());  // its owner may use the memory again as soon as this returns
  });
  return copy;
}

// DLPack, out

dlpack::DataType type_of(DType dtype) {
  const auto bits = static_cast<uint8_t>(8 * size_of(dtype));
  switch (dtype) {
    case DType::float32:
    case DType::float64: return {dlpack::real, bits, 1};
    case DType::int32:
    case DType::int64: return {dlpack::integer, bits, 1};
    case DType::uint8:
    case DType::uint16: return {dlpack::unsigned_integer, bits, 1};
  }
  return {};
}

dlpack::Device dlpack_device(Device device) {
  return device.is_cpu() ? dlpack::Device{dlpack::cpu, 0} : dlpack::Device{dlpack::cuda, device.index()};
}

// What the other library holds until it calls the deleter.
template <class Message>
struct Lent {
  explicit Lent(const Tensor& lent) : tensor(lent) {
    int64_t stride = lent.shape().elements();
    for (int axis = 0; axis < lent.shape().rank(); ++axis) {
      shape[static_cast<size_t>(axis)] = lent.shape()[axis];
      stride = lent.shape()[axis] > 0 ? stride / lent.shape()[axis] : 0;
      strides[static_cast<size_t>(axis)] = stride;
    }
    message.array = {
        lent.data(), dlpack_device(lent.device()), lent.shape().rank(), type_of(lent.dtype()), shape.data(), strides.data(), 0};
    message.context = this;
    message.deleter = [](Message* returned) { delete static_cast<Lent*>(returned->context); };
  }

  Tensor tensor;
  std::array<int64_t, Shape::max_rank> shape, strides;
  Message message{};
};

template <class Message>
py::object lend(const Tensor& tensor) {
  auto* const lent = new Lent<Message>(tensor);
  if constexpr (std::is_same_v<Message, dlpack::ManagedVersioned>) lent->message.version = {1, 0};
  PyObject* const capsule = PyCapsule_New(&lent->message, Message::capsule, [](PyObject* unused) {
    if (!PyCapsule_IsValid(unused, Message::capsule)) return;  // it was taken, and its name changed
    auto* const message = static_cast<Message*>(PyCapsule_GetPointer(unused, Message::capsule));
    message->deleter(message);
  });
  if (capsule == nullptr) {
    delete lent;
    throw py::error_already_set();
  }
  return py::reinterpret_steal<py::object>(capsule);
}

// stream: that of the consumer, which will wait for ours: none stands for CUDA's legacy default stream, -1 for no waiting.
py::object to_dlpack(const Tensor& tensor, std::optional<intptr_t> stream, bool versioned) {
  if (!tensor.device().is_cpu() && stream != -1) {
    const intptr_t consumer = stream.value_or(1);
    if (consumer < 1) throw_buffer_error("__dlpack__: stream must be None, -1, 1, 2 or a CUDA stream, but is " + std::to_string(consumer));
    without_gil([&] { device::let_wait(tensor.device(), reinterpret_cast<void*>(consumer)); });
  }
  return versioned ? lend<dlpack::ManagedVersioned>(tensor) : lend<dlpack::Managed>(tensor);
}

// DLPack, in

Shape shape_from(const dlpack::Array& array) {
  if (array.ndim > Shape::max_rank) throw_buffer_error("an array has " + std::to_string(array.ndim) + " axes, more than 8");
  Shape shape;
  for (int axis = 0; axis < array.ndim; ++axis) shape.append(array.shape[axis]);
  int64_t stride = 1;
  for (int axis = array.ndim - 1; axis >= 0 && array.strides != nullptr && shape.elements() > 0; --axis) {
    if (shape[axis] != 1 && array.strides[axis] != stride) throw_buffer_error("it does not lie in C order; make it contiguous first");
    stride *= shape[axis];
  }
  return shape;
}

DType dtype_from(dlpack::DataType type) {
  for (DType dtype : all_dtypes) {
    const dlpack::DataType known = type_of(dtype);
    if (known.code == type.code && known.bits == type.bits && type.lanes == 1) return dtype;
  }
  throw_buffer_error("its type is none of uint8, uint16, int32, int64, float32 and float64");
  return DType::uint8;
}

Device device_from(dlpack::Device device) {
  if (device.type == dlpack::cpu || device.type == dlpack::cuda_host) return {};
  if (device.type != dlpack::cuda) throw_buffer_error("it lies neither on the CPU nor on a CUDA GPU");
  return Device::cuda(device.id);
}

template <class Message>
Tensor take(const py::capsule& capsule) {
  auto* const message = static_cast<Message*>(PyCapsule_GetPointer(capsule.ptr(), Message::capsule));
  if constexpr (std::is_same_v<Message, dlpack::ManagedVersioned>) {
    if (message->version.major != 1) throw_buffer_error("it speaks DLPack " + std::to_string(message->version.major) + ", not 0 or 1");
    if (message->flags & dlpack::read_only) throw_buffer_error("it is read-only");
  }
  const dlpack::Array& array = message->array;
  const Shape shape = shape_from(array);
  const DType dtype = dtype_from(array.dtype);
  const Device device = device_from(array.device);
  PyCapsule_SetName(capsule.ptr(), Message::used);  // from here on it is ours to give back
  // The deleter is the other library's and may want the GIL, which whoever drops the last reference may not have.
  std::shared_ptr<void> memory(static_cast<char*>(array.data) + array.byte_offset, [message](void*) {
    const py::gil_scoped_acquire gil;
    if (message->deleter != nullptr) message->deleter(message);
  });
  return Tensor(dtype, shape, device, std::move(memory));
}

Tensor from_dlpack(const py::capsule& capsule) {
  if (PyCapsule_IsValid(capsule.ptr(), dlpack::ManagedVersioned::capsule)) return take<dlpack::ManagedVersioned>(capsule);
  if (PyCapsule_IsValid(capsule.ptr(), dlpack::Managed::capsule)) return take<dlpack::Managed>(capsule);
  throw_buffer_error("this DLPack capsule has been used already, or is none");
  throw py::error_already_set();
}

// The stream of the library on that GPU, for a producer's __dlpack__.
intptr_t stream_of(int gpu) {
  intptr_t stream = 0;
  without_gil([&] { stream = reinterpret_cast<intptr_t>(device::parallel(Device::cuda(gpu)).stream); });
  return stream;
}

void synchronize(const std::string& name) {
  without_gil([&] { device::synchronize(device_of("synchronize", name)); });
}

}  // namespace

void add_tensor(py::module_& module) {
  py::class_<Tensor>(module, "Tensor", py::module_local(),
                     "An array in a device's memory, dense, in C order (tensor.py has the public one).")
      .def(py::init(&tensor_from), py::arg("array"), py::arg("device"))
      .def_property_readonly("shape", [](const Tensor& tensor) { return tuple_of(tensor.shape()); })
      .def_property_readonly("dtype", [](const Tensor& tensor) { return py::dtype(name_of(tensor.dtype())); })
      .def_property_readonly("device", [](const Tensor& tensor) { return tensor.device().str(); })
      .def_property_readonly("dlpack_device",
                             [](const Tensor& tensor) {
                               const dlpack::Device device = dlpack_device(tensor.device());
                               return std::pair<int, int>(device.type, device.id);
                             })
      .def("to_numpy", &numpy_from)
      .def("copy", &copy_of)
      .def("to_dlpack", &to_dlpack, py::arg("stream"), py::arg("versioned"));
  module.def("from_dlpack", &from_dlpack, py::arg("capsule"));
  module.def("stream", &stream_of, py::arg("gpu"), "The library's stream on that GPU, as an address.");
  module.def("synchronize", &synchronize, py::arg("device"), "Waits for the device, and raises what went wrong there.");
}

}  // namespace fastcnn::bindings
