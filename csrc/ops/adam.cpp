#include "ops/adam.h"

#include <cmath>

#include "core/context.h"
#include "core/errors.h"
#include "ops/operation.h"

namespace fastcnn {

void adam(Context& context, int64_t n, const Adam& settings, int64_t step, float* parameters, const float* gradients, float* m, float* v) {
  if (!std::isfinite(settings.learning_rate)) reject("adam", "learning_rate must be finite, but is ", settings.learning_rate);
  if (!(settings.epsilon >= 0)) reject("adam", "epsilon must not be negative, but is ", settings.epsilon);
  if (step < 1) reject("adam", "step must be at least 1, but is ", step);
  if (!(settings.beta_1 >= 0 && settings.beta_1 < 1)) reject("adam", "beta_1 must be in [0, 1), but is ", settings.beta_1);
  if (!(settings.beta_2 >= 0 && settings.beta_2 < 1)) reject("adam", "beta_2 must be in [0, 1), but is ", settings.beta_2);
  if (!(settings.weight_decay >= 0 && std::isfinite(settings.weight_decay)))
    reject("adam", "weight_decay must be finite and at least 0, but is ", settings.weight_decay);
  const double t = static_cast<double>(step);
  const double alpha = settings.learning_rate * std::sqrt(1 - std::pow(settings.beta_2, t)) / (1 - std::pow(settings.beta_1, t));
  FASTCNN_DISPATCH(context, adam)(n, static_cast<float>(alpha), static_cast<float>(1 - settings.beta_1),
                                  static_cast<float>(1 - settings.beta_2), static_cast<float>(settings.epsilon),
                                  static_cast<float>(settings.learning_rate * settings.weight_decay), parameters, gradients, m, v,
                                  context.parallel());
}

namespace {

const registry::Optimizers registered("adam", [](Context& context, const Attributes& attributes, const Update& update) {
  const Adam settings{update.learning_rate, attributes.number("beta_1"), attributes.number("beta_2"), attributes.number("epsilon"),
                      update.weight_decay};
  adam(context, update.n, settings, update.step, update.parameters, update.gradients, update.slots.at(0), update.slots.at(1));
});

}  // namespace
}  // namespace fastcnn
