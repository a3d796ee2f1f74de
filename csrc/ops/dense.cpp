#include "ops/dense.h"

#include "core/context.h"
#include "core/errors.h"
#include "ops/convolution_stage.h"

namespace fastcnn {

Conv2d dense(const char* operation, const Shape& x, const Shape& w, const Shape* b) {
  if (x.rank() != 2) reject(operation, "x must have shape (N, in), but has shape ", x.str());
  if (w.rank() != 2) reject(operation, "w must have shape (in, out), but has shape ", w.str());
  if (w[0] != x[1]) reject(operation, "w expects ", w[0], " inputs (w: ", w.str(), "), but x has ", x[1], " (x: ", x.str(), ")");
  if (w[0] < 1 || w[1] < 1) reject(operation, "w must have at least one input and one output, but has shape ", w.str());
  if (b != nullptr && *b != Shape{w[1]})
    reject(operation, "b must have shape (", w[1], ",) to go with w ", w.str(), ", but has shape ", b->str());
  return {x[0], w[0], w[1], {1, 1, 1, 1, 1, 1, 0, 0, 1, 1}, false};
}

namespace {

class DenseStage : public ConvolutionStage {
 public:
  DenseStage(const Attributes&, bool relu) : ConvolutionStage(relu) {}

  Shape bind(const Shape& sample, const std::vector<Shape>& parameters) override {
    conv_ = dense("dense", with_batch(sample, 0), parameters.at(0), parameters.size() > 1 ? &parameters[1] : nullptr);
    return {conv_.K};
  }
};

const registry::Operations<Variant<DenseStage, false>> registered("dense");
const registry::Operations<Variant<DenseStage, true>> registered_relu("dense_relu");

}  // namespace
}  // namespace fastcnn
