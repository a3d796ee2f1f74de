// The part of CUDA's runtime that host code uses, with CUDA's signatures and errors, for two devices that do everything at once.
//
// An allocation is a heap block of its exact size, full of NaNs. A copy or a fill must lie in an allocation on the device's side, and
// outside of all on the host's, or it is cudaErrorInvalidValue.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInitializationError = 3,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorNoKernelImageForDevice = 209,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorIllegalAddress = 700,
  cudaErrorLaunchFailure = 719,
};

enum cudaMemcpyKind { cudaMemcpyHostToHost, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice, cudaMemcpyDefault };

using cudaStream_t = struct CUstream_st*;
using cudaEvent_t = struct CUevent_st*;

struct CUstream_st {
  int device;
};
struct CUevent_st {
  std::chrono::steady_clock::time_point time;
  bool recorded;
};

constexpr unsigned cudaStreamDefault = 0, cudaStreamNonBlocking = 1;
constexpr unsigned cudaEventDefault = 0, cudaEventDisableTiming = 2;

struct cudaDeviceProp {
  char name[256];
  int major, minor;
  int multiProcessorCount;
  std::size_t totalGlobalMem, sharedMemPerBlock;
};

namespace simt {

constexpr int devices = 2;

inline thread_local cudaError_t last_error = cudaSuccess;
inline thread_local int current_device = 0;

inline cudaError_t result(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

// The devices' memory: its blocks by address, and how much of it there is in all.
class Memory {
 public:
  // null where there is not that much left.
  void* allocate(std::size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    void* block = nullptr;
    if (bytes > limit_ || used_ > limit_ - bytes || posix_memalign(&block, alignment, bytes) != 0) return nullptr;
    std::memset(block, 0xFF, bytes);  // NaN to whoever reads floats before writing them
    blocks_[static_cast<char*>(block)] = bytes;
    used_ += bytes;
    return block;
  }

  bool release(void* block) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = blocks_.find(static_cast<char*>(block));
    if (found == blocks_.end()) return false;
    used_ -= found->second;
    blocks_.erase(found);
    std::free(block);
    return true;
  }

  enum class Place { inside, outside, across };

  Place place(const void* start, std::size_t bytes) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const char* const first = static_cast<const char*>(start);
    const char* const last = first + bytes;
    auto after = blocks_.upper_bound(const_cast<char*>(first));
    if (after != blocks_.begin()) {
      const auto& [block, size] = *std::prev(after);
      if (std::less<>()(first, block + size)) return std::less_equal<>()(last, block + size) ? Place::inside : Place::across;
    }
    return after != blocks_.end() && std::less<>()(static_cast<const char*>(after->first), last) ? Place::across : Place::outside;
  }

  void set_limit(std::size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    limit_ = bytes;
  }
  std::size_t limit() const { return limit_; }
  std::size_t left() const { return used_ < limit_ ? limit_ - used_ : 0; }

 private:
  static constexpr std::size_t alignment = 256;  // cudaMalloc's

  mutable std::mutex mutex_;
  std::map<char*, std::size_t> blocks_;
  std::size_t used_ = 0, limit_ = std::size_t{4} << 30;
};

inline Memory memory;

// How much memory the device has: for tests of what happens when there is not enough. What is allocated stays so.
inline void set_memory_limit(std::size_t bytes) { memory.set_limit(bytes); }

// Is `bytes` at `start` where a copy of this kind has its device's (or its host's) side?
inline bool lies_well(const void* start, std::size_t bytes, bool on_device) {
  return memory.place(start, bytes) == (on_device ? Memory::Place::inside : Memory::Place::outside);
}

inline cudaError_t copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (bytes == 0) return cudaSuccess;
  bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (kind == cudaMemcpyDefault) {
    to_device = memory.place(to, bytes) == Memory::Place::inside;
    from_device = memory.place(from, bytes) == Memory::Place::inside;
  }
  if (!lies_well(to, bytes, to_device) || !lies_well(from, bytes, from_device)) return cudaErrorInvalidValue;
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

inline cudaError_t fill(void* start, int value, std::size_t bytes) {
  if (bytes == 0) return cudaSuccess;
  if (!lies_well(start, bytes, true)) return cudaErrorInvalidValue;
  std::memset(start, value, bytes);
  return cudaSuccess;
}

}  // namespace simt

// ---- errors

inline cudaError_t cudaPeekAtLastError() { return simt::last_error; }
inline cudaError_t cudaGetLastError() {
  const cudaError_t error = simt::last_error;
  simt::last_error = cudaSuccess;
  return error;
}

