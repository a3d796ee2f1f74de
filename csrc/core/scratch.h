// Scratch memory of one user (a plan, or a thread that calls operations): one aligned block that only grows, so that a step
// which has run once allocates nothing. Its contents do not outlive the operation that asked for it.
#pragma once

#include <cstddef>
#include <utility>

#include "core/device.h"

namespace fastcnn {

constexpr size_t cache_line = 64;

// Owns a block of a device's memory that begins at a cache line.
class AlignedBlock {
 public:
  AlignedBlock() = default;
  explicit AlignedBlock(size_t bytes, Device device = {}) : bytes_(bytes), device_(device) {
    if (bytes > 0) data_ = device::allocate(device, bytes);
  }
  AlignedBlock(AlignedBlock&& other) noexcept { swap(other); }
  AlignedBlock& operator=(AlignedBlock&& other) noexcept {
    swap(other);
    return *this;
  }
  ~AlignedBlock() { device::release(device_, data_); }

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  void swap(AlignedBlock& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(device_, other.device_);
  }
  void* data_ = nullptr;
  size_t bytes_ = 0;
  Device device_;
};

// Of one device.
class Scratch {
 public:
  void* get(size_t bytes, Device device) {
    if (bytes > block_.bytes()) {
      block_ = AlignedBlock();  // first, so that the old and the new one are never held together
      block_ = AlignedBlock(bytes, device);
    }
    return block_.data();
  }

 private:
  AlignedBlock block_;
};

}  // namespace fastcnn
