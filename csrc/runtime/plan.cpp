#include "runtime/plan.h"

#include <cstring>

#include "core/errors.h"
#include "core/pool.h"

namespace fastcnn::runtime {

Plan::Plan(const Description& description, const ModelMemory& memory)
    : activation_sizes_(description.activations),
      gradient_sizes_(description.gradients),
      optimizer_attributes_(description.optimizer_attributes),
      memory_(memory) {
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
  const auto grow = [n](std::vector<AlignedBlock>& blocks, const std::vector<int64_t>& sizes) {
    blocks.clear();  // first, so that the old and the new buffers are never held together
    for (int64_t size : sizes) blocks.emplace_back(static_cast<size_t>(n * size) * sizeof(float));
  };
  if (n > capacity_) {
    capacity_ = 0;  // until all of it is there: an allocation may fail
    grow(activations_, activation_sizes_);
    for (std::vector<Stage>* stages : {&stages_, &head_, &loss_})
      for (Stage& stage : *stages) stage.saved = AlignedBlock(static_cast<size_t>(stage.operation->saved_bytes(n)));
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

void Plan::run_forward(std::vector<Stage>& stages, StageArguments common) {
  for (Stage& stage : stages) {
    StageArguments given = arguments(stage, common.n, *common.samples);
    given.training = common.training;
    given.key = common.key;
    given.targets = common.targets;
    given.totals = common.totals;
    stage.operation->forward(context_, given);
    pool::throw_if_interrupted();
  }
}

void Plan::forward(int64_t n, const Samples& samples, float* output) {
  reserve(n, false);
  StageArguments common;
  common.n = n;
  common.samples = &samples;
  run_forward(stages_, common);
  run_forward(head_, common);
  const Stage& last = head_.empty() ? stages_.back() : head_.back();
  std::memcpy(output, arguments(last, n, samples).y, static_cast<size_t>(n * output_elements_) * sizeof(float));
}

Totals Plan::evaluate(int64_t n, const Samples& samples, const Targets& targets) {
  reserve(n, false);
  Totals totals{0, 0};
  StageArguments common;
  common.n = n;
  common.samples = &samples;
  common.targets = &targets;
  common.totals = &totals;
  run_forward(stages_, common);
  run_forward(loss_, common);
  return totals;
}

Totals Plan::train(int64_t n, const Samples& samples, const Targets& targets, uint64_t seed, int64_t step, double learning_rate) {
  reserve(n, true);
  Totals totals{0, 0};
  StageArguments common;
  common.n = n;
  common.samples = &samples;
  common.training = true;
  common.key = {seed, static_cast<uint64_t>(step), 0};
  run_forward(stages_, common);
  const auto backward = [&](std::vector<Stage>& stages) {
    for (auto stage = stages.rbegin(); stage != stages.rend(); ++stage) {
      StageArguments given = arguments(*stage, n, samples);
      given.training = true;
      given.key = common.key;
      given.targets = &targets;
      given.totals = &totals;
      stage->operation->backward(context_, given);
      pool::throw_if_interrupted();
    }
  };
  backward(loss_);
  backward(stages_);
  const pool::Uninterruptible to_the_end;
  optimizer_(context_, optimizer_attributes_, {memory_.size, memory_.parameters, memory_.gradients, memory_.slots, learning_rate, step});
  return totals;
}

}  // namespace fastcnn::runtime
