// What the bindings of the operations share: how arrays, sizes and padding come in, where an operation runs, and how its operands get
// there.
//
// An operand is a numpy array or a Tensor (core/tensor.h). Operations on a Tensor run on its device and give Tensors. Those on numpy arrays
// alone run on the current device; where that is a GPU, the arrays are copied there and the results back.
#pragma once

#include <pybind11/stl.h>

#include <map>
#include <optional>
#include <variant>

#include "bindings/arrays.h"
#include "bindings/gil.h"
#include "core/context.h"
#include "core/tensor.h"
#include "ops/window.h"

namespace fastcnn::bindings {

using Pair = std::array<int64_t, 2>;
using PaddingArgument = std::variant<std::string, std::array<int64_t, 4>>;

inline Padding padding_of(const char* operation, const PaddingArgument& padding) {
  if (const auto* name = std::get_if<std::string>(&padding)) return parse_padding(operation, name->c_str());
  return {Padding::Kind::explicit_, std::get<std::array<int64_t, 4>>(padding)};
}

// A numpy array in C order, or a Tensor, of T; kept alive. Nothing is converted: ops/ has seen to that.
template <class T>
class Operand {
 public:
  // False where `object` is neither.
  bool take(const py::handle& object) {
    if (py::isinstance<Tensor>(object)) {
      const Tensor& tensor = object.cast<const Tensor&>();
      if (tensor.dtype() != DTypeOf<T>::value) return false;
      tensor_ = &tensor;
      data_ = static_cast<T*>(tensor.data());
      shape_ = tensor.shape();
    } else {
      if (!py::isinstance<Array<T>>(object)) return false;
      const auto array = py::reinterpret_borrow<Array<T>>(object);
      writeable_ = array.writeable();
      data_ = const_cast<T*>(array.data());
      shape_ = shape_of("operand", array);
    }
    owner_ = py::reinterpret_borrow<py::object>(object);
    return true;
  }

  T* data() const { return data_; }
  // Throws ArgumentError for a numpy array that is not writeable.
  void check_writeable(const char* operation) const {
    if (!writeable_) reject(operation, "an array that is updated in place is not writeable");
  }
  const Shape& shape() const { return shape_; }
  int64_t size() const { return shape_.elements(); }
  const Tensor* tensor() const { return tensor_; }  // null for a numpy array
  bool on_cpu() const { return tensor_ == nullptr || tensor_->device().is_cpu(); }

 private:
  py::object owner_;
  const Tensor* tensor_ = nullptr;
  T* data_ = nullptr;
  Shape shape_;
  bool writeable_ = true;
};

using FloatOperand = Operand<float>;
using OptionalFloats = std::optional<FloatOperand>;

// Where a call runs, and whether its results are Tensors.
struct Place {
  Device device;
  bool tensors = false;
  bool foreign = false;  // is memory of another library's among the operands, which it may use again when the call returns?

  template <class T>
  void see(const Operand<T>& operand) {
    if (operand.tensor() == nullptr) return;
    if (tensors && operand.tensor()->device() != device)
      reject("operands", "they lie on ", device.str(), " and on ", operand.tensor()->device().str());
    device = operand.tensor()->device();
    tensors = true;
    foreign = foreign || operand.tensor()->foreign();
  }
  template <class T>
  void see(const std::optional<Operand<T>>& operand) {
    if (operand) see(*operand);
  }
  // What may lie on the CPU wherever the others do.
  template <class T>
  void see_label(const Operand<T>& operand) {
    if (!operand.on_cpu()) see(operand);
  }
};

template <class... Operands>
Place place_of(const Operands&... operands) {
  Place place;
  (place.see(operands), ...);
  if (!place.tensors) place.device = device::current();
  return place;
}

// What an operation writes, all of it: a new numpy array or a new Tensor.
template <class T>
class Result {
 public:
  Result(const Place& place, const Shape& shape) : size_(shape.elements()) {
    if (place.tensors) {
      Tensor tensor(DTypeOf<T>::value, shape, place.device);
      data_ = static_cast<T*>(tensor.data());
      object = py::cast(std::move(tensor));
    } else {
      Array<T> array = new_array<T>(shape);
      data_ = array.mutable_data();
      object = array;
    }
  }

  py::object object;

  T* data() const { return data_; }
  int64_t size() const { return size_; }

