// What the bindings of the operations share: how sizes, padding and optional arrays come in, and how they get to the device that the
// operation runs on.
#pragma once

#include <pybind11/stl.h>

#include <map>
#include <optional>
#include <variant>

#include "bindings/arrays.h"
#include "bindings/gil.h"
#include "core/context.h"
#include "ops/window.h"

namespace fastcnn::bindings {

using Pair = std::array<int64_t, 2>;
using PaddingArgument = std::variant<std::string, std::array<int64_t, 4>>;

inline Padding padding_of(const char* operation, const PaddingArgument& padding) {
  if (const auto* name = std::get_if<std::string>(&padding)) return parse_padding(operation, name->c_str());
  return {Padding::Kind::explicit_, std::get<std::array<int64_t, 4>>(padding)};
}

// One call of an operation on arrays, and where it runs. On the CPU the kernels get the arrays themselves; on another device, copies that
// lie there, of which finish() brings back the results. One a thread at a time; its scratch memory is kept.
class Call {
 public:
  Call() : context(context_of(device::current())) {}

  Context& context;

  template <class T>
  const T* in(const Array<T>& array) {
    return in(array.data(), array.size());
  }
  // Null for None.
  template <class T>
  const T* in(const std::optional<Array<T>>& array) {
    return array ? in(*array) : nullptr;
  }
  template <class T>
  const T* in(const T* data, int64_t size) {
    if (context.device.is_cpu() || data == nullptr) return data;
    return static_cast<const T*>(copy_of(data, static_cast<size_t>(size) * sizeof(T)));
  }
  // A result, all of which the operation writes.
  template <class T>
  T* out(T* data, int64_t size) {
    if (context.device.is_cpu()) return data;
    return static_cast<T*>(result(data, static_cast<size_t>(size) * sizeof(T), nullptr));
  }
  // What the operation changes in place. Null for null.
  template <class T>
  T* in_out(T* data, int64_t size) {
    if (context.device.is_cpu() || data == nullptr) return data;
    return static_cast<T*>(result(data, static_cast<size_t>(size) * sizeof(T), data));
  }

  // Waits for the operation; its results are where they were asked for.
  void finish() {
    for (const Result& result : results_) device::copy_out(context.device, result.host, result.memory, result.bytes);
    device::synchronize(context.device);
  }

 private:
  struct Result {
    void* host;
    const void* memory;
    size_t bytes;
  };

  static Context& context_of(Device device) {
    thread_local std::map<int, Context> contexts;
    return contexts.try_emplace(device.index(), Context{device, {}}).first->second;
  }

  void* copy_of(const void* data, size_t bytes) {
    void* const memory = block(bytes);
    device::copy_in(context.device, memory, data, bytes);
    return memory;
  }

  void* result(void* host, size_t bytes, const void* before) {
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

  std::vector<AlignedBlock> blocks_;
  std::vector<Result> results_;
};

// Runs work(call) without the GIL, to its end.
template <class Work>
void run_call(const Work& work) {
  without_gil([&] {
    Call call;
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
