#include "ops/operation.h"

#include "core/errors.h"

namespace fastcnn {

Shape with_batch(const Shape& sample, int64_t n) {
  Shape batch = {n};
  for (int axis = 0; axis < sample.rank(); ++axis) batch.append(sample[axis]);
  return batch;
}

namespace registry {

std::map<std::string, Factory>& operations() {
  static std::map<std::string, Factory> map;
  return map;
}

std::map<std::string, Optimizer>& optimizers() {
  static std::map<std::string, Optimizer> map;
  return map;
}

std::unique_ptr<Operation> make(const std::string& name, const Attributes& attributes) {
  const auto found = operations().find(name);
  if (found == operations().end()) reject("plan", "there is no operation named '", name, "'");
  return found->second(attributes);
}

const Optimizer& optimizer(const std::string& name) {
  const auto found = optimizers().find(name);
  if (found == optimizers().end()) reject("plan", "there is no optimizer named '", name, "'");
  return found->second;
}

}  // namespace registry
}  // namespace fastcnn
