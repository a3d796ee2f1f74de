#include "ops/mix.h"

#include "core/context.h"
#include "core/errors.h"
#include "core/types.h"

namespace fastcnn {

Mixing mixing_of(const Shape& x, const Shape& targets, bool boxed, int64_t shift) {
  const Images images = images_of("mix", x);
  if (targets.rank() != 2 || targets[0] != images.N)
    reject("mix", "targets must have shape (", images.N, ", K) to go with x ", x.str(), ", but have shape ", targets.str());
  if (shift < 0 || shift >= (images.N > 0 ? images.N : 1))
    reject("mix", "shift must be in [0, N) for x with ", images.N, " pictures, but is ", shift);
  return {images, targets[1], boxed, shift};
}

int64_t mixing_shift(const RandomKey& key, int64_t n) {
  return n < 2 ? 0 : 1 + static_cast<int64_t>(random_block(key, 0).value[3]) % (n - 1);
}

void draw_mixing(Context& context, int64_t n, const float* quantiles, const RandomKey& key, float* numbers) {
  FASTCNN_DISPATCH(context, draw_mixing)(n, quantiles, key, numbers, context.parallel());
}

void mix(Context& context, const Mixing& mixing, const Samples& samples, const Targets& targets, const float* numbers, float* y,
         float* mixed, float* weights) {
  FASTCNN_DISPATCH(context, mix)(mixing, samples, targets, numbers, y, mixed, weights, context.parallel());
}

}  // namespace fastcnn
