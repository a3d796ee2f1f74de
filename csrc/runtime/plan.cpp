#include "runtime/plan.h"

#include <cstring>

#include "core/errors.h"
#include "core/pool.h"

namespace fastcnn::runtime {

namespace {

int64_t element_bytes(DType dtype) { return dtype == DType::uint8 ? 1 : dtype == DType::float32 ? 4 : 8; }

}  // namespace

Plan::Plan(const Description& description, const ModelMemory& memory, Device device)
    : activation_sizes_(description.activations),
      gradient_sizes_(description.gradients),
      optimizer_attributes_(description.optimizer_attributes),
      host_(memory),
      memory_(memory),
      context_{device, {}} {
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
  if (!description.optimizer.empty()) optimizer_ = registry::optimizer(description.optimizer);
  const StageDescription& last = description.head.empty() ? description.stages.back() : description.head.back();
  output_elements_ = activation_sizes_.at(static_cast<size_t>(last.y));
}

Plan::Stage Plan::bind(const StageDescription& description, const Description& plan) const {
  Stage stage{description, registry::make(description.operation, description.attributes), AlignedBlock()};
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
  if (n > capacity_) {
    capacity_ = 0;  // until all of it is there: an allocation may fail
    grow(activations_, activation_sizes_);
    for (std::vector<Stage>* stages : {&stages_, &head_, &loss_})
      for (Stage& stage : *stages) stage.saved = AlignedBlock(static_cast<size_t>(stage.operation->saved_bytes(n)), device);
    capacity_ = n;
  }
  if (training && n > training_capacity_) {
    training_capacity_ = 0;
    grow(gradients_, gradient_sizes_);
    training_capacity_ = n;
  }
}

StageArguments Plan::arguments(const Stage& stage, int64_t n, const Samples& samples) const {
  const StageDescription& description = stage.description;
  const auto buffer = [](const std::vector<AlignedBlock>& blocks, int index) {
    return index < 0 || static_cast<size_t>(index) >= blocks.size() ? nullptr
                                                                    : static_cast<float*>(blocks[static_cast<size_t>(index)].data());
  };
  StageArguments given;
  given.n = n;
  given.samples = &samples;
  given.x = buffer(activations_, description.x);
  given.y = buffer(activations_, description.y);
  given.dy = buffer(gradients_, description.dy);
  given.dx = buffer(gradients_, description.dx);
  given.saved = stage.saved.data();
  for (const Parameter& parameter : description.parameters) {
    given.parameters.push_back(memory_.parameters + parameter.offset);
    if (memory_.gradients != nullptr) given.gradients.push_back(memory_.gradients + parameter.offset);
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

void Plan::run_forward(std::vector<Stage>& stages, StageArguments common) {
  for (Stage& stage : stages) {
    StageArguments given = arguments(stage, common.n, *common.samples);
    given.training = common.training;
    given.key = common.key;
    given.targets = common.targets;
    given.totals = common.totals;
    stage.operation->forward(context_, given);
    settle(stage.description.operation, "forward");
  }
}

void Plan::forward(int64_t n, const Samples& samples, float* output) {
  reserve(n, false);
  bring_model();
  const Samples there = bring(n, samples);
  StageArguments common;
  common.n = n;
  common.samples = &there;
  run_forward(stages_, common);
  run_forward(head_, common);
  const Stage& last = head_.empty() ? stages_.back() : head_.back();
  device::copy_out(context_.device, output, arguments(last, n, there).y, static_cast<size_t>(n * output_elements_) * sizeof(float));
}

Totals Plan::evaluate(int64_t n, const Samples& samples, const Targets& targets) {
  reserve(n, false);
  bring_model();
  const Samples there = bring(n, samples);
  const Targets targets_there = bring(n, targets);
  Totals totals{0, 0};
  StageArguments common;
  common.n = n;
  common.samples = &there;
  common.targets = &targets_there;
  common.totals = &totals;
  run_forward(stages_, common);
  run_forward(loss_, common);
  return totals;
}

Totals Plan::train(int64_t n, const Samples& samples, const Targets& targets, uint64_t seed, int64_t step, double learning_rate) {
  reserve(n, true);
  bring_model();
  const Samples there = bring(n, samples);
  const Targets targets_there = bring(n, targets);
  Totals totals{0, 0};
  StageArguments common;
  common.n = n;
  common.samples = &there;
  common.training = true;
  common.key = {seed, static_cast<uint64_t>(step), 0};
  run_forward(stages_, common);
  const auto backward = [&](std::vector<Stage>& stages) {
    for (auto stage = stages.rbegin(); stage != stages.rend(); ++stage) {
      StageArguments given = arguments(*stage, n, there);
      given.training = true;
      given.key = common.key;
      given.targets = &targets_there;
      given.totals = &totals;
      stage->operation->backward(context_, given);
      settle(stage->description.operation, "backward");
    }
  };
  backward(loss_);
  backward(stages_);
  const pool::Uninterruptible to_the_end;
  optimizer_(context_, optimizer_attributes_, {memory_.size, memory_.parameters, memory_.gradients, memory_.slots, learning_rate, step});
  copies_.model_changed = true;
  if (!copies_.model_held) fetch_model();
  return totals;
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

void Plan::hold_data(const Samples& data, int64_t samples, const Targets& targets) {
  const Device device = context_.device;
  if (device.is_cpu() || data.row_bytes != input_elements() * element_bytes(data.dtype)) return;
  const void* wanted = targets.classes;
  size_t bytes = static_cast<size_t>(samples) * sizeof(int32_t);
  if (targets.probabilities != nullptr) {
    wanted = targets.probabilities;
    bytes = static_cast<size_t>(samples * output_elements_) * sizeof(float);
  }
  try {
    copies_.data.copy(device, data.data, static_cast<size_t>(samples * data.row_bytes));
    copies_.targets.copy(device, wanted, bytes);
  } catch (const OutOfMemory&) {
    release_data();  // the batches are brought one by one
    return;
  }
  copies_.held_data = data;
  copies_.held_targets = wanted;
  copies_.held_samples = samples;
}

void Plan::release_data() {
  copies_.held_samples = 0;
  copies_.data = DeviceArray();
  copies_.targets = DeviceArray();
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
  if (host_.gradients != nullptr) device::copy_out(context_.device, host_.gradients, memory_.gradients, bytes);
  for (size_t i = 0; i < host_.slots.size(); ++i) device::copy_out(context_.device, host_.slots[i], memory_.slots[i], bytes);
  copies_.model_changed = false;
}

// The batch as the device's kernels can read it: the data set that is held there and the rows, or a copy of the batch alone.
Samples Plan::bring(int64_t n, const Samples& samples) {
  const Device device = context_.device;
  if (device.is_cpu()) return samples;
  if (copies_.holds(samples, n)) {
    const void* rows = copies_.rows.copy(device, samples.rows, static_cast<size_t>(n) * sizeof(int64_t));
    return {copies_.data.reserve(device, 0), samples.dtype, samples.row_bytes, static_cast<const int64_t*>(rows)};
  }
  const int64_t sample_bytes = input_elements() * element_bytes(samples.dtype);
  pick(samples.data, samples.row_bytes, sample_bytes, samples.rows, n, copies_.staging);
  return {copies_.batch.copy(device, copies_.staging.data(), copies_.staging.size()), samples.dtype, sample_bytes, nullptr};
}

Targets Plan::bring(int64_t n, const Targets& targets) {
  const Device device = context_.device;
  if (device.is_cpu()) return targets;
  const bool classes = targets.classes != nullptr;
  const void* data = classes ? static_cast<const void*>(targets.classes) : targets.probabilities;
  const int64_t row_bytes = classes ? static_cast<int64_t>(sizeof(int32_t)) : output_elements_ * static_cast<int64_t>(sizeof(float));
  const void* there;
  const int64_t* rows = nullptr;
  if (copies_.holds(data, targets.rows, n)) {
    there = copies_.targets.reserve(device, 0);
    rows = static_cast<const int64_t*>(copies_.rows.copy(device, targets.rows, static_cast<size_t>(n) * sizeof(int64_t)));
  } else {
    pick(data, row_bytes, row_bytes, targets.rows, n, copies_.staging);
    there = copies_.batch_targets.copy(device, copies_.staging.data(), copies_.staging.size());
  }
  return classes ? Targets{static_cast<const int32_t*>(there), nullptr, rows} : Targets{nullptr, static_cast<const float*>(there), rows};
}

}  // namespace fastcnn::runtime
