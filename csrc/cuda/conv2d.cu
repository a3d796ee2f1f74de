// conv2d (ops/conv2d.h) by implicit GEMM; dense layers are the case H = W = R = S = 1.
//
//   fprop  y (NPQ x K)    = patches(x) (NPQ x RSC) * w (RSC x K) + b
//   dgrad  dx (NHW x C)   = patches(dy) (NHW x RSK) * w with c and k exchanged (RSK x C); a tap that falls between the strides is a zero
//   wgrad  dw (RSC x K)   = patches(x) transposed (RSC x NPQ) * dy (NPQ x K)
// wgrad's sums over the pixels are long and its products few: they are cut into slabs of at least 512 pixels, one block each, whose sums
// are added in their order. Sizes are counted in int; check_sizes() sees to that.
#include "ops/conv2d.h"

#include <string>

#include "core/errors.h"
#include "cuda/matrix.cuh"
#include "cuda/slabs.cuh"
#include "ops/activations.h"

namespace fastcnn::cuda {
namespace {

// The sizes as a kernel wants them.
struct Sizes {
  int C, K, H, W, R, S, stride_h, stride_w, top, left, P, Q;
};

Sizes sizes_of(const Conv2d& conv) {
  const Window& win = conv.window;
  // A stride of 2^30 or more is taken once only, from 0.
  const auto size = [](int64_t value) { return static_cast<int>(value < (1 << 30) ? value : 1 << 30); };
  return {size(conv.C),       size(conv.K),       size(win.H),   size(win.W),    size(win.R), size(win.S),
          size(win.stride_h), size(win.stride_w), size(win.top), size(win.left), size(win.P), size(win.Q)};
}

// Quotient and remainder of numbers that are not negative.
struct Quotient {
  int quotient, remainder;
};
__device__ inline Quotient divide(int a, int b) {
  const int quotient = static_cast<int>(static_cast<unsigned>(a) / static_cast<unsigned>(b));
  return {quotient, a - quotient * b};
}

// x under tap (r, s, c) of output pixel (n, p, q): 0 outside the image.
__device__ inline float input_under(const Sizes& size, const float* x, int pixel, int tap) {
  const Quotient row = divide(pixel, size.Q), image = divide(row.quotient, size.P), point = divide(tap, size.C),
                 rs = divide(point.quotient, size.S);
  const int h = image.remainder * size.stride_h + rs.quotient - size.top, w = row.remainder * size.stride_w + rs.remainder - size.left;
  if (h < 0 || h >= size.H || w < 0 || w >= size.W) return 0;
  return x[((int64_t{image.quotient} * size.H + h) * size.W + w) * size.C + point.remainder];
}

struct Patches {
  static constexpr bool rows_are_contiguous = false;
  Sizes size;
  const float* x;
  __device__ float operator()(int pixel, int tap) const { return input_under(size, x, pixel, tap); }
};

struct PatchesTransposed {
  static constexpr bool rows_are_contiguous = true;
  Sizes size;
  const float* x;
  __device__ float operator()(int tap, int pixel) const { return input_under(size, x, pixel, tap); }
};

// dy of the output pixel that meets input pixel (n, h, w) in tap (r, s), channel k: 0 where there is none.
struct GradientPatches {
  static constexpr bool rows_are_contiguous = false;
  Sizes size;
  const float* dy;
  __device__ float operator()(int pixel, int tap) const {
    const Quotient row = divide(pixel, size.W), image = divide(row.quotient, size.H), point = divide(tap, size.K),
                   rs = divide(point.quotient, size.S);
    const int h = image.remainder + size.top - rs.quotient, w = row.remainder + size.left - rs.remainder;
    if (h < 0 || w < 0) return 0;
    const Quotient p = divide(h, size.stride_h), q = divide(w, size.stride_w);
    if (p.remainder != 0 || q.remainder != 0 || p.quotient >= size.P || q.quotient >= size.Q) return 0;
    return dy[((int64_t{image.quotient} * size.P + p.quotient) * size.Q + q.quotient) * size.K + point.remainder];
  }
};

// Row (r, s, k), column c of the weights.
struct WeightsTransposed {
  Sizes size;
  const float* w;
  __device__ float operator()(int tap, int c) const {
    const Quotient point = divide(tap, size.K);
    return w[(int64_t{point.quotient} * size.C + c) * size.K + point.remainder];
  }
};

// The numbers of blocks along N: neighbouring blocks share their rows of A.
__host__ __device__ inline int tiles_along(int N) { return (N + tile - 1) / tile; }

// Throws DeviceError for a product that int cannot count.
void check_sizes(int64_t M, int64_t N, int64_t depth) {
  constexpr int64_t most = int64_t{1} << 30;
  if (M > most || N > most || depth > most)
    throw DeviceError("cuda: a matrix product of " + std::to_string(M) + " x " + std::to_string(depth) + " with " + std::to_string(depth) +
                      " x " + std::to_string(N) + " is too large for the kernels, which take 2^30 along each side");
}

// out = a * b, plus bias where there is one.
template <class A, class B>
__global__ void __launch_bounds__(tile_threads) product(A a, B b, int M, int N, int depth, const float* bias, float* out) {
  const Quotient place = divide(static_cast<int>(blockIdx.x), tiles_along(N));
  const int m0 = place.quotient * tile, n0 = place.remainder * tile;
  float sums[each][each];
  multiply_tile(a, b, M, N, 0, depth, m0, n0, sums);
  for_each_sum(sums, M, N, m0, n0, [&](int m, int n, float sum) { out[int64_t{m} * N + n] = bias == nullptr ? sum : sum + bias[n]; });
}

template <class A, class B>
void launch_product(const Parallel& parallel, const A& a, const B& b, int64_t M, int64_t N, int64_t depth, const float* bias, float* out) {
  check_sizes(M, N, depth);
  launch(parallel, blocks_for(M, tile) * blocks_for(N, tile), 1, 1, tile_threads, product<A, B>, a, b, static_cast<int>(M),
         static_cast<int>(N), static_cast<int>(depth), bias, out);
}

int64_t filter_elements(const Conv2d& conv) { return conv.window.R * conv.window.S * conv.C * conv.K; }

// partials[slab] = dw of the slab's pixels.
__global__ void __launch_bounds__(tile_threads)
    wgrad_slab(PatchesTransposed patches, Matrix dy, int M, int N, int pixels, int slab_pixels, int64_t slab_floats, float* partials) {
  const Quotient place = divide(static_cast<int>(blockIdx.x), tiles_along(N));
  const int m0 = place.quotient * tile, n0 = place.remainder * tile, slab = static_cast<int>(blockIdx.z);
  const int begin = slab * slab_pixels, end = min(pixels, begin + slab_pixels);
  float sums[each][each];
  multiply_tile(patches, dy, M, N, begin, end, m0, n0, sums);
  float* const out = partials + slab * slab_floats;
  for_each_sum(sums, M, N, m0, n0, [&](int m, int n, float sum) { out[int64_t{m} * N + n] = sum; });
}

// partials[slab] = the slab's sum of dy for each channel; neighbouring threads, neighbouring channels.
__global__ void bias_slab(const float* dy, int K, int64_t pixels, int64_t slab_pixels, int64_t slab_floats, float* partials) {
  const int k = static_cast<int>(blockIdx.x) * tile + static_cast<int>(threadIdx.x);
  if (k >= K) return;
  const int64_t begin = blockIdx.y * slab_pixels, end = min(pixels, begin + slab_pixels);
  float total = 0;
  for (int64_t pixel = begin; pixel < end; ++pixel) total += dy[pixel * K + k];
  partials[blockIdx.y * slab_floats + k] = total;
}

}  // namespace

int64_t conv2d_prepared_bytes(const Conv2d&) { return 0; }
void conv2d_prepare(const Conv2d&, const float*, void*) {}

int64_t conv2d_fprop_scratch(const Conv2d&, const Filters&, int) { return 0; }
int64_t conv2d_dgrad_scratch(const Conv2d&, int) { return 0; }
int64_t conv2d_wgrad_scratch(const Conv2d& conv, int) {
  return slabs_of(conv.N, conv.window).count * (filter_elements(conv) + conv.K) * static_cast<int64_t>(sizeof(float));
}

void conv2d_fprop(const Conv2d& conv, const float* x, const Filters& filters, const float* b, float* y, void*, const Parallel& parallel) {
  const Window& win = conv.window;
  launch_product(parallel, Patches{sizes_of(conv), x}, Matrix{filters.w, static_cast<int>(conv.K)}, conv.N * win.P * win.Q, conv.K,
                 win.R * win.S * conv.C, b, y);
  if (conv.relu) relu_forward(conv.N * win.P * win.Q * conv.K, y, y, parallel);
}

void conv2d_dgrad(const Conv2d& conv, const float* dy, const float* w, float* dx, void*, const Parallel& parallel) {
  const Window& win = conv.window;
  const Sizes size = sizes_of(conv);
  launch_product(parallel, GradientPatches{size, dy}, WeightsTransposed{size, w}, conv.N * win.H * win.W, conv.C, win.R * win.S * conv.K,
                 nullptr, dx);
}

void conv2d_wgrad(const Conv2d& conv, const float* x, const float* dy, float* dw, float* db, void* scratch, const Parallel& parallel) {
  const Slabs slabs = slabs_of(conv.N, conv.window);
  const int64_t filter = filter_elements(conv), slab_floats = filter + conv.K, taps = filter / conv.K;
  float* const partials = static_cast<float*>(scratch);
  check_sizes(taps, conv.K, slabs.pixels);
  launch(parallel, blocks_for(taps, tile) * blocks_for(conv.K, tile), 1, slabs.count, tile_threads, wgrad_slab,
         PatchesTransposed{sizes_of(conv), x}, Matrix{dy, static_cast<int>(conv.K)}, static_cast<int>(taps), static_cast<int>(conv.K),
         static_cast<int>(slabs.pixels), static_cast<int>(slabs.each), slab_floats, partials);
  launch_elements(parallel, filter, AddSlabs{partials, slabs.count, slab_floats, dw});
  if (db == nullptr) return;
  launch(parallel, blocks_for(conv.K, tile), slabs.count, 1, tile, bias_slab, dy, static_cast<int>(conv.K), slabs.pixels, slabs.each,
         slab_floats, partials + filter);
  launch_elements(parallel, conv.K, AddSlabs{partials + filter, slabs.count, slab_floats, db});
}

}  // namespace fastcnn::cuda
