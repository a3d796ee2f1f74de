// pad2d and crop2d (ops/pad2d.h): one thread an element of the result.
#include "ops/pad2d.h"

#include "cuda/element.cuh"

namespace fastcnn::cuda {
namespace {

struct PutInFrames {
  Frame2d frame;
  const float* images;
  float* frames;

  __device__ void operator()(int64_t i) const {
    const Element at = element_of(i, frame.P, frame.Q, frame.C);
    const int64_t h = at.h - frame.top, w = at.w - frame.left;
    const bool inside = h >= 0 && h < frame.H && w >= 0 && w < frame.W;
    frames[i] = inside ? images[((at.n * frame.H + h) * frame.W + w) * frame.C + at.c] : 0.0f;
  }
};

struct TakeFromFrames {
  Frame2d frame;
  const float* frames;
  float* images;

  __device__ void operator()(int64_t i) const {
    const Element at = element_of(i, frame.H, frame.W, frame.C);
    images[i] = frames[((at.n * frame.P + at.h + frame.top) * frame.Q + at.w + frame.left) * frame.C + at.c];
  }
};

}  // namespace

void put_in_frames(const Frame2d& frame, const float* images, float* frames, const Parallel& parallel) {
  launch_elements(parallel, frame.N * frame.P * frame.Q * frame.C, PutInFrames{frame, images, frames});
}

void take_from_frames(const Frame2d& frame, const float* frames, float* images, const Parallel& parallel) {
  launch_elements(parallel, frame.N * frame.H * frame.W * frame.C, TakeFromFrames{frame, frames, images});
}

}  // namespace fastcnn::cuda
