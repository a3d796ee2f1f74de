// The operations, beside activations (activations.h), that look at one element at a time: rescale and dropouts, on n floats. In each, y may
// be x and dx may be dy.
//
//   rescale  y = x * scale + offset;                  dx = dy * scale
//   dropout  y = x / (1 - rate) where u >= rate, else 0, with u[i] number i of the Philox stream of the key;   dx = the same of dy
//   spatial_dropout  the same of whole channels: x is (N, pixels, C), and its element (n, p, c) has number n * C + c of the stream
// Errors (ArgumentError): a rate outside [0, 1). Exact but for one rounding.
// Sources: Keras's Rescaling and Dropout (Srivastava et al. 2014, inverted).
#pragma once

#include <cstdint>

#include "core/dispatch.h"
#include "core/forward.h"
#include "core/philox.h"

namespace fastcnn {

// y = a y + b x.
void accumulate(Context& context, int64_t n, float a, float b, const float* x, float* y);
void rescale(Context& context, int64_t n, const float* x, float scale, float offset, float* y);
void dropout(Context& context, int64_t n, const float* x, double rate, const RandomKey& key, float* y);
void spatial_dropout(Context& context, int64_t N, int64_t pixels, int64_t C, const float* x, double rate, const RandomKey& key, float* y);

}  // namespace fastcnn

FASTCNN_KERNEL(void, accumulate, (int64_t n, float a, float b, const float* x, float* y, const Parallel& parallel))
FASTCNN_KERNEL(void, rescale, (int64_t n, const float* x, float scale, float offset, float* y, const Parallel& parallel))
FASTCNN_KERNEL(void, dropout,
               (int64_t n, const float* x, float rate, float scale, const RandomKey& key, float* y, const Parallel& parallel))
FASTCNN_KERNEL(void, spatial_dropout,
               (int64_t N, int64_t pixels, int64_t C, const float* x, float rate, float scale, const RandomKey& key, float* y,
                const Parallel& parallel))
