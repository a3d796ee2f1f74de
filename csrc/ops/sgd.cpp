#include "ops/sgd.h"

#include <cmath>

#include "core/context.h"
#include "core/errors.h"
#include "ops/operation.h"

namespace fastcnn {

void sgd(Context& context, int64_t n, const Sgd& settings, float* parameters, const float* gradients, float* m) {
  const double learning_rate = settings.learning_rate, momentum = settings.momentum;
  if (!std::isfinite(learning_rate)) reject("sgd", "learning_rate must be finite, but is ", learning_rate);
  if (!(momentum >= 0 && momentum <= 1)) reject("sgd", "momentum_rate must be in [0, 1], but is ", momentum);
  if (momentum > 0 && m == nullptr) reject("sgd", "momentum must be an array, since momentum_rate is ", momentum, ", but is None");
  if (!(settings.weight_decay >= 0 && std::isfinite(settings.weight_decay)))
    reject("sgd", "weight_decay must be finite and at least 0, but is ", settings.weight_decay);
  FASTCNN_DISPATCH(context, sgd)(n, static_cast<float>(learning_rate), static_cast<float>(momentum), settings.nesterov,
                                 static_cast<float>(learning_rate * settings.weight_decay), parameters, gradients, m, context.parallel());
}

namespace {

const registry::Optimizers registered("sgd", [](Context& context, const Attributes& attributes, const Update& update) {
  const Sgd settings{update.learning_rate, attributes.number("momentum"), attributes.flag("nesterov"), update.weight_decay};
  sgd(context, update.n, settings, update.parameters, update.gradients, update.slots.empty() ? nullptr : update.slots[0]);
});

}  // namespace
}  // namespace fastcnn
