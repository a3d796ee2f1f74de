#include "runtime/plan.h"

#include <algorithm>

#include "core/errors.h"
#include "core/pool.h"
#include "ops/gather.h"

namespace fastcnn::runtime {

Plan::Plan(const Description& description, const ModelMemory& memory, Device device)
    : activation_sizes_(description.activations),
      gradient_sizes_(description.gradients),
      totals_(sizeof(Totals), device),
      regularizations_(description.regularizations),
      learning_(description.learning),
      optimizer_attributes_(description.optimizer_attributes),
      host_(memory),
      memory_(memory),
      context_{device, {}} {
  reset_totals();
  if (!device.is_cpu()) {
    const size_t bytes = static_cast<size_t>(memory.size) * sizeof(float);
    memory_.parameters = static_cast<float*>(copies_.parameters.reserve(device, bytes));
    if (memory.gradients != nullptr) {
      // As the caller's: what lies between the variables is 0 and stays so.
      memory_.gradients = static_cast<float*>(copies_.gradients.copy(device, memory.gradients, bytes));
    }
    copies_.slots.resize(memory.slots.size());
    for (size_t i = 0; i < memory.slots.size(); ++i) memory_.slots[i] = static_cast<float*>(copies_.slots[i].reserve(device, bytes));
  }
  for (const StageDescription& stage : description.stages) stages_.push_back(bind(stage, description));
  for (const StageDescription& stage : description.head) head_.push_back(bind(stage, description));
  for (const StageDescription& stage : description.loss) loss_.push_back(bind(stage, description));
  const auto check = [&](const Range& range) {
    if (range.offset < 0 || range.size < 0 || range.offset + range.size > memory.size)
      reject("plan", "a range of weights lies outside the model's ", memory.size, " floats");
  };
  for (const Range& range : learning_) check(range);
  for (const Regularization& each : regularizations_) check(each.variable);
  if (!description.optimizer.empty()) optimizer_ = registry::optimizer(description.optimizer);
  const StageDescription& last = description.head.empty() ? description.stages.back() : description.head.back();
  output_elements_ = activation_sizes_.at(static_cast<size_t>(last.y));
}

Plan::Stage Plan::bind(const StageDescription& description, const Description& plan) const {
  Stage stage{description, registry::make(description.operation, description.attributes), AlignedBlock(), AlignedBlock()};
  std::vector<Shape> shapes;
  for (const Parameter& parameter : description.parameters) {
    if (parameter.offset < 0 || parameter.offset + parameter.shape.elements() > memory_.size)
      reject("plan", "a parameter of ", description.operation, " lies outside the model's ", memory_.size, " floats");
    shapes.push_back(parameter.shape);
  }
  const Shape output = stage.operation->bind(description.input, shapes);
  if (description.y >= 0 && output.elements() > plan.activations.at(static_cast<size_t>(description.y)))
    reject("plan", description.operation, " gives ", output.str(), ", more than its buffer holds");
  return stage;
}

// Makes room for n samples; called with the same n again it does nothing.
void Plan::reserve(int64_t n, bool training) {
  const Device device = context_.device;
  const auto grow = [n, device](std::vector<AlignedBlock>& blocks, const std::vector<int64_t>& sizes) {
    blocks.clear();  // first, so that the old and the new buffers are never held together
    for (int64_t size : sizes) blocks.emplace_back(static_cast<size_t>(n * size) * sizeof(float), device);
  };
  const auto save = [n, device](std::vector<Stage>& stages) {
    for (Stage& stage : stages) stage.saved = AlignedBlock(static_cast<size_t>(stage.operation->saved_bytes(n)), device);
  };
  if (n > capacity_) {
    capacity_ = 0;  // until all of it is there: an allocation may fail
    grow(activations_, activation_sizes_);
    save(loss_);
    capacity_ = n;
  }
  if (training && n > training_capacity_) {
    training_capacity_ = 0;
    grow(gradients_, gradient_sizes_);
    save(stages_);
    training_capacity_ = n;
  }
}

StageArguments Plan::arguments(const Stage& stage, const Batch& batch) const {
  const StageDescription& description = stage.description;
  const auto buffer = [](const std::vector<AlignedBlock>& blocks, int index) {
    return index < 0 || static_cast<size_t>(index) >= blocks.size() ? nullptr
                                                                    : static_cast<float*>(blocks[static_cast<size_t>(index)].data());
  };
  StageArguments given;
  given.n = batch.n;
  given.samples = &batch.samples;
  given.targets = &batch.targets;
  given.totals = static_cast<Totals*>(totals_.data());
  given.x = buffer(activations_, description.x);
  given.y = buffer(activations_, description.y);
  given.dy = buffer(gradients_, description.dy);
  given.dx = buffer(gradients_, description.dx);
  given.saved = stage.saved.data();
  given.prepared = stage.prepared.data();
  given.prepared_for = prepared_for_;
  for (const Parameter& parameter : description.parameters) {
    given.parameters.push_back(memory_.parameters + parameter.offset);
    if (memory_.gradients != nullptr && description.learns) given.gradients.push_back(memory_.gradients + parameter.offset);
  }
  return given;
}

// After a stage: its interruption, and where every error is wanted at once, its errors.
void Plan::settle(const std::string& operation, const char* direction) {
  pool::throw_if_interrupted();
  if (context_.device.is_cpu() || !device::synchronous()) return;
  try {
    device::synchronize(context_.device);
  } catch (const DeviceError& error) {
    throw DeviceError(operation + ", " + direction + ": " + error.what());
  }
}

void Plan::run_forward(std::vector<Stage>& stages, const Batch& batch, bool training, const RandomKey& key) {
  for (Stage& stage : stages) {
    StageArguments given = arguments(stage, batch);
    given.training = training;
    given.key = key;
    if (!training && &stages == &stages_) given.saved = nullptr;  // nobody will go back
    stage.operation->forward(context_, given);
    settle(stage.description.operation, "forward");
  }
}

void Plan::prepare(int64_t n) {
  hold_model();
  prepared_for_ = n;
  reserve(n, false);
  lay_out();
}

void Plan::lay_out() {
  prepared_isa_ = dispatch::isa();
  for (std::vector<Stage>* stages : {&stages_, &head_}) {
    for (Stage& stage : *stages) {
      stage.prepared = stage.operation->prepare(context_, arguments(stage, {prepared_for_, {}, {}}));
    }
  }
}

void Plan::forward(const Batch& batch, float* output) {
  if (prepared_for_ > 0 && batch.n > prepared_for_)
    reject("inference", "x has ", batch.n, " samples, but batches of up to ", prepared_for_, " were prepared");
  if (prepared_for_ > 0 && prepared_isa_ != dispatch::isa()) lay_out();
  last_n_ = 0;  // until it is done
  reserve(batch.n, false);
  bring_model();
  const Batch there = bring(batch);
  run_forward(stages_, there, false, {});
  run_forward(head_, there, false, {});
  copy_outputs(batch.n, output);
}

void Plan::copy_outputs(int64_t n, float* to) {
  const Stage& last = head_.empty() ? stages_.back() : head_.back();
  const Batch batch{n, {}, {}};
  device::copy_out(context_.device, to, arguments(last, batch).y, static_cast<size_t>(n * output_elements_) * sizeof(float));
}

// The loss has left the last stage's result as it was; what comes after it only for inference is done now.
void Plan::outputs(float* to) {
  run_forward(head_, {last_n_, {}, {}}, false, {});
  copy_outputs(last_n_, to);
}

void Plan::evaluate(const Batch& batch) {
  last_n_ = 0;  // until it is done
  reserve(batch.n, false);
  bring_model();
  const Batch there = bring(batch);
  run_forward(stages_, there, false, {});
  run_forward(loss_, there, false, {});
  add_penalties(batch.n, false);
  last_n_ = batch.n;
}

void Plan::train(const Batch& batch, uint64_t seed, int64_t step, double learning_rate) {
  if (!optimizer_) reject("plan", "it was made without an optimizer, so it cannot train");
  last_n_ = 0;  // until it is done
  reserve(batch.n, true);
  bring_model();
  const Batch there = bring(batch);
  const RandomKey key{seed, static_cast<uint64_t>(step), 0};
  run_forward(stages_, there, true, key);
  const auto backward = [&](std::vector<Stage>& stages) {
    for (auto stage = stages.rbegin(); stage != stages.rend(); ++stage) {
      StageArguments given = arguments(*stage, there);
      given.training = true;
      given.key = key;
      stage->operation->backward(context_, given);
      settle(stage->description.operation, "backward");
    }
  };
  backward(loss_);
  backward(stages_);
  add_penalties(batch.n, true);
  const pool::Uninterruptible to_the_end;
  for (const Range& range : learning_) {
    Update update{range.size, memory_.parameters + range.offset, memory_.gradients + range.offset, memory_.slots, learning_rate, step};
    for (float*& slot : update.slots) slot += range.offset;
    optimizer_(context_, optimizer_attributes_, update);
  }
  last_n_ = batch.n;
  copies_.model_changed = true;
  if (!copies_.model_held) fetch_model();
}

void Plan::add_penalties(int64_t n, bool training) {
  for (const Regularization& each : regularizations_) {
    const Range& variable = each.variable;
    float* const gradient = training ? memory_.gradients + variable.offset : nullptr;
    add_penalty(context_, each.penalty, variable.size, memory_.parameters + variable.offset, gradient, n,
                static_cast<Totals*>(totals_.data()));
  }
  pool::throw_if_interrupted();
}

Totals Plan::totals() {
  Totals totals{};
  device::copy_out(context_.device, &totals, totals_.data(), sizeof totals);
  return totals;
}

void Plan::reset_totals() { device::fill_with_zeros(context_.device, totals_.data(), sizeof(Totals)); }

void Plan::fetch_gradients() {
  if (context_.device.is_cpu() || host_.gradients == nullptr) return;
  device::copy_out(context_.device, host_.gradients, memory_.gradients, static_cast<size_t>(host_.size) * sizeof(float));
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
