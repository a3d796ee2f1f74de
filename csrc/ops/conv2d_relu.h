// conv2d_relu: a convolution, or a dense layer, and the ReLU behind it as one operation: the values are cut before they are stored.
//
//   fprop    y  = relu(conv2d(x, w) + b): conv2d_fprop with Conv2d::relu
//   dgrad,   the convolution's, of g = dy where y > 0, else 0; conv2d_relu_gradient makes g
//   wgrad
// A NaN passes, as in relu, and gets no gradient. Equal to conv2d and relu one after the other, to the bit. Errors and error against
// float64: conv2d's. The stages are "conv2d_relu" and "dense_relu"; in training the gradient takes the place of dy.
#pragma once

#include "ops/conv2d.h"

namespace fastcnn {

// y: conv2d_relu's result. g may be dy.
void conv2d_relu_gradient(Context& context, const Conv2d& conv, const float* dy, const float* y, float* g);

}  // namespace fastcnn
