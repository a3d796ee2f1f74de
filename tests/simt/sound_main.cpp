// Prints, a line each, the kernels of sound.cu that fail under one of 20 seeds, and the promises of the runtime that are not kept.
#include "sound.h"

#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "simt.h"

namespace {

int failures = 0;

void check(bool holds, const char* what) {
  if (holds) return;
  std::printf("%s\n", what);
  ++failures;
}

void check_kernels() {
  const struct {
    const char* name;
    bool (*right)();
  } kernels[] = {{"block sums", block_sums_are_right}, {"transpose", transpose_is_right}, {"ordered lanes", ordered_lanes_are_right},
                 {"shuffles", shuffles_are_right},     {"votes", votes_are_right},        {"atomics", atomics_are_right}};
  for (unsigned seed = 0; seed < 20; ++seed) {
    simt::set_seed(seed);
    for (const auto& kernel : kernels) try {
        check(kernel.right(), kernel.name);
      } catch (const simt::Fault& fault) {
        check(false, fault.what());
      }
  }
}

void check_memory() {
  char* data;
  char host[100] = {};
  check(cudaMalloc(&data, 100) == cudaSuccess, "memory is allocated");
  check(cudaMemcpy(host, data, 100, cudaMemcpyDeviceToHost) == cudaSuccess && host[99] == '\xFF', "memory is full of NaNs");
  check(cudaMemcpy(host, data + 1, 100, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue, "a copy past the end is an error");
  check(cudaMemset(data + 99, 0, 2) == cudaErrorInvalidValue, "a fill past the end is an error");
  check(cudaMemcpy(data, host, 100, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue, "a copy to the wrong side is an error");
  check(cudaMemcpy(host, host + 50, 10, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue, "the host's memory is not the device's");
  check(cudaMemcpy(host, data, 100, cudaMemcpyDefault) == cudaSuccess, "a copy finds its direction");
  check(cudaFree(data + 1) == cudaErrorInvalidValue && cudaFree(nullptr) == cudaSuccess, "only allocations are freed");
  check(cudaFree(data) == cudaSuccess && cudaFree(data) == cudaErrorInvalidValue, "an allocation is freed once");
  cudaGetLastError();
}

void check_devices() {
  int count = 0, current = -1;
  cudaStream_t stream;
  check(cudaGetDeviceCount(&count) == cudaSuccess && count == 2, "there are two devices");
  check(cudaSetDevice(2) == cudaErrorInvalidDevice && cudaGetDevice(&current) == cudaSuccess && current == 0, "and no third");
  check(cudaSetDevice(1) == cudaSuccess && cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess, "each has streams");
  cudaGetLastError();
  bool ran = false;
  simt::launch(dim3(1), dim3(1), stream, [&] { ran = true; });
  check(ran && cudaPeekAtLastError() == cudaSuccess, "a kernel runs on a stream of the current device");
  cudaSetDevice(0);
  ran = false;
  simt::launch(dim3(1), dim3(1), stream, [&] { ran = true; });
  check(!ran && cudaGetLastError() == cudaErrorInvalidResourceHandle, "and on no other");
  cudaStreamDestroy(stream);
}

void check_limit() {
  std::size_t left, total;
  simt::set_memory_limit(1000);
  char *first, *second;
  check(cudaMalloc(&first, 600) == cudaSuccess && cudaMalloc(&second, 500) == cudaErrorMemoryAllocation, "memory comes to an end");
  check(cudaMemGetInfo(&left, &total) == cudaSuccess && left == 400 && total == 1000, "what is left is known");
  check(cudaPeekAtLastError() == cudaErrorMemoryAllocation && cudaGetLastError() == cudaErrorMemoryAllocation, "errors are remembered");
  check(cudaGetLastError() == cudaSuccess, "errors are forgotten once read");
  check(std::strcmp(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory") == 0, "errors have words");
  cudaFree(first);
}

void nothing() {}

void check_launches() {
  for (const auto& [grid, block] : std::vector<std::pair<dim3, dim3>>{{0, 32}, {1, 0}, {1, 1025}, {1, dim3(64, 32)}, {dim3(1, 65536), 1}}) {
    simt::launch(grid, block, nullptr, nothing);
    check(cudaGetLastError() == cudaErrorInvalidConfiguration, "an impossible launch is an error");
  }
  simt::launch(2, 1024, nullptr, nothing);
  check(cudaGetLastError() == cudaSuccess, "a possible launch is none");
}

void check_device() {
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, 0) == cudaSuccess && properties.sharedMemPerBlock == 48 << 10, "the device has properties");
}

void check_events() {
  cudaStream_t stream;
  cudaEvent_t start, end;
  float milliseconds = -1;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  cudaEventCreate(&start);
  cudaEventCreate(&end);
  cudaEventRecord(start, stream);
  check(cudaEventElapsedTime(&milliseconds, start, end) == cudaErrorInvalidResourceHandle, "an event that was not recorded has no time");
  cudaEventRecord(end, stream);
  check(cudaEventElapsedTime(&milliseconds, start, end) == cudaSuccess && milliseconds >= 0, "time passes between events");
  cudaEventDestroy(start);
  cudaEventDestroy(end);
  cudaStreamDestroy(stream);
}

}  // namespace

int main() {
  check_kernels();
  check_memory();
  check_devices();
  check_limit();
  check_launches();
  check_device();
  check_events();
  return failures != 0;
}
