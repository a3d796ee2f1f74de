// What a plan brings to a device that is not the CPU, and back: the model's buffers, batches, and whole data sets.
#include <algorithm>

#include "core/errors.h"
#include "core/pool.h"
#include "ops/gather.h"
#include "runtime/plan.h"

namespace fastcnn::runtime {

void Plan::fetch_gradients() {
  if (context_.device.is_cpu() || host_.gradients == nullptr) return;
  device::copy_out(context_.device, host_.gradients, memory_.gradients, static_cast<size_t>(host_.size) * sizeof(float));
}

void Plan::mixed_targets(float* to) {
  if (mixer_.empty() || last_n_ == 0 || mixer_.count() != last_n_) reject("plan", "the last batch was not mixed");
  device::copy_out(context_.device, to, mixer_.targets(), static_cast<size_t>(last_n_ * output_elements_) * sizeof(float));
}

void Plan::hold_model() {
  bring_model();
  copies_.model_held = !context_.device.is_cpu();
}

void Plan::release_model() {
  if (!copies_.model_held) return;
  copies_.model_held = false;
  fetch_model();
}

void Plan::hold_data(const Batch& all) {
  const Device device = context_.device;
  if (device.is_cpu()) return;
  try {
    copies_.held_samples = hold_samples(all);
    copies_.targets.copy(device, data_of(all.targets), static_cast<size_t>(all.n * target_bytes(all.targets)));
    if (all.targets.weights != nullptr) copies_.weights.copy(device, all.targets.weights, static_cast<size_t>(all.n) * sizeof(float));
  } catch (const OutOfMemory&) {
    release_data();  // the batches are brought one by one
    return;
  }
  copies_.held = all;
}

// All samples on the device, side by side; float64 as float32, which is what gathering makes of them first. They are sent in parts, so that
// this needs little memory here.
Samples Plan::hold_samples(const Batch& all) {
  constexpr int64_t part = 1024;
  Samples from = all.samples;
  from.rows = nullptr;  // all of them, as they lie
  const bool narrow = from.dtype == DType::float64;
  const DType dtype = narrow ? DType::float32 : from.dtype;
  const int64_t bytes = sample_bytes(dtype);
  auto* const to = static_cast<char*>(copies_.data.reserve(context_.device, static_cast<size_t>(all.n * bytes)));
  if (!narrow && from.row_bytes == bytes) {
    device::copy_in(context_.device, to, from.data, static_cast<size_t>(all.n * bytes));
    return {to, dtype, bytes, nullptr};
  }
  Context here;
  for (int64_t first = 0; first < all.n; first += part) {
    const int64_t n = std::min(part, all.n - first);
    from.data = static_cast<const char*>(all.samples.data) + first * from.row_bytes;
    if (narrow) {
      copies_.staging.resize(static_cast<size_t>(n * bytes));
      gather(here, from, n, input_elements(), 1, 0, reinterpret_cast<float*>(copies_.staging.data()));
      pool::throw_if_interrupted();
    } else {
      pick(from.data, from.row_bytes, bytes, nullptr, n, copies_.staging);
    }
    device::copy_in(context_.device, to + first * bytes, copies_.staging.data(), copies_.staging.size());
  }
  return {to, dtype, bytes, nullptr};
}

void Plan::hold_order(const int64_t* rows, int64_t n) {
  if (copies_.held.n == 0) return;
  copies_.held_order = nullptr;  // until it is there
  try {
    copies_.order.copy(context_.device, rows, static_cast<size_t>(n) * sizeof(int64_t));
  } catch (const OutOfMemory&) {
    return;  // each batch's rows are sent by themselves
  }
  copies_.held_order = rows;
  copies_.held_order_size = n;
}

void Plan::release_data() {
  copies_.held = {};
  copies_.held_order = nullptr;
  for (DeviceArray* array : {&copies_.data, &copies_.targets, &copies_.weights, &copies_.order}) *array = DeviceArray();
}

// The caller's buffers to the device, unless those there are the newer ones.
void Plan::bring_model() {
  if (context_.device.is_cpu() || copies_.model_held) return;
  const size_t bytes = static_cast<size_t>(host_.size) * sizeof(float);
  device::copy_in(context_.device, memory_.parameters, host_.parameters, bytes);
  for (size_t i = 0; i < host_.slots.size(); ++i) device::copy_in(context_.device, memory_.slots[i], host_.slots[i], bytes);
}

void Plan::fetch_model() {
  if (context_.device.is_cpu() || !copies_.model_changed) return;
  const size_t bytes = static_cast<size_t>(host_.size) * sizeof(float);
  device::copy_out(context_.device, host_.parameters, memory_.parameters, bytes);
  for (size_t i = 0; i < host_.slots.size(); ++i) device::copy_out(context_.device, host_.slots[i], memory_.slots[i], bytes);
  copies_.model_changed = false;
}

// The batch as the device's kernels can read it: the data set that is held there and the rows, or a copy of the batch alone.
Batch Plan::bring(const Batch& batch) {
  const Device device = context_.device;
  if (device.is_cpu()) return batch;
  Batch there = batch;
  const void* targets = nullptr;
  if (copies_.holds(batch)) {
    there.samples = copies_.held_samples;
    there.samples.rows = there.targets.rows = copies_.rows_of(device, batch);
    targets = copies_.targets.data();
    if (batch.targets.weights != nullptr) there.targets.weights = static_cast<const float*>(copies_.weights.data());
  } else {
    there.samples.rows = there.targets.rows = nullptr;
    there.samples.row_bytes = sample_bytes(batch.samples.dtype);
    pick(batch.samples.data, batch.samples.row_bytes, there.samples.row_bytes, batch.samples.rows, batch.n, copies_.staging);
    there.samples.data = copies_.batch.copy(device, copies_.staging.data(), copies_.staging.size());
    if (const void* wanted = data_of(batch.targets)) {
      const int64_t bytes = target_bytes(batch.targets);
      pick(wanted, bytes, bytes, batch.targets.rows, batch.n, copies_.staging);
      targets = copies_.batch_targets.copy(device, copies_.staging.data(), copies_.staging.size());
    }
    if (batch.targets.weights != nullptr) {
      pick(batch.targets.weights, sizeof(float), sizeof(float), batch.targets.rows, batch.n, copies_.staging);
      there.targets.weights = static_cast<const float*>(copies_.batch_weights.copy(device, copies_.staging.data(), copies_.staging.size()));
    }
  }
  if (batch.targets.classes != nullptr) there.targets.classes = static_cast<const int32_t*>(targets);
  if (batch.targets.values != nullptr) there.targets.values = static_cast<const float*>(targets);
  return there;
}

int64_t Plan::sample_bytes(DType dtype) const { return input_elements() * size_of(dtype); }

int64_t Plan::target_bytes(const Targets& targets) const {
  return targets.classes != nullptr ? static_cast<int64_t>(sizeof(int32_t)) : output_elements_ * static_cast<int64_t>(sizeof(float));
}

}  // namespace fastcnn::runtime