inline const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInitializationError: return "cudaErrorInitializationError";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorInsufficientDriver: return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorNoKernelImageForDevice: return "cudaErrorNoKernelImageForDevice";
    case cudaErrorInvalidResourceHandle: return "cudaErrorInvalidResourceHandle";
    case cudaErrorIllegalAddress: return "cudaErrorIllegalAddress";
    case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
  }
  return "unrecognized error code";
}

inline const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInitializationError: return "initialization error";
    case cudaErrorInvalidConfiguration: return "invalid configuration argument";
    case cudaErrorInsufficientDriver: return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorNoKernelImageForDevice: return "no kernel image is available for execution on the device";
    case cudaErrorInvalidResourceHandle: return "invalid resource handle";
    case cudaErrorIllegalAddress: return "an illegal memory access was encountered";
    case cudaErrorLaunchFailure: return "unspecified launch failure";
  }
  return "unrecognized error code";
}

// ---- the device

inline cudaError_t cudaGetDeviceCount(int* count) {
  *count = simt::devices;
  return cudaSuccess;
}
inline cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= simt::devices) return simt::result(cudaErrorInvalidDevice);
  simt::current_device = device;
  return cudaSuccess;
}
inline cudaError_t cudaGetDevice(int* device) {
  *device = simt::current_device;
  return cudaSuccess;
}
inline cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
inline cudaError_t cudaDriverGetVersion(int* version) {
  *version = 12000;
  return cudaSuccess;
}

struct cudaFuncAttributes {
  int maxThreadsPerBlock = 1024;
};
template <class Kernel>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, Kernel*) {
  *attributes = {};
  return cudaSuccess;
}

inline cudaError_t cudaRuntimeGetVersion(int* version) { return cudaDriverGetVersion(version); }

inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device < 0 || device >= simt::devices) return simt::result(cudaErrorInvalidDevice);
  *properties = {"SIMT emulation", 8, 0, 1, simt::memory.limit(), 48 << 10};
  return cudaSuccess;
}

// ---- memory

inline cudaError_t cudaMemGetInfo(std::size_t* left, std::size_t* total) {
  *left = simt::memory.left();
  *total = simt::memory.limit();
  return cudaSuccess;
}

template <class T>
cudaError_t cudaMalloc(T** pointer, std::size_t bytes) {
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  *pointer = static_cast<T*>(simt::memory.allocate(bytes));
  return simt::result(*pointer ? cudaSuccess : cudaErrorMemoryAllocation);
}
inline cudaError_t cudaFree(void* pointer) {
  return simt::result(!pointer || simt::memory.release(pointer) ? cudaSuccess : cudaErrorInvalidValue);
}

template <class T>
cudaError_t cudaMallocHost(T** pointer, std::size_t bytes) {
  *pointer = static_cast<T*>(std::malloc(bytes));
  return simt::result(*pointer || bytes == 0 ? cudaSuccess : cudaErrorMemoryAllocation);
}
constexpr unsigned cudaHostAllocPortable = 1, cudaHostAllocMapped = 2;
template <class T>
cudaError_t cudaHostAlloc(T** pointer, std::size_t bytes, unsigned) {
  return cudaMallocHost(pointer, bytes);
}
inline cudaError_t cudaFreeHost(void* pointer) {
  std::free(pointer);
  return cudaSuccess;
}

inline cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return simt::result(simt::copy(to, from, bytes, kind));
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t = nullptr) {
  return cudaMemcpy(to, from, bytes, kind);
}
inline cudaError_t cudaMemset(void* start, int value, std::size_t bytes) { return simt::result(simt::fill(start, value, bytes)); }
inline cudaError_t cudaMemsetAsync(void* start, int value, std::size_t bytes, cudaStream_t = nullptr) {
  return cudaMemset(start, value, bytes);
}

// ---- streams and events

inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st{simt::current_device};
  return cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }

inline cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = new CUevent_st{};
  return cudaSuccess;
}
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { return cudaEventCreate(event); }
inline cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t = nullptr) {
  *event = {std::chrono::steady_clock::now(), true};
  return cudaSuccess;
}
// stream may be one of CUDA's own: 0 and 1, the legacy default stream; 2, that of the thread.
inline cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t event, unsigned) {
  return simt::result(event->recorded ? cudaSuccess : cudaErrorInvalidResourceHandle);
}
inline cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
inline cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  if (!start->recorded || !end->recorded) return simt::result(cudaErrorInvalidResourceHandle);
  *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
  return cudaSuccess;
}
