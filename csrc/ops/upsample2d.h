// upsample2d: images enlarged by whole factors, size_h and size_w. NHWC, float32; P = H * size_h, Q = W * size_w.
//
//   nearest   y[n,p,q,c] = x[n, floor(p / size_h), floor(q / size_w), c]
//   bilinear  y[n,p,q,c] = sum over h,w of  hat(at(p) - h) * hat(at(q) - w) * x[n,h,w,c]
//             where hat(d) = max(0, 1 - |d|), and at(p) = (p + 1/2) / size_h - 1/2, cut to [0, H - 1], is the middle of output row p in
//             rows of the image ("half-pixel centres"); at(q) likewise
//   dx[n,h,w,c] = sum of dy[n,p,q,c], in bilinear times its two hats, over the outputs that (h, w) is part of
// Errors (ArgumentError): rank, a size below 1 or above 2^31, a result that cannot be counted; of the gradient, a dy that is no multiple of
// size. Nearest is exact forward; allowed error against float64 of the others: 1e-6 of the largest value for factors up to 8.
// Source: Keras's UpSampling2D, which is tf.image.resize without antialiasing; PyTorch's interpolate with align_corners=False is the same.
#pragma once

#include "core/dispatch.h"
#include "core/forward.h"
#include "ops/window.h"

namespace fastcnn {

struct Upsample2d {
  int64_t N, H, W, C;
  int64_t size_h, size_w;
  bool bilinear;

  Upsample2d of(int64_t images) const { return {images, H, W, C, size_h, size_w, bilinear}; }
};

// Check, and give the sizes: by the shape of x, and by that of dy. interpolation: "nearest" or "bilinear".
Upsample2d upsample2d(const Shape& x, std::array<int64_t, 2> size, const char* interpolation);
Upsample2d upsample2d_backward(const Shape& dy, std::array<int64_t, 2> size, const char* interpolation);

void upsample2d_forward(Context& context, const Upsample2d& op, const float* x, float* y);
void upsample2d_backward(Context& context, const Upsample2d& op, const float* dy, float* dx);

// What the kernels on every device compute alike, in bilinear and along one axis: `inputs` pixels become `size` times as many.

// Output p lies between two inputs, `share` of the way from the lower to the upper.
struct Between {
  int64_t lower, upper;
  float share;
};

static constexpr Between between(int64_t p, int64_t size, int64_t inputs) {
  const int64_t after = 2 * (p % size) + 1 - size;  // the distance to the middle of input p / size, in parts of 2 size
  const int64_t lower = p / size - (after < 0);
  const float share = static_cast<float>(after < 0 ? after + 2 * size : after) / static_cast<float>(2 * size);
  return {lower < 0 ? 0 : lower, lower + 1 < inputs ? lower + 1 : inputs - 1, share};
}

// Input h has a part in the outputs [begin, end).
struct Outputs {
  int64_t begin, end;
};

static constexpr Outputs outputs_of(int64_t h, int64_t size, int64_t inputs) {
  const int64_t begin = ((2 * h - 1) * size + 1) / 2, end = (2 * h + 3) * size / 2, all = inputs * size;
  return {begin < 0 ? 0 : begin, end < all ? end : all};
}

// How much of output p is input h, in parts of 2 size.
static constexpr int64_t parts_of(int64_t p, int64_t h, int64_t size, int64_t inputs) {
  const int64_t distance = 2 * p + 1 - size * (2 * h + 1);
  if ((distance < 0 && h == 0) || (distance > 0 && h == inputs - 1)) return 2 * size;
  return 2 * size - (distance < 0 ? -distance : distance);
}

}  // namespace fastcnn

// The kernels, and the bytes of scratch memory that both are given.
FASTCNN_KERNEL(int64_t, upsample2d_scratch, (const Upsample2d& op, int workers))
FASTCNN_KERNEL(void, upsample2d_forward, (const Upsample2d& op, const float* x, float* y, void* scratch, const Parallel& parallel))
FASTCNN_KERNEL(void, upsample2d_backward, (const Upsample2d& op, const float* dy, float* dx, void* scratch, const Parallel& parallel))
