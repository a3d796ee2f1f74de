#include "ops/totals.h"

#include "core/context.h"

namespace fastcnn {

void add_to_totals(Context& context, int64_t n, const float* loss, const int32_t* correct, Totals* totals) {
  FASTCNN_DISPATCH(context, add_to_totals)(n, loss, correct, totals, context.parallel());
}

}  // namespace fastcnn
