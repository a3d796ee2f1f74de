#include "ops/upsample2d.h"

#include <algorithm>
#include <string>

#include "core/context.h"
#include "core/errors.h"
#include "ops/operation.h"

namespace fastcnn {
namespace {

// Whether it is bilinear.
bool check(const char* operation, std::array<int64_t, 2> size, const std::string& interpolation) {
  const Shape given = {size[0], size[1]};
  if (std::min(size[0], size[1]) < 1) reject(operation, "size must be at least 1 in height and width, but is ", given.str());
  if (std::max(size[0], size[1]) > int64_t{1} << 31) reject(operation, "size ", given.str(), " is larger than 2^31");
  if (interpolation != "nearest" && interpolation != "bilinear")
    reject(operation, "interpolation must be 'nearest' or 'bilinear', but is '", interpolation, "'");
  return interpolation == "bilinear";
}

}  // namespace

Upsample2d upsample2d(const Shape& x, std::array<int64_t, 2> size, const char* interpolation) {
  check_images("upsample2d", "x", x);
  const bool bilinear = check("upsample2d", size, interpolation);
  check_images("upsample2d", "the result", {x[0], x[1] * size[0], x[2] * size[1], x[3]});
  return {x[0], x[1], x[2], x[3], size[0], size[1], bilinear};
}

Upsample2d upsample2d_backward(const Shape& dy, std::array<int64_t, 2> size, const char* interpolation) {
  const char* const operation = "upsample2d_backward";
  check_images(operation, "dy", dy);
  const bool bilinear = check(operation, size, interpolation);
  if (dy[1] % size[0] != 0 || dy[2] % size[1] != 0)
    reject(operation, "dy's images ", Shape{dy[1], dy[2]}.str(), " are no multiple of size ", Shape{size[0], size[1]}.str());
  return {dy[0], dy[1] / size[0], dy[2] / size[1], dy[3], size[0], size[1], bilinear};
}

void upsample2d_forward(Context& context, const Upsample2d& op, const float* x, float* y) {
  const Parallel parallel = context.parallel();
  void* scratch = context.scratch(FASTCNN_DISPATCH(context, upsample2d_scratch)(op, parallel.workers));
  FASTCNN_DISPATCH(context, upsample2d_forward)(op, x, y, scratch, parallel);
}

void upsample2d_backward(Context& context, const Upsample2d& op, const float* dy, float* dx) {
  const Parallel parallel = context.parallel();
  void* scratch = context.scratch(FASTCNN_DISPATCH(context, upsample2d_scratch)(op, parallel.workers));
  FASTCNN_DISPATCH(context, upsample2d_backward)(op, dy, dx, scratch, parallel);
}

namespace {

class Upsample2dStage : public Operation {
 public:
  explicit Upsample2dStage(const Attributes& attributes)
      : size_(pair("upsample2d", attributes, "size")), interpolation_(attributes.text("interpolation")) {}

  Shape bind(const Shape& sample, const std::vector<Shape>&) override {
    op_ = upsample2d(with_batch(sample, 0), size_, interpolation_.c_str());
    return {op_.H * op_.size_h, op_.W * op_.size_w, op_.C};
  }

  void forward(Context& context, const StageArguments& stage) const override {
    upsample2d_forward(context, op_.of(stage.n), stage.x, stage.y);
  }

  void backward(Context& context, const StageArguments& stage) const override {
    if (stage.dx != nullptr) upsample2d_backward(context, op_.of(stage.n), stage.dy, stage.dx);
  }

 private:
  std::array<int64_t, 2> size_;
  std::string interpolation_;
  Upsample2d op_{};
};

const registry::Operations<Upsample2dStage> registered("upsample2d");

}  // namespace
}  // namespace fastcnn
