// flip, crop and resample (ops/augmentation.h): a few images to a task. What is copied goes by rows; what is interpolated by runs of a row,
// whose places in the image are computed at once, in vectors.
#include "cpu/images.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

// channels: C, where it is known when this is compiled; else 0.
template <int64_t channels>
void reverse(const float* row, int64_t W, int64_t C, float* to) {
  const int64_t each = channels > 0 ? channels : C;
  for (int64_t w = 0; w < W; ++w)
    for (int64_t c = 0; c < each; ++c) to[w * each + c] = row[(W - 1 - w) * each + c];
}

using Reverse = void (*)(const float* row, int64_t W, int64_t C, float* to);

Reverse reverse_of(int64_t C) {
  switch (C) {
    case 1: return reverse<1>;
    case 3: return reverse<3>;
    case 4: return reverse<4>;
    default: return reverse<0>;
  }
}

// Row `row` of an image, from column `left` on; null for a row of the constant alone.
void crop_row(const Crop& crop, const float* row, int64_t left, float* to) {
  const int64_t W = crop.images.W, C = crop.images.C, Q = crop.Q;
  if (row == nullptr) return fill_floats(crop.fill.value, Q * C, to);
  const int64_t begin = min(max(-left, 0), Q), end = max(min(W - left, Q), begin);  // of what lies in the image
  if (begin < end) copy_floats(row + (left + begin) * C, (end - begin) * C, to + begin * C);
  for (int64_t q = begin > 0 ? 0 : end; q < Q; q = q + 1 == begin ? end : q + 1) {
    const int64_t w = pixel_at(crop.fill.mode, left + q, W);
    if (w < 0)
      fill_floats(crop.fill.value, C, to + q * C);
    else
      copy_floats(row + w * C, C, to + q * C);
  }
}

constexpr int run = 64;  // pixels

// Where the pixels of a run are read.
struct Places {
  float x[run], y[run];
};

template <FillMode mode>
void find_places(const Affine& affine, int64_t h, int64_t first, int count, const Images& images, Places& places) {
  const float row = static_cast<float>(h), W = static_cast<float>(images.W), H = static_cast<float>(images.H);
  const float x0 = affine.xy * row + affine.x0, y0 = affine.yy * row + affine.y0;
  for (int i = 0; i < count; ++i) {
    const float w = static_cast<float>(static_cast<int>(first) + i);
    places.x[i] = coordinate_at<mode>(affine.xx * w + x0, W);
    places.y[i] = coordinate_at<mode>(affine.yx * w + y0, H);
  }
}

template <FillMode mode>
void take_nearest(const Images& images, const float* image, const Places& places, int count, float value, float* to) {
  const int64_t H = images.H, W = images.W, C = images.C;
  for (int i = 0; i < count; ++i, to += C) {
    const int64_t h = static_cast<int64_t>(rounded(places.y[i])), w = static_cast<int64_t>(rounded(places.x[i]));
    if (mode == FillMode::constant && (h < 0 || h >= H || w < 0 || w >= W))
      fill_floats(value, C, to);
    else
      copy_floats(image + (h * W + w) * C, C, to);
  }
}

// What is read beyond the image has the weight 0 there, and `value` has it instead.
template <FillMode mode, int64_t channels>
void interpolate(const Images& images, const float* image, const Places& places, int count, float value, float* to) {
  const int64_t H = images.H, W = images.W, C = channels > 0 ? channels : images.C;
  for (int i = 0; i < count; ++i, to += C) {
    const float left = rounded_down(places.x[i]), top = rounded_down(places.y[i]);
    const float right_share = places.x[i] - left, lower_share = places.y[i] - top;
    const int64_t h0 = static_cast<int64_t>(top), w0 = static_cast<int64_t>(left), h1 = h0 + 1, w1 = w0 + 1;
    float shares[] = {(1 - lower_share) * (1 - right_share), (1 - lower_share) * right_share, lower_share * (1 - right_share),
                      lower_share * right_share};
    float beyond = 0;
    if constexpr (mode == FillMode::constant) {
      const bool inside[] = {h0 >= 0 && h0 < H, h1 >= 0 && h1 < H, w0 >= 0 && w0 < W, w1 >= 0 && w1 < W};
      for (int corner = 0; corner < 4; ++corner) {
        if (inside[corner / 2] && inside[2 + corner % 2]) continue;
        beyond += shares[corner] * value;
        shares[corner] = 0;
      }
    }
    const int64_t rows[] = {min(max(h0, 0), H - 1) * W, min(max(h1, 0), H - 1) * W};
    const int64_t columns[] = {min(max(w0, 0), W - 1), min(max(w1, 0), W - 1)};
    const float *a = image + (rows[0] + columns[0]) * C, *b = image + (rows[0] + columns[1]) * C;
    const float *c = image + (rows[1] + columns[0]) * C, *d = image + (rows[1] + columns[1]) * C;
    for (int64_t k = 0; k < C; ++k) to[k] = beyond + shares[0] * a[k] + shares[1] * b[k] + shares[2] * c[k] + shares[3] * d[k];
  }
}

