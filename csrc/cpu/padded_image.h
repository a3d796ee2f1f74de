// An image as the patches of a convolution see it: the user's own memory, or a copy with its padding around it.
#pragma once

#include "cpu/simd.h"
#include "cpu/work.h"
#include "ops/conv2d.h"

namespace fastcnn::cpu::FASTCNN_ISA {

// In rows of `row` floats.
struct PaddedImage {
  bool copied;  // false: the user's own memory
  int64_t height, width, row, floats;

  int64_t step() const { return round_up(floats, 16); }  // floats from copy to copy
};

// spare: whether the patches are read by whole vectors, beyond their rows' ends; then it is copied, with a vector to spare behind.
FASTCNN_INLINE PaddedImage padded_image(const Conv2d& conv, bool spare) {
  const Window& win = conv.window;
  const int64_t height = (win.P - 1) * win.stride_h + win.R, width = (win.Q - 1) * win.stride_w + win.S;
  const bool inside = win.top == 0 && win.left == 0 && height <= win.H && width <= win.W;
  if (inside && !spare) return {false, win.H, win.W, win.W * conv.C, 0};
  return {true, height, width, width * conv.C, height * width * conv.C + lanes};
}

// The rows of the user's image that lie in the padded one, and likewise the columns.
struct Overlap {
  int64_t rows, columns;
};

FASTCNN_INLINE Overlap overlap(const Conv2d& conv, const PaddedImage& padded) {
  const Window& win = conv.window;
  return {max(0, min(win.H, padded.height - win.top)), max(0, min(win.W, padded.width - win.left))};
}

FASTCNN_INLINE void copy(const float* from, int64_t count, float* to) {
  __builtin_memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
}
FASTCNN_INLINE void clear(float* to, int64_t count) { __builtin_memset(to, 0, static_cast<size_t>(count) * sizeof(float)); }

// Image n of x as patches see it, in `memory` where it must be copied; what lies there around it is 0 already.
FASTCNN_INLINE const float* seen_by_patches(const Conv2d& conv, const PaddedImage& padded, const float* x, int64_t n, float* memory) {
  const Window& win = conv.window;
  const float* const image = x + n * win.H * win.W * conv.C;
  if (!padded.copied) return image;
  const Overlap part = overlap(conv, padded);
  for (int64_t h = 0; h < part.rows; ++h)
    copy(image + h * win.W * conv.C, part.columns * conv.C, memory + (h + win.top) * padded.row + win.left * conv.C);
  return memory;
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
