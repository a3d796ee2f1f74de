// pad2d and crop2d: zeros around images, and images out of what is around them. NHWC, float32.
//
//   pad2d   y[n,p,q,c] = x[n, p - top, q - left, c], and 0 where that lies outside the image; P = H + top + bottom, Q = W + left + right
//   crop2d  y[n,h,w,c] = x[n, h + top, w + left, c];                                          H = P - top - bottom, W = Q - left - right
// Each is the gradient of the other: crop2d's by an x of P x Q is pad2d of dy. Exact: values are moved, none is computed.
// Errors (ArgumentError): rank, an amount that is negative or above 2^31, a crop that leaves nothing, a result that cannot be counted.
// Source: Keras's ZeroPadding2D and Cropping2D.
#pragma once

#include "core/dispatch.h"
#include "core/forward.h"
#include "ops/window.h"

namespace fastcnn {

// N images of H x W, each at (top, left) of a frame of P x Q.
struct Frame2d {
  int64_t N, C;
  int64_t H, W, top, left, P, Q;

  Frame2d of(int64_t images) const { return {images, C, H, W, top, left, P, Q}; }
};

// Check, and give the sizes: of images x that get a frame, and of those in frames x. amounts: {top, bottom, left, right}.
Frame2d pad2d(const Shape& x, const std::array<int64_t, 4>& amounts);
Frame2d crop2d(const Shape& x, const std::array<int64_t, 4>& amounts);

void put_in_frames(Context& context, const Frame2d& frame, const float* images, float* frames);
void take_from_frames(Context& context, const Frame2d& frame, const float* frames, float* images);

}  // namespace fastcnn

FASTCNN_KERNEL(void, put_in_frames, (const Frame2d& frame, const float* images, float* frames, const Parallel& parallel))
FASTCNN_KERNEL(void, take_from_frames, (const Frame2d& frame, const float* frames, float* images, const Parallel& parallel))
