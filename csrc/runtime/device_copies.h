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
  void* data() const { return block_.data(); }

 private:
  AlignedBlock block_;
};

struct DeviceCopies {
  DeviceArray parameters, gradients;
  std::vector<DeviceArray> slots;
  DeviceArray batch, batch_targets, batch_weights, rows;  // of one step
  DeviceArray data, targets, weights, order;              // of the data set
  Batch held{};                                           // the caller's arrays that those are copies of; n is 0 where nothing is held
  Samples held_samples{};                                 // and how their samples lie on the device
  const int64_t* held_order = nullptr;                    // null where none is
  int64_t held_order_size = 0;
  bool model_held = false;
  bool model_changed = false;  // since it was last brought back
  std::vector<char> staging;   // the batch on its way, on the CPU

  // Whether the batch is one of the data set that is held.
  bool holds(const Batch& asked) const;
  // Where its rows lie on the device: in the order that is held, or else copied there now.
  const int64_t* rows_of(Device device, const Batch& asked);
};

const void* data_of(const Targets& targets);

// The samples that `rows` picks, side by side.
void pick(const void* data, int64_t row_bytes, int64_t sample_bytes, const int64_t* rows, int64_t n, std::vector<char>& to);

}  // namespace fastcnn::runtime
