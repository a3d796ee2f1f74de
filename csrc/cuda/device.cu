// The CUDA backend's device: is there one, its memory, its stream (core/device.h). No CUDA call is made before somebody asks for the
// device.
#include "core/device.h"

#include <unistd.h>

#include <atomic>
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

// Whether the build has machine code, or PTX, for it.
std::string why_not_first_gpu() {
  cudaFuncAttributes attributes = {};
  const cudaError_t error = cudaFuncGetAttributes(&attributes, nothing);
  if (error == cudaSuccess) return "";
  cudaGetLastError();
  cudaDeviceProp gpu = {};
  cudaGetDeviceProperties(&gpu, 0);
  if (error == cudaErrorNoKernelImageForDevice)
    return "this build has no kernels for the GPU's architecture, " + std::to_string(gpu.major) + "." + std::to_string(gpu.minor) + " (" +
           gpu.name + ")";
  return std::string(cudaGetErrorString(error)) + " (" + cudaGetErrorName(error) + ")";
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

std::string why_not() {
  if (forked()) return after_fork;
  int driver = 0, runtime = 0, count = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  if (driver == 0) return "no NVIDIA driver is installed";
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) return why_not_first_gpu();
  cudaGetLastError();
  if (error == cudaErrorInsufficientDriver)
    return "the NVIDIA driver is too old: it knows CUDA " + version(driver) + ", but this build needs " + version(runtime);
  if (error == cudaErrorNoDevice || error == cudaSuccess) return "the NVIDIA driver finds no GPU";
  return std::string(cudaGetErrorString(error)) + " (" + cudaGetErrorName(error) + ")";
}

// Before anything that touches the device. It is the first one, whatever other libraries have chosen on this thread.
void enter() {
  if (forked()) throw DeviceError(std::string("cuda: ") + after_fork);
  check(cudaSetDevice(0), "choosing the device");
}

void* allocate(size_t bytes) {
  enter();
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

void release(void* memory) {
  if (!forked()) cudaFree(memory);
}

void copy_in(void* to, const void* from, size_t bytes, void* stream) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, static_cast<cudaStream_t>(stream)), "copying to the device");
}

void synchronize(void* stream) { check(cudaStreamSynchronize(static_cast<cudaStream_t>(stream)), "a kernel"); }

void copy_out(void* to, const void* from, size_t bytes, void* stream) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, static_cast<cudaStream_t>(stream)), "copying from the device");
  synchronize(stream);
}

// One for the process, made when it is first asked for.
void* stream() {
  enter();
  static cudaStream_t made = [] {
    cudaStream_t stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
    return stream;
  }();
  return made;
}

const bool provided = [] {
  device::provide_cuda({why_not, allocate, release, copy_in, copy_out, synchronize, stream});
  return true;
}();

}  // namespace

void throw_if_launch_failed() { check(cudaGetLastError(), "a launch"); }

}  // namespace fastcnn::cuda
