// flip, crop and resample (ops/augmentation.h): one thread an element of y. Where y is x, all of x is copied aside first.
#include "cuda/images.cuh"
#include "ops/augmentation.h"

namespace fastcnn::cuda {
namespace {

constexpr int64_t floats_of(const Images& images) { return images.N * images.H * images.W * images.C; }

struct Copy {
  const float* x;
  float* y;
  __device__ void operator()(int64_t i) const { y[i] = x[i]; }
};

// x as it was before y is written.
const float* kept(const Images& images, const float* x, const float* y, void* copies, const Parallel& parallel) {
  if (x != y) return x;
  float* const copy = static_cast<float*>(copies);
  launch_elements(parallel, floats_of(images), Copy{x, copy});
  return copy;
}

// The place of element i of images (N, H, W, C).
struct Place {
  __device__ Place(int64_t i, int64_t H, int64_t W, int64_t C) : c(i % C), w(i / C % W), h(i / C / W % H), n(i / C / W / H) {}
  int64_t c, w, h, n;
};

__device__ inline int64_t index_of(const Images& images, int64_t n, int64_t h, int64_t w, int64_t c) {
  return ((n * images.H + h) * images.W + w) * images.C + c;
}

struct FlipElement {
  Flip flip;
  const float *x, *numbers;
  float* y;

  __device__ void operator()(int64_t i) const {
    const Images& images = flip.images;
    const Place at(i, images.H, images.W, images.C);
    const bool flipped = numbers[at.n] <= 0.5f;
    const int64_t h = flipped && flip.vertical ? images.H - 1 - at.h : at.h, w = flipped && flip.horizontal ? images.W - 1 - at.w : at.w;
    y[i] = x[index_of(images, at.n, h, w, at.c)];
  }
};

struct CropElement {
  Crop crop;
  const float *x, *numbers;
  float* y;

  __device__ void operator()(int64_t i) const {
    const Images& images = crop.images;
    const Place at(i, crop.P, crop.Q, images.C);
    const float* const number = numbers == nullptr ? nullptr : numbers + 2 * at.n;
    const int64_t top = crop_start(number, images.H + 2 * crop.padding - crop.P) - crop.padding;
    const int64_t left = crop_start(number == nullptr ? nullptr : number + 1, images.W + 2 * crop.padding - crop.Q) - crop.padding;
    const int64_t h = pixel_at(crop.fill.mode, top + at.h, images.H), w = pixel_at(crop.fill.mode, left + at.w, images.W);
    y[i] = h < 0 || w < 0 ? crop.fill.value : x[index_of(images, at.n, h, w, at.c)];
  }
};

template <FillMode mode>
struct ResampleElement {
  using OfImage = Affine;

  Resampling resampling;
  const float *x, *numbers;
  float* y;

  __device__ float read(const Place& at, int64_t h, int64_t w) const {
    const Images& images = resampling.images;
    const bool inside = h >= 0 && h < images.H && w >= 0 && w < images.W;
    return inside ? x[index_of(images, at.n, h, w, at.c)] : resampling.fill.value;
  }

  __device__ Affine of_image(int64_t n) const {
    const float* const number = numbers + n * resampling.numbers;
    const double angle = angle_of(resampling, number);
    return affine_of(resampling, number, cos(angle), sin(angle));
  }

  __device__ void operator()(const Affine& affine, int64_t i) const {
    const Images& images = resampling.images;
    const Place at(i, images.H, images.W, images.C);
    const float row = static_cast<float>(at.h), column = static_cast<float>(at.w);
    const float across = coordinate_at<mode>(affine.xx * column + affine.xy * row + affine.x0, static_cast<float>(images.W));
    const float down = coordinate_at<mode>(affine.yx * column + affine.yy * row + affine.y0, static_cast<float>(images.H));
    if (!resampling.bilinear) {
      y[i] = read(at, static_cast<int64_t>(rounded(down)), static_cast<int64_t>(rounded(across)));
      return;
    }
    const float left = rounded_down(across), top = rounded_down(down), right_share = across - left, lower_share = down - top;
    const int64_t h = static_cast<int64_t>(top), w = static_cast<int64_t>(left);
    // What has no share is not looked at: at the last pixel that is what lies beyond the image.
    const float upper = (1 - right_share) * read(at, h, w) + (right_share > 0 ? right_share * read(at, h, w + 1) : 0);
    const float lower =
        lower_share > 0 ? (1 - right_share) * read(at, h + 1, w) + (right_share > 0 ? right_share * read(at, h + 1, w + 1) : 0) : 0;
    y[i] = (1 - lower_share) * upper + lower_share * lower;
  }
};

template <FillMode mode>
void resample_by(const Resampling& resampling, const float* x, const float* numbers, float* y, const Parallel& parallel) {
  const Images& images = resampling.images;
  const ResampleElement<mode> body{resampling, x, numbers, y};
  launch_image_elements(parallel, images.N, images.H * images.W * images.C, body);
}

}  // namespace

int64_t image_copies(const Images& images, int) { return floats_of(images) * static_cast<int64_t>(sizeof(float)); }

void flip(const Flip& flip, const float* x, const float* numbers, float* y, void* copies, const Parallel& parallel) {
  const float* const from = kept(flip.images, x, y, copies, parallel);
  launch_elements(parallel, floats_of(flip.images), FlipElement{flip, from, numbers, y});
}

void crop(const Crop& crop, const float* x, const float* numbers, float* y, void* copies, const Parallel& parallel) {
  const float* const from = kept(crop.images, x, y, copies, parallel);
  launch_elements(parallel, crop.images.N * crop.P * crop.Q * crop.images.C, CropElement{crop, from, numbers, y});
}

void resample(const Resampling& resampling, const float* x, const float* numbers, float* y, void* copies, const Parallel& parallel) {
  const float* const from = kept(resampling.images, x, y, copies, parallel);
  switch (resampling.fill.mode) {
    case FillMode::constant: return resample_by<FillMode::constant>(resampling, from, numbers, y, parallel);
    case FillMode::reflect: return resample_by<FillMode::reflect>(resampling, from, numbers, y, parallel);
    case FillMode::wrap: return resample_by<FillMode::wrap>(resampling, from, numbers, y, parallel);
    case FillMode::nearest: return resample_by<FillMode::nearest>(resampling, from, numbers, y, parallel);
  }
}

}  // namespace fastcnn::cuda
