// Carries out a plan: the stages of a step, one after another, on buffers of its device that are allocated once.
//
// description.py decides everything: which operations, in which order, on which buffers. Here they are bound to their shapes, given memory
// and run. The runtime knows operations, not networks, and asks no operation what it is.
//
// On the CPU a large batch goes through all stages in parts, one after the other, so that what one stage leaves the next finds in the
// cache, and so that the buffers are those of a part alone; gradients are the weighted sum of the parts'. How large the parts are depends
// on the sizes alone, not on the threads, so the results do not either.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/batch.h"
#include "core/context.h"
#include "core/dispatch.h"
#include "core/range.h"
#include "core/types.h"
#include "ops/clip_gradients.h"
#include "ops/operation.h"
#include "ops/penalty.h"
#include "runtime/device_copies.h"
#include "runtime/mixer.h"

namespace fastcnn::runtime {

// A variable of the model: where it begins in the flat buffers of parameters and gradients.
struct Parameter {
  int64_t offset;
  Shape shape;
};

struct StageDescription {
  std::string operation;
  Attributes attributes;
  Shape input;  // of one sample
  std::vector<Parameter> parameters;
  bool learns = true;    // whether their gradients are wanted
  int x = -1, y = -1;    // activation buffers; equal where the stage runs in place; x is -1 for the first stage
  int dy = -1, dx = -1;  // gradient buffers; -1 where there is none
};

// What the optimizer changes: what it loses of itself as a multiple of its learning rate, and that as a multiple of the step's.
struct Learning {
  Range range;
  double weight_decay;
  double rate_scale;
};

// What a regularizer adds to the loss for one variable.
struct Regularization {
  Range variable;
  Penalty penalty;
};

// A moving average: in training, the step's value lies where its gradient would be.
struct Average {
  Range variable;
  double momentum;
};

// The moving average of what learns, in the last of the optimizer's slots.
struct WeightAverage {
  bool kept = false;
  double momentum = 0;
  int64_t overwrite_every = 0;  // steps after which it becomes the weights; 0 for never
};

struct Description {
  std::vector<StageDescription> stages;  // forward, in order
  std::vector<StageDescription> head;    // after them, in forward() only: what the loss does by itself in training (softmax)
  std::vector<StageDescription> loss;    // none or one
  std::vector<int64_t> activations;      // buffers: floats a sample
  std::vector<int64_t> gradients;
  std::vector<Regularization> regularizations;
  std::vector<Learning> learning;
  std::vector<Average> averages;
  WeightAverage weight_average;
  std::string clipping;  // by its name (ops/clip_gradients.h); empty for none
  double clip_limit = 0;
  std::vector<Range> clipped;              // each variable that learns
  std::vector<MixingDescription> mixings;  // one of them mixes each batch of a training
  uint32_t choice_purpose = 0;             // of the stream that says which
  std::string optimizer;                   // empty for none
  Attributes optimizer_attributes;
};

// The model's flat buffers, on the CPU; the caller keeps them alive.
struct ModelMemory {
  int64_t size = 0;
  float* parameters = nullptr;
  float* gradients = nullptr;
  std::vector<float*> slots;  // the optimizer's
};

class Plan {
 public:
  // Throws ArgumentError where an operation does not accept its shapes, and what the device throws.
  Plan(const Description& description, const ModelMemory& memory, Device device);

  // On a device that is not the CPU each call below brings the model's buffers and its batch there, and what it changed back. While the
  // model is held its buffers stay there, and nobody may touch the caller's; while a data set is held, and if there is room for it, batches
  // of it are gathered there, and those whose rows lie in the order that was given last need nothing from the CPU. On the CPU these five
  // do nothing.
  void hold_model();
  void release_model();
  void hold_data(const Batch& all);  // all.n samples, in the order in which they lie
  void hold_order(const int64_t* rows, int64_t n);
  void release_data();

  // Keeps the weights as they are now, laid out for forward() with batches of up to n samples, and nothing else from now on: what changes
  // the caller's weights changes nothing here, and forward() with more samples throws ArgumentError.
  void prepare(int64_t n);

