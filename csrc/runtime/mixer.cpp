#include "runtime/mixer.h"

#include "core/errors.h"
#include "ops/mix.h"
#include "ops/operation.h"

namespace fastcnn::runtime {

Mixer::Mixer(const std::vector<MixingDescription>& mixings, const Shape& sample, int64_t K, Device device)
    : sample_(sample), K_(K), device_(device) {
  for (const MixingDescription& mixing : mixings) {
    images_of("mix", with_batch(sample, 0));
    if (mixing.quantiles.size() != mixing_quantiles) reject("mix", "there must be ", mixing_quantiles, " quantiles");
    mixings_.push_back({mixing, DeviceArray()});
    mixings_.back().quantiles.copy(device, mixing.quantiles.data(), mixing.quantiles.size() * sizeof(float));
  }
}

float* Mixer::floats(DeviceArray& array, int64_t count) {
  return static_cast<float*>(array.reserve(device_, static_cast<size_t>(count) * sizeof(float)));
}

void Mixer::reserve(int64_t n) {
  if (empty()) return;
  floats(numbers_, n * mixing_numbers);
  floats(pictures_, n * sample_.elements());
  floats(targets_, n * K_);
  floats(weights_, n);
}

Batch Mixer::mix(Context& context, const Batch& batch, const RandomKey& choice) {
  const auto count = static_cast<int64_t>(mixings_.size());
  const double place = static_cast<double>(to_unit_float(random_block(choice, 0).value[0])) * static_cast<double>(count);
  const Held& chosen = mixings_[static_cast<size_t>(place)];
  const MixingDescription& how = chosen.description;
  const RandomKey key{how.has_seed ? how.seed : choice.seed, choice.step, how.purpose};
  float* const numbers = floats(numbers_, batch.n * mixing_numbers);
  draw_mixing(context, batch.n, static_cast<const float*>(chosen.quantiles.data()), key, numbers);
  float* const pictures = floats(pictures_, batch.n * sample_.elements());
  float* const values = floats(targets_, batch.n * K_);
  float* const weights = batch.targets.weights != nullptr ? floats(weights_, batch.n) : nullptr;
  const Mixing mixing{images_of("mix", with_batch(sample_, batch.n)), K_, how.boxed, mixing_shift(key, batch.n)};
  fastcnn::mix(context, mixing, batch.samples, batch.targets, numbers, pictures, values, weights);
  count_ = batch.n;
  const Samples samples{pictures, DType::float32, sample_.elements() * static_cast<int64_t>(sizeof(float)), nullptr};
  return {batch.n, samples, {nullptr, values, nullptr, weights}};
}

}  // namespace fastcnn::runtime
