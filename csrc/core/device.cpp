#include "core/device.h"

#include <sys/mman.h>

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

// The number of a GPU, or one of these.
constexpr int the_cpu = -1, undecided = -2;
std::atomic<int> chosen{undecided};
void (*announcer)(Device) = nullptr;

Device of_choice(int choice) { return choice == the_cpu ? Device() : Device::cuda(choice); }

}  // namespace

void provide_cuda(Backend& backend) { cuda() = &backend; }

std::string why_not_cuda(int index) {
  return cuda() == nullptr ? std::string("this build of fastcnn was made without CUDA (") + FASTCNN_CUDA_REASON + ")"
                           : cuda()->why_not(index);
}

namespace {

constexpr int remembered = 64;
std::atomic<bool> works[remembered];

// The backend of a GPU. Throws DeviceError for one that cannot be used.
Backend& usable(int index) {
  const bool known = index >= 0 && index < remembered && works[index].load(std::memory_order_relaxed);
  if (!known) {
    const std::string reason = why_not_cuda(index);
    if (!reason.empty()) throw DeviceError("device " + Device::cuda(index).str() + ": " + reason);
    if (index < remembered) works[index].store(true, std::memory_order_relaxed);
  }
  return *cuda();
}

}  // namespace

std::string name(Device device) { return device.is_cpu() ? "cpu" : usable(device.index()).name(device.index()); }

Device current() {
  int choice = chosen.load(std::memory_order_relaxed);
  if (choice == undecided) {
    const int found = why_not_cuda().empty() ? 0 : the_cpu;
    if (chosen.compare_exchange_strong(choice, found)) {
      choice = found;
      if (choice != the_cpu && announcer != nullptr) announcer(of_choice(choice));
    }
  }
  return of_choice(choice);
}

void set_current(Device device) {
  if (!device.is_cpu()) usable(device.index());
  chosen.store(device.is_cpu() ? the_cpu : device.index(), std::memory_order_relaxed);
}

void choose_automatically() { chosen.store(undecided, std::memory_order_relaxed); }

void set_announcer(void (*announce)(Device device)) { announcer = announce; }

// Large memory lies on large pages where the system has them for those who ask, so that fewer addresses need looking up: steps of VGG8
// take 0.96 (two threads) or 0.90 (one) of the time. Whole pages of that size alone: of what is never touched, at most one is resident.
void* allocate(Device device, size_t bytes) {
  if (!device.is_cpu()) return usable(device.index()).allocate(device.index(), bytes);
  constexpr size_t large_page = 2 << 20;
  const size_t whole_lines = (bytes + cache_line - 1) / cache_line * cache_line;
  void* memory = nullptr;
  if (posix_memalign(&memory, bytes < large_page ? cache_line : large_page, whole_lines) != 0) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (bytes >= large_page) madvise(memory, bytes / large_page * large_page, MADV_HUGEPAGE);  // refused or not, the memory is good
#endif
  return memory;
}

void release(Device device, void* memory) noexcept {
  if (memory == nullptr) return;
  if (device.is_cpu())
    std::free(memory);
  else
    cuda()->release(device.index(), memory);
}

void copy_in(Device device, void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  if (device.is_cpu())
    std::memcpy(to, from, bytes);
  else
    usable(device.index()).copy_in(device.index(), to, from, bytes);
}

void copy_out(Device device, void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  if (device.is_cpu())
    std::memcpy(to, from, bytes);
  else
    usable(device.index()).copy_out(device.index(), to, from, bytes);
}

void copy(Device device, void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  if (device.is_cpu())
    std::memcpy(to, from, bytes);
  else
    usable(device.index()).copy(device.index(), to, from, bytes);
}

void fill_with_zeros(Device device, void* memory, size_t bytes) {
  if (bytes == 0) return;
  if (device.is_cpu())
    std::memset(memory, 0, bytes);
  else
    usable(device.index()).fill_with_zeros(device.index(), memory, bytes);
}

void synchronize(Device device) {
  if (!device.is_cpu()) usable(device.index()).synchronize(device.index());
}

void let_wait(Device device, void* stream) {
  if (!device.is_cpu()) usable(device.index()).let_wait(device.index(), stream);
}

Fault* fault(Device device) { return usable(device.index()).fault(device.index()); }

bool synchronous() {
  static const bool asked = [] {
    const char* value = std::getenv("FASTCNN_CUDA_SYNC");
    return value != nullptr && std::strcmp(value, "1") == 0;
  }();
  return asked;
}

Parallel parallel(Device device) {
  return device.is_cpu() ? pool::parallel() : Parallel{nullptr, nullptr, 1, usable(device.index()).stream(device.index()), device.index()};
}

}  // namespace fastcnn::device