  // Inference: writes (n, output shape) to `output`. The batch needs no targets.
  void forward(const Batch& batch, float* output);
  // Adds the loss of the batch to the totals.
  void evaluate(const Batch& batch);
  // The same in training mode, and one step of the optimizer. The seed and the step are the key of what is random; step counts from 1.
  // Interrupted before the optimizer, it throws Interrupted and leaves the model as it was. While the model is held this does not wait for
  // the device.
  void train(const Batch& batch, uint64_t seed, int64_t step, double learning_rate);

  // The model's outputs for the batch that was last evaluated or trained on, (n, output shape), from before the optimizer's step.
  void outputs(float* to);
  // The targets that the batch that was last trained on had once it was mixed, (n, floats of an output).
  void mixed_targets(float* to);
  int64_t batch_size() const { return last_n_; }  // of that batch; 0 if there was none
  // What evaluate and train have added up since the last reset. Waits for the device.
  Totals totals();
  void reset_totals();
  // Brings the gradients of the last step to the caller's buffer; on the CPU they are there.
  void fetch_gradients();

  // From now on the seconds that each stage takes are added up, in both directions, and those of the optimizer; on a GPU they are those of
  // the calls alone.
  void begin_timing();
  struct StageTime {
    std::string operation;
    double forward, backward;
  };
  std::vector<StageTime> stage_times() const;  // of the stages, the loss and the optimizer, in order

  // The floats of one sample, as it comes in and as it goes out.
  const Shape& input_shape() const { return stages_.front().description.input; }
  int64_t input_elements() const { return stages_.front().description.input.elements(); }
  int64_t output_elements() const { return output_elements_; }

 private:
  struct Stage {
    StageDescription description;
    std::unique_ptr<Operation> operation;
    AlignedBlock saved, prepared;
    double forward_seconds = 0, backward_seconds = 0;
  };

  Stage bind(const StageDescription& description, const Description& plan) const;
  int64_t parts_of(int64_t n, bool training) const;
  void reserve(int64_t n, bool training);
  StageArguments arguments(const Stage& stage, const Batch& batch, int64_t first = 0) const;
  template <class Body>
  void for_each_part(const Batch& batch, bool training, const Body& body);
  template <class Work>
  void count_once(const Work& work);
  bool is_whole(int buffer) const;
  void train_part(const Batch& batch, int64_t first, const RandomKey& key, float* gradients);
  void lay_out();
  void settle(const std::string& operation, const char* direction);
  void bring_model();
  void fetch_model();
  void add_penalties(int64_t n, bool training);
  Samples hold_samples(const Batch& all);
  Batch bring(const Batch& batch);
  int64_t sample_bytes(DType dtype) const;
  int64_t target_bytes(const Targets& targets) const;
  void copy_outputs(int64_t n, float* to);
  void run_forward(std::vector<Stage>& stages, const Batch& batch, bool training, const RandomKey& key, int64_t first = 0);

  std::vector<Stage> stages_, head_, loss_;
  std::vector<int64_t> activation_sizes_, gradient_sizes_;
  std::vector<AlignedBlock> activations_, gradients_;
  AlignedBlock totals_;
  bool timing_ = false;
  double optimizer_seconds_ = 0;
  int64_t prepared_for_ = 0;  // samples; 0 if it is not
  Isa prepared_isa_{};
  float* gradients_to_ = nullptr;  // where the part that is being trained on leaves its gradients
  AlignedBlock part_gradients_;
  int64_t capacity_ = 0, part_capacity_ = 0, training_capacity_ = 0, output_elements_ = 0, last_n_ = 0;
  std::vector<Regularization> regularizations_;
  std::vector<Learning> learning_;
  std::vector<Average> averages_;
  WeightAverage weight_average_;
  Mixer mixer_;
  uint32_t choice_purpose_ = 0;
  Clipping clipping_{};
  AlignedBlock clip_slabs_;  // empty where nothing is clipped
  Optimizer optimizer_;
  Attributes optimizer_attributes_;
  ModelMemory host_, memory_;  // the caller's buffers, and those of the device: the same on the CPU
  DeviceCopies copies_;
  Context context_;
};

}  // namespace fastcnn::runtime
