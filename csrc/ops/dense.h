// dense: matrix product and bias. (N, in) x (in, out) -> (N, out), float32.
//
//   y[n,k] = b[k] + sum over c of x[n,c] * w[c,k];   dx = dy w^T;   dw = x^T dy;   db = sum over n of dy[n]
// It is conv2d with H = W = R = S = 1, and is checked here and computed there: on the CPU the tile that a convolution ends in is this
// product. Errors (ArgumentError): ranks, x's and w's inner sizes that differ, a b of another length than out. FLOPs of each: 2 * N * in *
// out. Allowed error as for conv2d. Source: Keras's Dense; PyTorch's linear takes w transposed.
#pragma once

#include "core/forward.h"
#include "ops/conv2d.h"

namespace fastcnn {

// Checks the shapes and gives the convolution that it is. `operation` names it in errors (dense_softmax shares the checks).
Conv2d dense(const char* operation, const Shape& x, const Shape& w, const Shape* b);

}  // namespace fastcnn
