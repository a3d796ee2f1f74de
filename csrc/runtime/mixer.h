// What mixes the batches of a training (ops/mix.h) before the first stage, into buffers of its own.
#pragma once

#include <vector>

#include "core/batch.h"
#include "core/context.h"
#include "core/philox.h"
#include "core/types.h"
#include "runtime/device_copies.h"

namespace fastcnn::runtime {

struct MixingDescription {
  bool boxed;
  std::vector<float> quantiles;
  bool has_seed;  // of its own, instead of the model's
  uint64_t seed;
  uint32_t purpose;
};

class Mixer {
 public:
  Mixer() = default;  // mixes nothing
  // sample: the shape of a picture; K: floats of a target.
  Mixer(const std::vector<MixingDescription>& mixings, const Shape& sample, int64_t K, Device device);

  bool empty() const { return mixings_.empty(); }
  // Makes room for n pictures, without which mix() would allocate.
  void reserve(int64_t n);
  // The batch, which lies on the device, mixed by one of the mixings. Which one, where there are several, is number 0 of the stream of the
  // choice, times their number, its fraction cut off. It lies here until the next call; rows are null.
  Batch mix(Context& context, const Batch& batch, const RandomKey& choice);
  // The targets of the batch that was mixed last, (count(), K).
  int64_t count() const { return count_; }
  const float* targets() const { return static_cast<const float*>(targets_.data()); }

 private:
  struct Held {
    MixingDescription description;
    DeviceArray quantiles;
  };

  float* floats(DeviceArray& array, int64_t count);

  std::vector<Held> mixings_;
  Shape sample_;
  int64_t K_ = 0, count_ = 0;
  Device device_;
  DeviceArray numbers_, pictures_, targets_, weights_;
};

}  // namespace fastcnn::runtime
