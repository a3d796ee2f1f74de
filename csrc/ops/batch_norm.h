// batch_norm: each channel with mean 0 and variance 1, then scaled and shifted. x, y: (rows, C), rows all of a batch's pixels.
//
//   y = gamma * (x - mean) / sqrt(variance + epsilon) + beta,   where `relu` is set cut off at 0 (NaN stays NaN)
// with mean[c] and variance[c] = mean over the rows of (x - mean)^2, the batch's own in training, others in inference and where the layer
// is frozen. gamma may be missing (1), and beta (0).
//
// Backward, with g = dy, or where `relu` is set dy where y > 0 and else 0, s = 1 / sqrt(variance + epsilon) and z = (x - mean) * s:
//   dbeta = sum of g,   dgamma = sum of g * z
//   dx = gamma * s * (g - dbeta / rows - z * dgamma / rows)     the batch's own statistics
//   dx = gamma * s * g                                          others, which do not hang on x
// dx may be dy. Sums run over fixed slabs of the rows, and within them over blocks; the variance of a block is taken from its own mean, and
// blocks are put together by the differences of their means, so that a mean far from 0 costs nothing.
// Errors (ArgumentError): an x without channels, gammas or betas of another length than C, an epsilon below 0. Allowed error against
// float64: 5e-6 of the largest value. Sources: Ioffe and Szegedy 2015; Chan, Golub and LeVeque 1979 for the variances of parts.
#pragma once

#include <cstdint>

#include "core/dispatch.h"
#include "core/forward.h"

namespace fastcnn {

struct BatchNorm {
  int64_t rows, C;
  float epsilon;
  bool relu;
};

// For x of that shape, whose last axis are the channels.
BatchNorm batch_norm(const Shape& x, double epsilon, bool relu = false);

// Throws ArgumentError where a vector of the channels has another length.
void check_channels(const BatchNorm& norm, const char* argument, const Shape& shape);

// mean, variance: (C,).
void batch_norm_statistics(Context& context, const BatchNorm& norm, const float* x, float* mean, float* variance);
// gamma and beta may be null.
void batch_norm_forward(Context& context, const BatchNorm& norm, const float* x, const float* mean, const float* variance,
                        const float* gamma, const float* beta, float* y);
// y: forward's, of a norm with relu, else null. gamma, dgamma, dbeta and dx may be null. of_batch: whether mean and variance are x's own.
void batch_norm_backward(Context& context, const BatchNorm& norm, const float* x, const float* dy, const float* y, const float* mean,
                         const float* variance, const float* gamma, float* dgamma, float* dbeta, float* dx, bool of_batch);

}  // namespace fastcnn

// scratch: of batch_norm_scratch bytes.
FASTCNN_KERNEL(int64_t, batch_norm_scratch, (const BatchNorm& norm))
FASTCNN_KERNEL(void, batch_norm_statistics,
               (const BatchNorm& norm, const float* x, float* mean, float* variance, void* scratch, const Parallel& parallel))
FASTCNN_KERNEL(void, batch_norm_forward,
               (const BatchNorm& norm, const float* x, const float* mean, const float* variance, const float* gamma, const float* beta,
                float* y, void* scratch, const Parallel& parallel))
FASTCNN_KERNEL(void, batch_norm_backward,
               (const BatchNorm& norm, const float* x, const float* dy, const float* y, const float* mean, const float* variance,
                const float* gamma, float* dgamma, float* dbeta, float* dx, bool of_batch, void* scratch, const Parallel& parallel))
