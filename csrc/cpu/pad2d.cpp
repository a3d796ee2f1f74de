// pad2d and crop2d (ops/pad2d.h): whole rows are copied. A task is one row of the result.
#include "ops/pad2d.h"

#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

void copy(float* to, const float* from, int64_t floats) { __builtin_memcpy(to, from, static_cast<size_t>(floats) * sizeof(float)); }
void clear(float* to, int64_t floats) { __builtin_memset(to, 0, static_cast<size_t>(floats) * sizeof(float)); }

}  // namespace

void put_in_frames(const Frame2d& frame, const float* images, float* frames, const Parallel& parallel) {
  const int64_t inner = frame.W * frame.C, outer = frame.Q * frame.C, left = frame.left * frame.C;
  parallel_for(parallel, frame.N * frame.P, [&](int64_t task, int) {
    const int64_t n = task / frame.P, h = task % frame.P - frame.top;
    float* const to = frames + task * outer;
    if (h < 0 || h >= frame.H) return clear(to, outer);
    clear(to, left);
    copy(to + left, images + (n * frame.H + h) * inner, inner);
    clear(to + left + inner, outer - left - inner);
  });
}

void take_from_frames(const Frame2d& frame, const float* frames, float* images, const Parallel& parallel) {
  const int64_t inner = frame.W * frame.C, outer = frame.Q * frame.C, left = frame.left * frame.C;
  parallel_for(parallel, frame.N * frame.H, [&](int64_t task, int) {
    const int64_t n = task / frame.H, p = task % frame.H + frame.top;
    copy(images + task * inner, frames + (n * frame.P + p) * outer + left, inner);
  });
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
