#include "ops/moving_average.h"

#include "core/context.h"
#include "core/errors.h"

namespace fastcnn {

void moving_average(Context& context, int64_t n, double momentum, bool overwrite, float* p, float* average) {
  if (!(momentum >= 0 && momentum <= 1)) reject("moving_average", "momentum must be in [0, 1], but is ", momentum);
  FASTCNN_DISPATCH(context, moving_average)(n, static_cast<float>(momentum), overwrite, p, average, context.parallel());
}

}  // namespace fastcnn