template <FillMode mode>
void resample_image(const Resampling& resampling, const Affine& affine, const float* image, float* to) {
  const Images& images = resampling.images;
  const auto interpolated = images.C == 3 ? interpolate<mode, 3> : images.C == 1 ? interpolate<mode, 1> : interpolate<mode, 0>;
  const auto take = resampling.bilinear ? interpolated : take_nearest<mode>;
  Places places;
  for (int64_t h = 0; h < images.H; ++h) {
    for (int64_t w = 0; w < images.W; w += run) {
      const int count = static_cast<int>(min(run, images.W - w));
      find_places<mode>(affine, h, w, count, images, places);
      take(images, image, places, count, resampling.fill.value, to + (h * images.W + w) * images.C);
    }
  }
}

}  // namespace

int64_t image_copies(const Images& images, int workers) {
  return workers * round_up(floats_of(images), 16) * static_cast<int64_t>(sizeof(float));
}

void flip(const Flip& flip, const float* x, const float* numbers, float* y, void* copies, const Parallel& parallel) {
  const Images& images = flip.images;
  const int64_t H = images.H, W = images.W, C = images.C, row = W * C;
  const Reverse reverse_row = reverse_of(C);
  for_each_image(images, parallel, [&](int64_t i, int worker) {
    float* const to = y + i * H * row;
    if (!(numbers[i] <= 0.5f)) {
      if (x != y) copy_floats(x + i * H * row, H * row, to);
      return;
    }
    const float* const from = kept_image(images, i, x, y, copies, worker);
    for (int64_t h = 0; h < H; ++h) {
      const float* const source = from + (flip.vertical ? H - 1 - h : h) * row;
      if (flip.horizontal)
        reverse_row(source, W, C, to + h * row);
      else
        copy_floats(source, row, to + h * row);
    }
  });
}

void crop(const Crop& crop, const float* x, const float* numbers, float* y, void* copies, const Parallel& parallel) {
  const Images& images = crop.images;
  const int64_t H = images.H, row = images.W * images.C, padding = crop.padding;
  for_each_image(images, parallel, [&](int64_t i, int worker) {
    const float* const number = numbers == nullptr ? nullptr : numbers + 2 * i;
    const int64_t top = crop_start(number, H + 2 * padding - crop.P) - padding;
    const int64_t left = crop_start(number == nullptr ? nullptr : number + 1, images.W + 2 * padding - crop.Q) - padding;
    if (x == y && top == 0 && left == 0) return;
    const float* const from = kept_image(images, i, x, y, copies, worker);
    float* const to = y + i * crop.P * crop.Q * images.C;
    for (int64_t p = 0; p < crop.P; ++p) {
      const int64_t h = pixel_at(crop.fill.mode, top + p, H);
      crop_row(crop, h < 0 ? nullptr : from + h * row, left, to + p * crop.Q * images.C);
    }
  });
}

void resample(const Resampling& resampling, const float* x, const float* numbers, float* y, void* copies, const Parallel& parallel) {
  const Images& images = resampling.images;
  for_each_image(images, parallel, [&](int64_t i, int worker) {
    const float* const from = kept_image(images, i, x, y, copies, worker);
    const float* const number = numbers + i * resampling.numbers;
    const double angle = angle_of(resampling, number);
    const Affine affine = affine_of(resampling, number, __builtin_cos(angle), __builtin_sin(angle));
    float* const to = y + i * floats_of(images);
    switch (resampling.fill.mode) {
      case FillMode::constant: return resample_image<FillMode::constant>(resampling, affine, from, to);
      case FillMode::reflect: return resample_image<FillMode::reflect>(resampling, affine, from, to);
      case FillMode::wrap: return resample_image<FillMode::wrap>(resampling, affine, from, to);
      case FillMode::nearest: return resample_image<FillMode::nearest>(resampling, affine, from, to);
    }
  });
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
