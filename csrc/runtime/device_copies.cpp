#include "runtime/device_copies.h"

#include <algorithm>
#include <cstring>
#include <functional>

namespace fastcnn::runtime {

void* DeviceArray::reserve(Device device, size_t bytes) {
  if (bytes > block_.bytes() || block_.data() == nullptr) {
    block_ = AlignedBlock();  // first, so that the old and the new one are never held together
    block_ = AlignedBlock(bytes > 0 ? bytes : 1, device);
  }
  return block_.data();
}

void* DeviceArray::copy(Device device, const void* from, size_t bytes) {
  void* const to = reserve(device, bytes);
  device::copy_in(device, to, from, bytes);
  return to;
}

const void* data_of(const Targets& targets) {
  return targets.classes != nullptr ? static_cast<const void*>(targets.classes) : targets.values;
}

bool DeviceCopies::holds(const Batch& asked) const {
  const Samples& samples = asked.samples;
  const void* const wanted = data_of(asked.targets);
  return held.n > 0 && samples.data == held.samples.data && samples.dtype == held.samples.dtype &&
         samples.row_bytes == held.samples.row_bytes &&
         (wanted == nullptr || (wanted == data_of(held.targets) && asked.targets.weights == held.targets.weights)) &&
         samples.rows != nullptr && std::all_of(samples.rows, samples.rows + asked.n, [this](int64_t row) { return row < held.n; });
}

const int64_t* DeviceCopies::rows_of(Device device, const Batch& asked) {
  const int64_t* const wanted = asked.samples.rows;
  const bool in_order =
      held_order != nullptr && !std::less<>()(wanted, held_order) && !std::less<>()(held_order + held_order_size, wanted + asked.n);
  if (in_order) return static_cast<const int64_t*>(order.data()) + (wanted - held_order);
  return static_cast<const int64_t*>(rows.copy(device, wanted, static_cast<size_t>(asked.n) * sizeof(int64_t)));
}

void pick(const void* data, int64_t row_bytes, int64_t sample_bytes, const int64_t* rows, int64_t n, std::vector<char>& to) {
  to.resize(static_cast<size_t>(n * sample_bytes));
  for (int64_t i = 0; i < n; ++i) {
    const int64_t row = rows == nullptr ? i : rows[i];
    std::memcpy(to.data() + i * sample_bytes, static_cast<const char*>(data) + row * row_bytes, static_cast<size_t>(sample_bytes));
  }
}

}  // namespace fastcnn::runtime
