// The windows that convolutions and poolings slide over an image: size, stride and padding, resolved against the image's size.
#pragma once

#include <array>
#include <cstdint>

#include "core/forward.h"

namespace fastcnn {

// How a window meets the border, as a caller writes it.
//   valid: no padding.
//   same:  P = ceil(H / stride), with (P - 1) * stride + R - H rows of padding in all, the odd one below (right), as in Keras.
//   explicit: {top, bottom, left, right}.
struct Padding {
  enum class Kind { valid, same, explicit_ } kind = Kind::valid;
  std::array<int64_t, 4> amounts{};
};

// One window for an H x W image: window element (r, s) of output pixel (p, q) is input pixel (p * stride_h + r - top, q * stride_w + s -
// left).
struct Window {
  int64_t H, W;  // input
  int64_t R, S;  // window
  int64_t stride_h, stride_w;
  int64_t top, left;  // padding; that below and on the right is implied by P and Q
  int64_t P, Q;       // output: P = (H + top + bottom - R) / stride_h + 1
};

// Resolves and checks; throws ArgumentError naming the operation, the argument (`window_name`, "stride" or "padding"), what came and what
// was wanted.
Window resolve_window(const char* operation, const char* window_name, int64_t H, int64_t W, std::array<int64_t, 2> window,
                      std::array<int64_t, 2> stride, const Padding& padding);

// Throws ArgumentError where `images`, which `name` is in an error, are not (N, H, W, C), or too large to be counted: above 2^31 pixels
// along an axis, or 2^60 values in all.
void check_images(const char* operation, const char* name, const Shape& images);

// A stage's attributes: stride (2 integers) and padding ("valid", "same" or 4 integers).
std::array<int64_t, 2> pair(const char* operation, const Attributes& attributes, const char* name);
Padding padding_of(const char* operation, const Attributes& attributes, const char* name = "padding");
Padding parse_padding(const char* operation, const char* name);

// And "outputs" (2 integers), where it is there: only so many rows and columns of outputs, the first, are read by anybody. The rest of a
// window's are cut.
void cut_outputs(const char* operation, const Attributes& attributes, Window& window);

}  // namespace fastcnn
