// What the runtime asks of an operation that is a stage of a plan: its shape once, then its two directions. An operation registers
// itself by name in its own .cpp, so that neither the runtime nor the bindings list them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/batch.h"
#include "core/context.h"
#include "core/philox.h"
#include "core/types.h"

namespace fastcnn {

// The named settings of a stage as description.py gives them.
class Attributes {
 public:
  using Value = std::variant<double, std::vector<int64_t>, std::string>;

  explicit Attributes(std::map<std::string, Value> values = {}) : values_(std::move(values)) {}

  bool has(const std::string& name) const { return values_.count(name) > 0; }
  double number(const std::string& name) const { return std::get<double>(values_.at(name)); }
  bool flag(const std::string& name) const { return number(name) != 0; }
  const std::vector<int64_t>& integers(const std::string& name) const { return std::get<std::vector<int64_t>>(values_.at(name)); }
  const std::string& text(const std::string& name) const { return std::get<std::string>(values_.at(name)); }
  const Value& operator[](const std::string& name) const { return values_.at(name); }

 private:
  std::map<std::string, Value> values_;
};

// What a stage is given for one call; each operation uses what it needs.
struct StageArguments {
  int64_t n = 0;             // samples that are taken at once: the batch, or a part of it
  int64_t first = 0;         // of those before them in the batch; a multiple of 4
  const float* x = nullptr;  // (n, input shape)
  float* y = nullptr;        // (n, output shape); x itself where the plan runs the stage in place
  float* dy = nullptr;       // gradients of the loss by y, which the stage may overwrite, and by x; dx is null where nobody needs it
  float* dx = nullptr;
  std::vector<const float*> parameters;
  std::vector<float*> gradients;   // one for each parameter; none where they do not learn
  void* saved = nullptr;           // saved_bytes(n): what forward leaves for backward; null where there will be none
  const void* prepared = nullptr;  // what prepare made of the parameters for batches of up to prepared_for samples, or null
  int64_t prepared_for = 0;
  bool training = false;
  RandomKey key{};  // of this step and this stage
  const Samples* samples = nullptr;
  const Targets* targets = nullptr;
  Totals* totals = nullptr;  // in the device's memory

  // Of the weights and the bias of a stage that has them; null where they do not learn, or there is none.
  float* dw() const { return gradients.empty() ? nullptr : gradients[0]; }
  float* db() const { return gradients.size() > 1 ? gradients[1] : nullptr; }
};

// (n, sample...).
Shape with_batch(const Shape& sample, int64_t n);

class Operation {
 public:
  virtual ~Operation() = default;
  // The shape of y for one sample, given that of x and those of the parameters. Checks them; called once, before anything else.
  virtual Shape bind(const Shape& sample, const std::vector<Shape>& parameters) = 0;
  virtual int64_t saved_bytes(int64_t /*n*/) const { return 0; }
  // Whether training takes all of a batch at once, because each sample's result hangs on the others.
  virtual bool wants_whole_batch() const { return false; }
  // The parameters as forward reads them, laid out once for many batches of up to stage.n samples; empty where it reads them as they are.
  virtual AlignedBlock prepare(const Context& /*context*/, const StageArguments& /*stage*/) { return AlignedBlock(); }
  virtual void forward(Context& context, const StageArguments& stage) const = 0;
  virtual void backward(Context& context, const StageArguments& stage) const = 0;
};

// An optimizer is the last operation of a training step: it updates all parameters of a model, which lie in one buffer, in place.
struct Update {
  int64_t n = 0;  // floats in each buffer
  float* parameters = nullptr;
  const float* gradients = nullptr;
  std::vector<float*> slots;  // the optimizer's own state, in the order of its header
  double learning_rate = 0;
  int64_t step = 0;         // counts from 1
  double weight_decay = 0;  // what the parameters lose of themselves, as a multiple of the learning rate
};

using Optimizer = std::function<void(Context&, const Attributes&, const Update&)>;

namespace registry {

using Factory = std::function<std::unique_ptr<Operation>(const Attributes&)>;

std::map<std::string, Factory>& operations();
std::map<std::string, Optimizer>& optimizers();

std::unique_ptr<Operation> make(const std::string& name, const Attributes& attributes);
const Optimizer& optimizer(const std::string& name);

template <class T>
struct Operations {
  explicit Operations(const char* name) {
    operations()[name] = [](const Attributes& attributes) { return std::make_unique<T>(attributes); };
  }
};

struct Optimizers {
  Optimizers(const char* name, Optimizer optimizer) { optimizers()[name] = std::move(optimizer); }
};

}  // namespace registry
}  // namespace fastcnn
