// The CUDA backend's device: is there one, its memory, its stream (core/device.h). No CUDA call is made before somebody asks for the
// device.
#include "core/device.h"

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

std::string why_not() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) return "";
  cudaGetLastError();
  return error == cudaSuccess ? "the driver finds no GPU" : std::string(cudaGetErrorString(error)) + " (" + cudaGetErrorName(error) + ")";
}

void* allocate(size_t bytes) {
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

void release(void* memory) { cudaFree(memory); }

void copy_in(void* to, const void* from, size_t bytes, void* stream) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, static_cast<cudaStream_t>(stream)), "copying to the device");
}

void synchronize(void* stream) {
  check(cudaStreamSynchronize(static_cast<cudaStream_t>(stream)), "a kernel");
  check(cudaGetLastError(), "a launch");
}

void copy_out(void* to, const void* from, size_t bytes, void* stream) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, static_cast<cudaStream_t>(stream)), "copying from the device");
  synchronize(stream);
}

// One for the process, made when it is first asked for.
void* stream() {
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
}  // namespace fastcnn::cuda
