// An array in a device's memory.
#pragma once

#include <memory>

#include "core/device.h"
#include "core/dtype.h"
#include "core/types.h"

namespace fastcnn {

// Dense, in C order. Copies share the memory.
class Tensor {
 public:
  // Uninitialized memory of its own. Throws what device::allocate throws.
  Tensor(DType dtype, const Shape& shape, Device device)
      : dtype_(dtype), shape_(shape), device_(device), memory_(device::allocate(device, bytes() > 0 ? bytes() : 1), Release{device}) {}
  // Memory of somebody else's, who is told by `memory`'s deleter when it is no longer needed.
  Tensor(DType dtype, const Shape& shape, Device device, std::shared_ptr<void> memory)
      : dtype_(dtype), shape_(shape), device_(device), memory_(std::move(memory)), foreign_(true) {}

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  Device device() const { return device_; }
  void* data() const { return memory_.get(); }
  size_t bytes() const { return static_cast<size_t>(shape_.elements() * size_of(dtype_)); }
  bool foreign() const { return foreign_; }

 private:
  struct Release {
    Device device;
    void operator()(void* memory) const { device::release(device, memory); }
  };

  DType dtype_;
  Shape shape_;
  Device device_;
  std::shared_ptr<void> memory_;
  bool foreign_ = false;
};

}  // namespace fastcnn