 private:
  T* data_ = nullptr;
  int64_t size_;
};

// One call of an operation: gives the kernels what they can read and write where it runs. One a thread at a time; scratch memory is kept.
class Call {
 public:
  explicit Call(const Place& place) : context(context_of(place.device)), place_(place) {}

  Context& context;

  template <class T>
  const T* in(const Operand<T>& operand) {
    return stays(operand) ? operand.data() : in(operand.data(), operand.size());
  }
  // Of an array on the CPU.
  template <class T>
  const T* in(const T* data, int64_t size) {
    if (context.device.is_cpu()) return data;
    return static_cast<const T*>(copy_of(data, static_cast<size_t>(size) * sizeof(T)));
  }
  // Null for None.
  template <class T>
  const T* in(const std::optional<Operand<T>>& operand) {
    return operand ? in(*operand) : nullptr;
  }
  template <class T>
  T* out(const Result<T>& result) {
    if (context.device.is_cpu() || place_.tensors) return result.data();
    return static_cast<T*>(result_at(result.data(), static_cast<size_t>(result.size()) * sizeof(T), nullptr));
  }
  // What the operation changes in place.
  template <class T>
  T* in_out(const Operand<T>& operand) {
    if (stays(operand)) return operand.data();
    return static_cast<T*>(result_at(operand.data(), static_cast<size_t>(operand.size()) * sizeof(T), operand.data()));
  }

  // Brings back what does not lie where it was asked for. Waits for the operation, unless all that it uses is ours and stays on the device.
  void finish() {
    for (const Back& back : results_) device::copy_out(context.device, back.host, back.memory, back.bytes);
    if (!place_.tensors || place_.foreign || !blocks_.empty() || device::synchronous()) device::synchronize(context.device);
  }

 private:
  struct Back {
    void* host;
    const void* memory;
    size_t bytes;
  };

  static Context& context_of(Device device) {
    thread_local std::map<int, Context> contexts;
    return contexts.try_emplace(device.index(), Context{device, {}}).first->second;
  }

  template <class T>
  bool stays(const Operand<T>& operand) const {
    const Tensor* const tensor = operand.tensor();
    if (operand.on_cpu() && (tensor == nullptr || !context.device.is_cpu())) return context.device.is_cpu();
    if (tensor->device() != context.device)
      reject("operands", "one lies on ", tensor->device().str(), ", but the operation runs on ", context.device.str());
    return true;
  }

  void* copy_of(const void* data, size_t bytes) {
    void* const memory = block(bytes);
    device::copy_in(context.device, memory, data, bytes);
    return memory;
  }

  void* result_at(void* host, size_t bytes, const void* before) {
    void* const memory = block(bytes);
    if (before != nullptr) device::copy_in(context.device, memory, before, bytes);
    results_.push_back({host, memory, bytes});
    return memory;
  }

  // Never null, which would mean None.
  void* block(size_t bytes) {
    blocks_.emplace_back(bytes > 0 ? bytes : 1, context.device);
    return blocks_.back().data();
  }

  const Place& place_;
  std::vector<AlignedBlock> blocks_;
  std::vector<Back> results_;
};

// Runs work(call) without the GIL, to its end.
template <class Work>
void run_call(const Place& place, const Work& work) {
  without_gil([&] {
    Call call(place);
    work(call);
    call.finish();
  });
}

inline void check_shape(const char* operation, const char* name, const Shape& shape, const Shape& wanted) {
  if (shape != wanted) reject(operation, name, " must have shape ", wanted.str(), ", but has shape ", shape.str());
}

// A shape given as a tuple: argument `name`, whose four axes are `letters`.
inline Shape shape_of_tuple(const char* operation, const char* name, const char* letters, const std::vector<int64_t>& extents) {
  if (extents.size() != 4) reject(operation, name, " must be (", letters, "), but has ", extents.size(), " numbers");
  for (int64_t extent : extents)
    if (extent < 0) reject(operation, name, " must not be negative, but holds ", extent);
  return {extents[0], extents[1], extents[2], extents[3]};
}

}  // namespace fastcnn::bindings

namespace pybind11::detail {

template <class T>
struct type_caster<fastcnn::bindings::Operand<T>> {
  PYBIND11_TYPE_CASTER(fastcnn::bindings::Operand<T>,
                       const_name("numpy.typing.NDArray[") + npy_format_descriptor<T>::name + const_name("] | Tensor"));
  bool load(handle source, bool) { return value.take(source); }
};

}  // namespace pybind11::detail
