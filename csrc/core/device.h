// The devices that operations run on, and their memory. A backend other than the CPU registers itself when it is linked in, so that nothing
// here asks whether it is.
#pragma once

#include <cstddef>
#include <string>

#include "core/fault.h"
#include "core/parallel.h"
#include "core/types.h"

namespace fastcnn::device {

// What a backend does for the library, for each of its devices by number. All but why_not and release throw DeviceError, allocate also
// OutOfMemory. Copies and kernels run in order, on the one stream of the device that is the library's.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string why_not(int index) = 0;  // empty where there is such a device and it works; else a sentence that says what is missing
  virtual std::string name(int index) = 0;     // the maker's
  virtual void* allocate(int index, size_t bytes) = 0;
  virtual void release(int index, void* memory) noexcept = 0;
  virtual void copy_in(int index, void* to, const void* from, size_t bytes) = 0;   // from the CPU
  virtual void copy_out(int index, void* to, const void* from, size_t bytes) = 0;  // to the CPU; waits
  virtual void copy(int index, void* to, const void* from, size_t bytes) = 0;      // within the device
  virtual void fill_with_zeros(int index, void* memory, size_t bytes) = 0;
  virtual void synchronize(int index) = 0;  // waits, and throws what went wrong since, faults that kernels found too
  virtual void* stream(int index) = 0;
  virtual void let_wait(int index, void* stream) = 0;  // another library's stream, for all that was given to ours
  virtual Fault* fault(int index) = 0;                 // of the device, in memory that the CPU sees too
};

void provide_cuda(Backend& backend);

// Why this GPU cannot be used; empty if it can. The first question wakes the driver.
std::string why_not_cuda(int index = 0);
// As its maker calls it: "NVIDIA H100 80GB HBM3".
std::string name(Device device);

// The device that operations on plain arrays run on. Until somebody chooses, and after choose_automatically(), it is the first GPU if that
// works and else the CPU, which is found out when it is first asked for.
Device current();
void set_current(Device device);  // throws DeviceError for one that does not work
void choose_automatically();
// Called when the automatic choice is a GPU, so that the user learns of it.
void set_announcer(void (*announce)(Device device));

// The functions of the device's backend; those of the CPU are the C library's. For a GPU that cannot be used they throw DeviceError.
void* allocate(Device device, size_t bytes);  // bytes > 0
void release(Device device, void* memory) noexcept;
void copy_in(Device device, void* to, const void* from, size_t bytes);
void copy_out(Device device, void* to, const void* from, size_t bytes);
void copy(Device device, void* to, const void* from, size_t bytes);
void fill_with_zeros(Device device, void* memory, size_t bytes);
void synchronize(Device device);
// What another library does next on its stream waits for all that the device was given so far.
void let_wait(Device device, void* stream);
// Where a kernel on the device (no CPU) leaves what it finds wrong.
Fault* fault(Device device);

// Whether FASTCNN_CUDA_SYNC=1 asks for a wait after every stage of a plan and every operation, so that an error is reported where it was
// made.
bool synchronous();

// What a kernel on this device is given: the pool's loop, or the stream.
Parallel parallel(Device device);

}  // namespace fastcnn::device
