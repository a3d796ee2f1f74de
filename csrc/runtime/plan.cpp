#include "runtime/plan.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "core/errors.h"
#include "core/pool.h"
#include "ops/elementwise.h"
#include "ops/moving_average.h"

namespace fastcnn::runtime {
namespace {

// Adds the seconds of its life to a sum, if it is asked to.
class Stopwatch {
 public:
  Stopwatch(bool running, double& seconds) : seconds_(running ? &seconds : nullptr) {
    if (running) begin_ = Clock::now();
  }
  ~Stopwatch() {
    if (seconds_ != nullptr) *seconds_ += std::chrono::duration<double>(Clock::now() - begin_).count();
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  double* seconds_;
  Clock::time_point begin_;
};

}  // namespace

Plan::Plan(const Description& description, const ModelMemory& memory, Device device)
    : activation_sizes_(description.activations),
      gradient_sizes_(description.gradients),
      totals_(sizeof(Totals), device),
      regularizations_(description.regularizations),
      learning_(description.learning),
      averages_(description.averages),
      weight_average_(description.weight_average),
      choice_purpose_(description.choice_purpose),
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
  for (const Learning& each : learning_) check(each.range);
  if (weight_average_.kept && memory.slots.empty()) reject("plan", "there is no slot for the moving average of the weights");
  for (const Regularization& each : regularizations_) check(each.variable);
  for (const Average& each : averages_) check(each.variable);
  if (!description.clipping.empty()) {
    clipping_ = clipping(description.clipping.c_str(), description.clip_limit);
    const auto parts = static_cast<int64_t>(description.clipped.size());
    clip_slabs_ = clip_slabs(clipping_, memory.size, description.clipped.data(), parts, device);
  }
  if (!description.optimizer.empty()) optimizer_ = registry::optimizer(description.optimizer);
  const StageDescription& last = description.head.empty() ? description.stages.back() : description.head.back();
  output_elements_ = activation_sizes_.at(static_cast<size_t>(last.y));
  mixer_ = Mixer(description.mixings, input_shape(), output_elements_, device);
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

// Into how many parts a batch of n samples is cut: so many that a part's activations, and its gradients, fit a cache of some megabytes. But
// where the weights are larger than that, each part must be worth passing over all of them.
int64_t Plan::parts_of(int64_t n, bool training) const {
  constexpr int64_t training_bytes = 6 << 20, forward_bytes = 16 << 20, times_weights = 4, fewest = 8;
  if (!context_.device.is_cpu()) return 1;
  const auto whole = [](const Stage& stage) { return stage.description.learns && stage.operation->wants_whole_batch(); };
  if (training && std::any_of(stages_.begin(), stages_.end(), whole)) return 1;
  int64_t floats = std::accumulate(activation_sizes_.begin(), activation_sizes_.end(), int64_t{1});
  if (training) floats = std::accumulate(gradient_sizes_.begin(), gradient_sizes_.end(), floats);
  const int64_t bytes = floats * static_cast<int64_t>(sizeof(float)), weights = memory_.size * static_cast<int64_t>(sizeof(float));
  const int64_t wanted = training ? std::max(training_bytes, times_weights * weights) : forward_bytes;
  const int64_t samples = std::max(fewest, wanted / bytes);
  return std::max<int64_t>(1, (n + samples / 2) / samples);
}

namespace {

// Of a part: a multiple of 4, so that each begins with a whole block of random numbers.
int64_t samples_of_a_part(int64_t n, int64_t parts) { return parts == 1 ? n : ((n + parts - 1) / parts + 3) / 4 * 4; }

}  // namespace

// Makes room for n samples; called with the same n again it does nothing.
void Plan::reserve(int64_t n, bool training) {
  const Device device = context_.device;
  const int64_t part = samples_of_a_part(n, parts_of(n, training));
  const auto save = [part, device](std::vector<Stage>& stages) {
    for (Stage& stage : stages) stage.saved = AlignedBlock(static_cast<size_t>(stage.operation->saved_bytes(part)), device);
  };
  if (n > capacity_ || part > part_capacity_) {
    const int64_t all = std::max(n, capacity_);
    capacity_ = part_capacity_ = 0;  // until all of it is there: an allocation may fail
    activations_.clear();            // first, so that the old and the new buffers are never held together
    for (size_t i = 0; i < activation_sizes_.size(); ++i) {
      const int64_t samples = is_whole(static_cast<int>(i)) ? all : part;
      activations_.emplace_back(static_cast<size_t>(samples * activation_sizes_[i]) * sizeof(float), device);
    }
    save(loss_);
    capacity_ = all;
    part_capacity_ = part;
  }
  if (training) mixer_.reserve(n);
  if (training && part > training_capacity_) {
    training_capacity_ = 0;
    gradients_.clear();
    for (int64_t size : gradient_sizes_) gradients_.emplace_back(static_cast<size_t>(part * size) * sizeof(float), device);
    save(stages_);
    training_capacity_ = part;
  }
}

// Whether an activation buffer holds all of the batch: what comes out of the stages, and what comes of that.
bool Plan::is_whole(int buffer) const {
  return buffer == stages_.back().description.y ||
         std::any_of(head_.begin(), head_.end(), [buffer](const Stage& stage) { return stage.description.y == buffer; });
}

// body(part of the batch, samples before it).
template <class Body>
void Plan::for_each_part(const Batch& batch, bool training, const Body& body) {
  const int64_t size = samples_of_a_part(batch.n, parts_of(batch.n, training));
  int64_t first = 0;
  do {  // once for an empty batch, too
    Batch part = batch;
    part.n = std::min(size, batch.n - first);
    if (part.samples.rows != nullptr)
      part.samples.rows += first;
    else
      part.samples.data = static_cast<const char*>(part.samples.data) + first * part.samples.row_bytes;
    if (part.targets.rows != nullptr) {
      part.targets.rows += first;
    } else if (part.targets.values != nullptr) {
      part.targets.values += first * output_elements_;
      if (part.targets.weights != nullptr) part.targets.weights += first;
    }
    body(part, first);
    first += size;
  } while (first < batch.n);
}

StageArguments Plan::arguments(const Stage& stage, const Batch& batch, int64_t first) const {
  const StageDescription& description = stage.description;
  const auto buffer = [](const std::vector<AlignedBlock>& blocks, int index) {
    return index < 0 || static_cast<size_t>(index) >= blocks.size() ? nullptr
                                                                    : static_cast<float*>(blocks[static_cast<size_t>(index)].data());
  };
  const auto activation = [&](int index) {
    float* const whole = buffer(activations_, index);
    return whole != nullptr && is_whole(index) ? whole + first * activation_sizes_[static_cast<size_t>(index)] : whole;
  };
  StageArguments given;
  given.n = batch.n;
  given.first = first;
  given.samples = &batch.samples;
  given.targets = &batch.targets;
  given.totals = static_cast<Totals*>(totals_.data());
  given.x = activation(description.x);
  given.y = activation(description.y);
  given.dy = buffer(gradients_, description.dy);
  given.dx = buffer(gradients_, description.dx);
  given.saved = stage.saved.data();
  given.prepared = stage.prepared.data();
  given.prepared_for = prepared_for_;
  for (const Parameter& parameter : description.parameters) {
    given.parameters.push_back(memory_.parameters + parameter.offset);
    if (gradients_to_ != nullptr && description.learns) given.gradients.push_back(gradients_to_ + parameter.offset);
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

void Plan::run_forward(std::vector<Stage>& stages, const Batch& batch, bool training, const RandomKey& key, int64_t first) {
  for (Stage& stage : stages) {
    StageArguments given = arguments(stage, batch, first);
    given.training = training;
    given.key = key;
    if (!training && &stages == &stages_) given.saved = nullptr;  // nobody will go back
    const Stopwatch stopwatch(timing_, stage.forward_seconds);
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
  for_each_part(bring(batch), false, [&](const Batch& part, int64_t first) {
    run_forward(stages_, part, false, {}, first);
    run_forward(head_, part, false, {}, first);
  });
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
  count_once([&] {
    for_each_part(bring(batch), false, [&](const Batch& part, int64_t first) {
      run_forward(stages_, part, false, {}, first);
      run_forward(loss_, part, false, {}, first);
    });
  });
  add_penalties(batch.n, false);
  last_n_ = batch.n;
}

void Plan::train(const Batch& batch, uint64_t seed, int64_t step, double learning_rate) {
  if (!optimizer_) reject("plan", "it was made without an optimizer, so it cannot train");
  last_n_ = 0;  // until it is done
  reserve(batch.n, true);
  bring_model();
  const RandomKey key{seed, static_cast<uint64_t>(step), 0};
  Batch whole = bring(batch);
  if (!mixer_.empty()) {
    whole = mixer_.mix(context_, whole, {key.seed, key.step, choice_purpose_});
    settle("mix", "forward");
  }
  count_once([&] {
    for_each_part(whole, true, [&](const Batch& part, int64_t first) {
      if (first == 0) return train_part(part, first, key, memory_.gradients);
      if (part_gradients_.bytes() == 0) {
        part_gradients_ = AlignedBlock(static_cast<size_t>(memory_.size) * sizeof(float), context_.device);
        device::fill_with_zeros(context_.device, part_gradients_.data(), part_gradients_.bytes());  // between the variables, for ever
      }
      auto* const gradients = static_cast<float*>(part_gradients_.data());
      train_part(part, first, key, gradients);
      // The mean over the first samples, and that over the part's, become the mean over both.
      const float all = static_cast<float>(first + part.n), before = static_cast<float>(first) / all,
                  now = static_cast<float>(part.n) / all;
      for (const Learning& each : learning_)
        accumulate(context_, each.range.size, before, now, gradients + each.range.offset, memory_.gradients + each.range.offset);
    });
  });
  add_penalties(batch.n, true);
  const pool::Uninterruptible to_the_end;
  const Stopwatch stopwatch(timing_, optimizer_seconds_);
  if (clip_slabs_.bytes() > 0) clip_gradients(context_, clipping_, clip_slabs_, memory_.gradients);
  for (const auto& [range, weight_decay, rate_scale] : learning_) {
    Update update{range.size,    memory_.parameters + range.offset, memory_.gradients + range.offset,
                  memory_.slots, learning_rate * rate_scale,        step,
                  weight_decay};
    for (float*& slot : update.slots) slot += range.offset;
    float* const average = weight_average_.kept ? update.slots.back() : nullptr;
    if (average != nullptr) update.slots.pop_back();
    optimizer_(context_, optimizer_attributes_, update);
    if (average != nullptr) {
      const int64_t every = weight_average_.overwrite_every;
      const bool overwrite = every > 0 && step % every == 0;
      moving_average(context_, range.size, step == 1 ? 0 : weight_average_.momentum, overwrite, update.parameters, average);
    }
  }
  for (const Average& each : averages_) {
    const auto before = static_cast<float>(each.momentum), now = static_cast<float>(1 - each.momentum);
    accumulate(context_, each.variable.size, before, now, memory_.gradients + each.variable.offset,
               memory_.parameters + each.variable.offset);
  }
  last_n_ = batch.n;
  copies_.model_changed = true;
  if (!copies_.model_held) fetch_model();
}

// Forward and backward. The gradients are those of the mean over this part.
void Plan::train_part(const Batch& batch, int64_t first, const RandomKey& key, float* gradients) {
  gradients_to_ = gradients;
  run_forward(stages_, batch, true, key, first);
  for (std::vector<Stage>* stages : {&loss_, &stages_}) {
    for (auto stage = stages->rbegin(); stage != stages->rend(); ++stage) {
      StageArguments given = arguments(*stage, batch, first);
      given.training = true;
      given.key = key;
      const Stopwatch stopwatch(timing_, stage->backward_seconds);
      stage->operation->backward(context_, given);
      settle(stage->description.operation, "backward");
    }
  }
}

// The parts that `work` takes count as one batch in the totals; they are in the CPU's memory where there may be several.
template <class Work>
void Plan::count_once(const Work& work) {
  if (!context_.device.is_cpu()) return work();
  auto& totals = *static_cast<Totals*>(totals_.data());
  const int64_t batches = totals.batches, not_finite = totals.not_finite;
  work();
  totals.batches = batches + 1;
  if (not_finite == 0 && totals.not_finite != 0) totals.not_finite = totals.batches;
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

void Plan::begin_timing() {
  timing_ = true;
  optimizer_seconds_ = 0;
  for (std::vector<Stage>* stages : {&stages_, &loss_})
    for (Stage& stage : *stages) stage.forward_seconds = stage.backward_seconds = 0;
}

std::vector<Plan::StageTime> Plan::stage_times() const {
  std::vector<StageTime> times;
  for (const std::vector<Stage>* stages : {&stages_, &loss_})
    for (const Stage& stage : *stages) times.push_back({stage.description.operation, stage.forward_seconds, stage.backward_seconds});
  times.push_back({"optimizer", optimizer_seconds_, 0});
  return times;
}

Totals Plan::totals() {
  Totals totals{};
  device::copy_out(context_.device, &totals, totals_.data(), sizeof totals);
  return totals;
}

void Plan::reset_totals() { device::fill_with_zeros(context_.device, totals_.data(), sizeof(Totals)); }

}  // namespace fastcnn::runtime
