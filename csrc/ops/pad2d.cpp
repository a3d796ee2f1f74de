#include "ops/pad2d.h"

#include <algorithm>

#include "core/context.h"
#include "core/errors.h"
#include "ops/operation.h"

namespace fastcnn {
namespace {

void check(const char* operation, const char* name, const Shape& x, const std::array<int64_t, 4>& amounts) {
  check_images(operation, "x", x);
  const auto& [top, bottom, left, right] = amounts;
  constexpr int64_t largest = int64_t{1} << 31;
  const char* const wrong = *std::min_element(amounts.begin(), amounts.end()) < 0         ? " must not be negative, but is (("
                            : *std::max_element(amounts.begin(), amounts.end()) > largest ? " must not be above 2^31, but is (("
                                                                                          : nullptr;
  if (wrong != nullptr) reject(operation, name, wrong, top, ", ", bottom, "), (", left, ", ", right, "))");
}

}  // namespace

Frame2d pad2d(const Shape& x, const std::array<int64_t, 4>& amounts) {
  check("pad2d", "padding", x, amounts);
  const auto& [top, bottom, left, right] = amounts;
  const Frame2d frame{x[0], x[3], x[1], x[2], top, left, x[1] + top + bottom, x[2] + left + right};
  check_images("pad2d", "the result", {frame.N, frame.P, frame.Q, frame.C});
  return frame;
}

Frame2d crop2d(const Shape& x, const std::array<int64_t, 4>& amounts) {
  check("crop2d", "cropping", x, amounts);
  const auto& [top, bottom, left, right] = amounts;
  const Frame2d frame{x[0], x[3], x[1] - top - bottom, x[2] - left - right, top, left, x[1], x[2]};
  if (frame.H < 1 || frame.W < 1)
    reject("crop2d", "cropping ((", top, ", ", bottom, "), (", left, ", ", right, ")) leaves nothing of images ", Shape{x[1], x[2]}.str());
  return frame;
}

void put_in_frames(Context& context, const Frame2d& frame, const float* images, float* frames) {
  FASTCNN_DISPATCH(context, put_in_frames)(frame, images, frames, context.parallel());
}

void take_from_frames(Context& context, const Frame2d& frame, const float* frames, float* images) {
  FASTCNN_DISPATCH(context, take_from_frames)(frame, frames, images, context.parallel());
}

namespace {

class Pad2dStage : public Operation {
 public:
  explicit Pad2dStage(const Attributes& attributes) : amounts_(padding_of("pad2d", attributes).amounts) {}

  Shape bind(const Shape& sample, const std::vector<Shape>&) override {
    frame_ = pad2d(with_batch(sample, 0), amounts_);
    return {frame_.P, frame_.Q, frame_.C};
  }

  void forward(Context& context, const StageArguments& stage) const override {
    put_in_frames(context, frame_.of(stage.n), stage.x, stage.y);
  }

  void backward(Context& context, const StageArguments& stage) const override {
    if (stage.dx != nullptr) take_from_frames(context, frame_.of(stage.n), stage.dy, stage.dx);
  }

 private:
  std::array<int64_t, 4> amounts_;
  Frame2d frame_{};
};

class Crop2dStage : public Operation {
 public:
  explicit Crop2dStage(const Attributes& attributes) : amounts_(padding_of("crop2d", attributes, "cropping").amounts) {}

  Shape bind(const Shape& sample, const std::vector<Shape>&) override {
    frame_ = crop2d(with_batch(sample, 0), amounts_);
    return {frame_.H, frame_.W, frame_.C};
  }

  void forward(Context& context, const StageArguments& stage) const override {
    take_from_frames(context, frame_.of(stage.n), stage.x, stage.y);
  }

  void backward(Context& context, const StageArguments& stage) const override {
    if (stage.dx != nullptr) put_in_frames(context, frame_.of(stage.n), stage.dy, stage.dx);
  }

 private:
  std::array<int64_t, 4> amounts_;
  Frame2d frame_{};
};

const registry::Operations<Pad2dStage> registered_pad("pad2d");
const registry::Operations<Crop2dStage> registered_crop("crop2d");

}  // namespace
}  // namespace fastcnn
