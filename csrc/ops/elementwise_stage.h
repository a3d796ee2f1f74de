// The base of the stages that look at one element at a time: the shape stays, and y may be x.
#pragma once

#include "ops/operation.h"

namespace fastcnn {

class ElementwiseStage : public Operation {
 public:
  Shape bind(const Shape& sample, const std::vector<Shape>&) override {
    elements_ = sample.elements();
    return sample;
  }

 protected:
  int64_t elements_ = 0;
};

}  // namespace fastcnn
