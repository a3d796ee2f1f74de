#include "runtime/device_copies.h"

#include <algorithm>
#include <cstring>

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

namespace {

bool below(const int64_t* rows, int64_t n, int64_t end) {
  return rows != nullptr && std::all_of(rows, rows + n, [end](int64_t row) { return row < end; });
}

}  // namespace

bool DeviceCopies::holds(const Samples& samples, int64_t n) const {
  return held_samples > 0 && samples.data == held_data.data && samples.dtype == held_data.dtype &&
         samples.row_bytes == held_data.row_bytes && below(samples.rows, n, held_samples);
}

bool DeviceCopies::holds(const void* targets_, const int64_t* rows_, int64_t n) const {
  return held_samples > 0 && targets_ == held_targets && below(rows_, n, held_samples);
}

void pick(const void* data, int64_t row_bytes, int64_t sample_bytes, const int64_t* rows, int64_t n, std::vector<char>& to) {
  to.resize(static_cast<size_t>(n * sample_bytes));
  for (int64_t i = 0; i < n; ++i) {
    const int64_t row = rows == nullptr ? i : rows[i];
    std::memcpy(to.data() + i * sample_bytes, static_cast<const char*>(data) + row * row_bytes, static_cast<size_t>(sample_bytes));
  }
}

}  // namespace fastcnn::runtime
