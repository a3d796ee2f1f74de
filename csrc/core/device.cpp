#include "core/device.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include "core/errors.h"
#include "core/pool.h"
#include "core/scratch.h"

namespace fastcnn::device {
namespace {

// Set while the library is loaded, before anybody asks.
Backend*& cuda() {
  static Backend* backend = nullptr;
  return backend;
}

std::atomic<Device> chosen{Device::cpu};

}  // namespace

void provide_cuda(const Backend& backend) { cuda() = new Backend(backend); }

std::string why_not_cuda() {
  return cuda() == nullptr ? std::string("this build of fastcnn was made without CUDA (") + FASTCNN_CUDA_REASON + ")" : cuda()->why_not();
}

Device current() { return chosen.load(std::memory_order_relaxed); }

void set_current(Device device) {
  if (device == Device::cuda) {
    const std::string reason = why_not_cuda();
    if (!reason.empty()) throw DeviceError("device cuda: " + reason);
  }
  chosen.store(device, std::memory_order_relaxed);
}

void* allocate(Device device, size_t bytes) {
  if (device == Device::cuda) return cuda()->allocate(bytes);
  void* const memory = std::aligned_alloc(cache_line, (bytes + cache_line - 1) / cache_line * cache_line);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void release(Device device, void* memory) noexcept {
  if (memory == nullptr) return;
  if (device == Device::cuda)
    cuda()->release(memory);
  else
    std::free(memory);
}

void copy_in(Device device, void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  if (device == Device::cuda)
    cuda()->copy_in(to, from, bytes, cuda()->stream());
  else
    std::memcpy(to, from, bytes);
}

void copy_out(Device device, void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  if (device == Device::cuda)
    cuda()->copy_out(to, from, bytes, cuda()->stream());
  else
    std::memcpy(to, from, bytes);
}

void synchronize(Device device) {
  if (device == Device::cuda) cuda()->synchronize(cuda()->stream());
}

bool synchronous() {
  static const bool asked = [] {
    const char* value = std::getenv("FASTCNN_CUDA_SYNC");
    return value != nullptr && std::strcmp(value, "1") == 0;
  }();
  return asked;
}

Parallel parallel(Device device) { return device == Device::cuda ? Parallel{nullptr, nullptr, 1, cuda()->stream()} : pool::parallel(); }

}  // namespace fastcnn::device
