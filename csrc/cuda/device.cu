// The CUDA backend's devices: which are there, their memory, their streams (core/device.h). No CUDA call is made before somebody asks for a
// device.
#include "core/device.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>
#include <sstream>

#include "core/errors.h"
#include "cuda/launch.cuh"

namespace fastcnn::cuda {
namespace {

// Throws DeviceError where a call failed; what: what was tried.
void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // forgotten, where that is possible: the device stays usable
  throw DeviceError(std::string("cuda: ") + what + " failed: " + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) + ")");
}

__global__ void nothing() {}

std::string described(cudaError_t error) { return std::string(cudaGetErrorString(error)) + " (" + cudaGetErrorName(error) + ")"; }

// Whether the build has machine code, or PTX, for it.
std::string why_no_kernels(int index) try {
  const OnDevice here(index);
  cudaFuncAttributes attributes = {};
  const cudaError_t error = cudaFuncGetAttributes(&attributes, nothing);
  if (error == cudaSuccess) return "";
  cudaGetLastError();
  cudaDeviceProp gpu = {};
  cudaGetDeviceProperties(&gpu, index);
  if (error == cudaErrorNoKernelImageForDevice)
    return "this build has no kernels for the GPU's architecture, " + std::to_string(gpu.major) + "." + std::to_string(gpu.minor) + " (" +
           gpu.name + ")";
  return described(error);
} catch (const DeviceError& error) {
  return error.what();
}

// 13000 as "13.0".
std::string version(int number) { return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10); }

// CUDA does not survive a fork: neither its context nor anything in it can be used by the child. The first process that asked for it has
// it.
std::atomic<pid_t> owner{0};

bool forked() {
  pid_t nobody = 0;
  return !owner.compare_exchange_strong(nobody, getpid()) && nobody != getpid();
}

constexpr const char* after_fork =
    "this process was forked from one that had used the GPU, and CUDA cannot be used in both; start it by multiprocessing's 'spawn' "
    "instead";

void throw_if_forked() {
  if (forked()) throw DeviceError(std::string("cuda: ") + after_fork);
}

class Gpus : public device::Backend {
 public:
  std::string why_not(int index) override {
    int driver = 0, runtime = 0, count = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    if (driver == 0) return "no NVIDIA driver is installed";
    if (forked()) return after_fork;
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error == cudaSuccess && count > 0) {
      const int usable = std::min(count, most_gpus);
      if (index < usable) return why_no_kernels(index);
      return "there " + (usable == 1 ? std::string("is 1 GPU, number 0") : "are " + std::to_string(usable) + " GPUs, numbered from 0");
    }
    cudaGetLastError();
    if (error == cudaErrorInsufficientDriver)
      return "the NVIDIA driver is too old: it knows CUDA " + version(driver) + ", but this build needs " + version(runtime);
    if (error == cudaErrorNoDevice || error == cudaSuccess) return "the NVIDIA driver finds no GPU";
    return described(error);
  }

  std::string name(int index) override {
    throw_if_forked();
    cudaDeviceProp gpu = {};
    check(cudaGetDeviceProperties(&gpu, index), "asking for a GPU's name");
    return gpu.name;
  }

  void* allocate(int index, size_t bytes) override {
    throw_if_forked();
    const OnDevice here(index);
    void* memory = nullptr;
    const cudaError_t error = cudaMalloc(&memory, bytes);
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      size_t free = 0, total = 0;
      cudaMemGetInfo(&free, &total);
      std::ostringstream text;
      text << "cuda: " << bytes << " bytes of device memory were asked for, but " << free << " of " << total << " are free";
      throw OutOfMemory(text.str());
    }
    check(error, "cudaMalloc");
    return memory;
  }

  void release(int, void* memory) noexcept override {
    if (!forked()) cudaFree(memory);
  }

  void copy_in(int index, void* to, const void* from, size_t bytes) override {
    copy_on_stream(index, to, from, bytes, cudaMemcpyHostToDevice, "copying to the device");
  }

  // Throws no fault: what belongs together is brought back together.
  void copy_out(int index, void* to, const void* from, size_t bytes) override {
    copy_on_stream(index, to, from, bytes, cudaMemcpyDeviceToHost, "copying from the device");
    wait(index);
  }

  void copy(int index, void* to, const void* from, size_t bytes) override {
    copy_on_stream(index, to, from, bytes, cudaMemcpyDeviceToDevice, "copying within the device");
  }

  void fill_with_zeros(int index, void* memory, size_t bytes) override {
    const cudaStream_t stream = stream_of(index);
    const OnDevice here(index);
    check(cudaMemsetAsync(memory, 0, bytes, stream), "filling memory");
  }

  void synchronize(int index) override {
    wait(index);
    Fault found;
    {
      const std::lock_guard<std::mutex> one_takes_it(fault_mutex_);
      found = *fault_of(index);
      fault_of(index)->raise = nullptr;
    }
    if (found.raise != nullptr) found.raise(found);
  }

  void* stream(int index) override { return stream_of(index); }

  void let_wait(int index, void* stream) override {
    const cudaStream_t ours = stream_of(index);
    const OnDevice here(index);
    cudaEvent_t event = nullptr;
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
    const cudaError_t recorded = cudaEventRecord(event, ours);
    const cudaError_t waits = recorded == cudaSuccess ? cudaStreamWaitEvent(static_cast<cudaStream_t>(stream), event, 0) : recorded;
    cudaEventDestroy(event);  // once it has happened
    check(waits, "letting another stream wait");
  }

  Fault* fault(int index) override { return fault_of(index); }

 private:
  static constexpr int most_gpus = 64;

  struct Gpu {
    std::once_flag once;
    cudaStream_t stream = nullptr;
    Fault* fault = nullptr;
  };

  // Made when it is first asked for.
  Gpu& prepared(int index) {
    throw_if_forked();
    Gpu& gpu = gpus_.at(static_cast<size_t>(index));
    std::call_once(gpu.once, [&] {
      const OnDevice here(index);
      check(cudaHostAlloc(&gpu.fault, sizeof(Fault), cudaHostAllocMapped | cudaHostAllocPortable), "taking pinned memory");
      *gpu.fault = {};
      check(cudaStreamCreateWithFlags(&gpu.stream, cudaStreamNonBlocking), "making a stream");
    });
    return gpu;
  }

  cudaStream_t stream_of(int index) { return prepared(index).stream; }
  Fault* fault_of(int index) { return prepared(index).fault; }

  void copy_on_stream(int index, void* to, const void* from, size_t bytes, cudaMemcpyKind kind, const char* what) {
    const cudaStream_t stream = stream_of(index);
    const OnDevice here(index);
    check(cudaMemcpyAsync(to, from, bytes, kind, stream), what);
  }

  void wait(int index) {
    const cudaStream_t stream = stream_of(index);
    const OnDevice here(index);
    check(cudaStreamSynchronize(stream), "a kernel");
  }

  std::array<Gpu, most_gpus> gpus_;
  std::mutex fault_mutex_;
};

const bool provided = [] {
  device::provide_cuda(*new Gpus);  // never destroyed: memory is released until the very end of the process
  return true;
}();

}  // namespace

OnDevice::OnDevice(int index) : before_(index) {
  cudaGetDevice(&before_);
  changed_ = before_ != index;
  if (changed_) check(cudaSetDevice(index), "choosing the device");
}

OnDevice::~OnDevice() {
  if (changed_ && cudaSetDevice(before_) != cudaSuccess) cudaGetLastError();  // its trouble is not that of the work here
}

void throw_if_launch_failed() { check(cudaGetLastError(), "a launch"); }

}  // namespace fastcnn::cuda
