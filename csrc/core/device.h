// The devices that operations run on, and their memory. A backend other than the CPU registers itself when it is linked in, so that nothing
// here asks whether it is.
#pragma once

#include <cstddef>
#include <string>

#include "core/parallel.h"
#include "core/types.h"

namespace fastcnn::device {

// What a backend does for the library. Its functions throw DeviceError, allocate also OutOfMemory.
struct Backend {
  std::string (*why_not)();  // empty where there is a device that works; else one sentence that says what is missing
  void* (*allocate)(size_t bytes);
  void (*release)(void* memory);
  void (*copy_in)(void* to, const void* from, size_t bytes, void* stream);   // from the CPU
  void (*copy_out)(void* to, const void* from, size_t bytes, void* stream);  // to the CPU; waits
  void (*synchronize)(void* stream);                                         // waits, and throws what went wrong since
  void* (*stream)();                                                         // that of the library
};

void provide_cuda(const Backend& backend);

// Why CUDA cannot be used here; empty if it can.
std::string why_not_cuda();

// The device that operations on plain arrays run on: the CPU, until somebody asks for another one. Throws DeviceError for one that does not
// work.
Device current();
void set_current(Device device);

// The functions of the device's backend; those of the CPU are the C library's.
void* allocate(Device device, size_t bytes);  // bytes > 0
void release(Device device, void* memory) noexcept;
void copy_in(Device device, void* to, const void* from, size_t bytes);
void copy_out(Device device, void* to, const void* from, size_t bytes);
void synchronize(Device device);

// Whether FASTCNN_CUDA_SYNC=1 asks for a wait after every stage of a plan, so that an error is reported where it was made.
bool synchronous();

// What a kernel on this device is given: the pool's loop, or the stream.
Parallel parallel(Device device);

}  // namespace fastcnn::device
