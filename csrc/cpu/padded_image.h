// An image as the patches of a convolution see it: the user's own memory, or a copy with its padding around it.
#pragma once

#include "cpu/simd.h"
#include "cpu/work.h"
#include "ops/conv2d.h"

namespace fastcnn::cpu::FASTCNN_ISA {

// In rows of `row` floats, pixels of `depth`: the image's channels, or more.
struct PaddedImage {
  bool copied;  // false: the user's own memory
  int64_t height, width, depth, row, floats;

  int64_t step() const { return round_up(floats, 16); }  // floats from copy to copy
};

// spare: whether the patches are read by whole vectors, beyond their rows' ends; then it is copied, with a vector to spare behind.
FASTCNN_INLINE PaddedImage padded_image(const Conv2d& conv, int64_t depth, bool spare) {
  const Window& win = conv.window;
  const int64_t height = (win.P - 1) * win.stride_h + win.R, width = (win.Q - 1) * win.stride_w + win.S;
  const bool inside = win.top == 0 && win.left == 0 && height <= win.H && width <= win.W;
  if (inside && !spare && depth == conv.C) return {false, win.H, win.W, depth, win.W * depth, 0};
  return {true, height, width, depth, width * depth, height * width * depth + lanes};
}

// The rows of the user's image that lie in the padded one, and likewise the columns.
struct Overlap {
  int64_t rows, columns;
};

FASTCNN_INLINE Overlap overlap(const Conv2d& conv, const PaddedImage& padded) {
  const Window& win = conv.window;
  return {max(0, min(win.H, padded.height - win.top)), max(0, min(win.W, padded.width - win.left))};
}

// `count` pixels of `channels` floats each, of which from and to have one every so many floats.
FASTCNN_INLINE void copy_pixels(const float* from, int64_t from_step, int64_t count, int64_t channels, float* to, int64_t to_step) {
  if (from_step == channels && to_step == channels) {
    __builtin_memcpy(to, from, static_cast<size_t>(count * channels) * sizeof(float));
    return;
  }
  for (int64_t pixel = 0; pixel < count; ++pixel, from += from_step, to += to_step)
    for (int64_t c = 0; c < channels; c += lanes) store_lanes(to + c, load_lanes(from + c, channels - c), channels - c);
}
FASTCNN_INLINE void clear(float* to, int64_t count) { __builtin_memset(to, 0, static_cast<size_t>(count) * sizeof(float)); }

// Image n of x as patches see it, in `memory` where it must be copied; what lies there around it is 0 already.
FASTCNN_INLINE const float* seen_by_patches(const Conv2d& conv, const PaddedImage& padded, const float* x, int64_t n, float* memory) {
  const Window& win = conv.window;
  const float* const image = x + n * win.H * win.W * conv.C;
  if (!padded.copied) return image;
  const Overlap part = overlap(conv, padded);
  for (int64_t h = 0; h < part.rows; ++h)
    copy_pixels(image + h * win.W * conv.C, conv.C, part.columns, conv.C, memory + (h + win.top) * padded.row + win.left * padded.depth,
                padded.depth);
  return memory;
}

// The other way: what patches left in `memory`, to an image; 0 where none of them reached.
FASTCNN_INLINE void copy_back(const Conv2d& conv, const PaddedImage& padded, const float* memory, float* image) {
  const Window& win = conv.window;
  const Overlap part = overlap(conv, padded);
  clear(image, win.H * win.W * conv.C);
  for (int64_t h = 0; h < part.rows; ++h)
    copy_pixels(memory + (h + win.top) * padded.row + win.left * padded.depth, padded.depth, part.columns, conv.C,
                image + h * win.W * conv.C, conv.C);
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
