// What a plan on a device that is not the CPU keeps there: the model's buffers, the batch, and the data set while it is held.
#pragma once

#include <vector>

#include "core/batch.h"
#include "core/scratch.h"

namespace fastcnn::runtime {

// A block of device memory that grows, and what was last copied to it.
class DeviceArray {
 public:
  // The memory, at least so many bytes of it (and at least one: null means something else).
  void* reserve(Device device, size_t bytes);
  // The same, filled from the CPU's `from`.
  void* copy(Device device, const void* from, size_t bytes);

 private:
  AlignedBlock block_;
};

struct DeviceCopies {
  DeviceArray parameters, gradients;
  std::vector<DeviceArray> slots;
  DeviceArray batch, batch_targets, rows;  // of one step
  DeviceArray data, targets;               // of the data set
  Samples held_data{};                     // what those are copies of
  const void* held_targets = nullptr;
  int64_t held_samples = 0;  // 0 where nothing is held
  bool model_held = false;
  bool model_changed = false;  // since it was last brought back
  std::vector<char> staging;   // the batch on its way, on the CPU

  // Whether these rows of these samples, or targets, lie on the device.
  bool holds(const Samples& samples, int64_t n) const;
  bool holds(const void* targets_, const int64_t* rows_, int64_t n) const;
};

// The samples that `rows` picks, side by side.
void pick(const void* data, int64_t row_bytes, int64_t sample_bytes, const int64_t* rows, int64_t n, std::vector<char>& to);

}  // namespace fastcnn::runtime
