// depthwise_conv2d (ops/depthwise_conv2d.h): one thread an element of y, and of dx; for dw and db, one an element of each slab's sums.
// Neighbouring threads have neighbouring channels, so that what they read lies side by side.
#include "ops/depthwise_conv2d.h"

#include "cuda/element.cuh"
#include "cuda/slabs.cuh"

namespace fastcnn::cuda {
namespace {

struct Fprop {
  DepthwiseConv2d conv;
  const float* x;
  const float* w;
  const float* b;
  float* y;

  __device__ void operator()(int64_t i) const {
    const Window& win = conv.window;
    const int64_t K = conv.C * conv.M;
    const Element at = element_of(i, win.P, win.Q, K);
    const int64_t top = at.h * win.stride_h - win.top, left = at.w * win.stride_w - win.left, c = at.c / conv.M;
    float total = b == nullptr ? 0 : b[at.c];
    for (int64_t r = 0; r < win.R; ++r) {
      if (top + r < 0 || top + r >= win.H) continue;
      for (int64_t s = 0; s < win.S; ++s) {
        if (left + s < 0 || left + s >= win.W) continue;
        total += x[((at.n * win.H + top + r) * win.W + left + s) * conv.C + c] * w[(r * win.S + s) * K + at.c];
      }
    }
    y[i] = total;
  }
};

struct Dgrad {
  DepthwiseConv2d conv;
  const float* dy;
  const float* w;
  float* dx;

  __device__ void operator()(int64_t i) const {
    const Window& win = conv.window;
    const int64_t K = conv.C * conv.M;
    const Element at = element_of(i, win.H, win.W, conv.C);
    float total = 0;
    for (int64_t r = 0; r < win.R; ++r) {
      const int64_t h = at.h + win.top - r, p = h / win.stride_h;
      if (h < 0 || h % win.stride_h != 0 || p >= win.P) continue;
      for (int64_t s = 0; s < win.S; ++s) {
        const int64_t v = at.w + win.left - s, q = v / win.stride_w;
        if (v < 0 || v % win.stride_w != 0 || q >= win.Q) continue;
        const float* const gradients = dy + ((at.n * win.P + p) * win.Q + q) * K + at.c * conv.M;
        const float* const weights = w + (r * win.S + s) * K + at.c * conv.M;
        for (int64_t m = 0; m < conv.M; ++m) total += gradients[m] * weights[m];
      }
    }
    dx[i] = total;
  }
};

// partials[slab]: dw (R * S * K), then db (K), of the slab's pixels.
struct WgradSlab {
  DepthwiseConv2d conv;
  Slabs slabs;
  int64_t slab_floats;
  const float* x;
  const float* dy;
  float* partials;

  __device__ void operator()(int64_t i) const {
    const Window& win = conv.window;
    const int64_t K = conv.C * conv.M, slab = i / slab_floats, k = i % slab_floats % K, tap = i % slab_floats / K;
    const int64_t r = tap / win.S, s = tap % win.S, c = k / conv.M;
    const bool of_bias = r == win.R;
    const int64_t end = min(slabs.pixels, (slab + 1) * slabs.each);
    float total = 0;
    for (int64_t pixel = slab * slabs.each; pixel < end; ++pixel) {
      const int64_t row = pixel / win.Q, h = row % win.P * win.stride_h + r - win.top, v = pixel % win.Q * win.stride_w + s - win.left;
      if (of_bias)
        total += dy[pixel * K + k];
      else if (h >= 0 && h < win.H && v >= 0 && v < win.W)
        total += x[((row / win.P * win.H + h) * win.W + v) * conv.C + c] * dy[pixel * K + k];
    }
    partials[i] = total;
  }
};

int64_t slab_floats_of(const DepthwiseConv2d& conv) { return (conv.window.R * conv.window.S + 1) * conv.C * conv.M; }

}  // namespace

int64_t depthwise_conv2d_fprop_scratch(const DepthwiseConv2d&) { return 0; }
int64_t depthwise_conv2d_dgrad_scratch(const DepthwiseConv2d&) { return 0; }
int64_t depthwise_conv2d_wgrad_scratch(const DepthwiseConv2d& conv) {
  return slabs_of(conv.N, conv.window).count * slab_floats_of(conv) * static_cast<int64_t>(sizeof(float));
}

void depthwise_conv2d_fprop(const DepthwiseConv2d& conv, const float* x, const float* w, const float* b, float* y, void*,
                            const Parallel& parallel) {
  launch_elements(parallel, conv.N * conv.window.P * conv.window.Q * conv.C * conv.M, Fprop{conv, x, w, b, y});
}

void depthwise_conv2d_dgrad(const DepthwiseConv2d& conv, const float* dy, const float* w, float* dx, void*, const Parallel& parallel) {
  launch_elements(parallel, conv.N * conv.window.H * conv.window.W * conv.C, Dgrad{conv, dy, w, dx});
}

void depthwise_conv2d_wgrad(const DepthwiseConv2d& conv, const float* x, const float* dy, float* dw, float* db, void* scratch,
                            const Parallel& parallel) {
  const Slabs slabs = slabs_of(conv.N, conv.window);
  const int64_t slab_floats = slab_floats_of(conv), K = conv.C * conv.M;
  float* const partials = static_cast<float*>(scratch);
  launch_elements(parallel, slabs.count * slab_floats, WgradSlab{conv, slabs, slab_floats, x, dy, partials});
  launch_elements(parallel, slab_floats - K, AddSlabs{partials, slabs.count, slab_floats, dw});
  if (db != nullptr) launch_elements(parallel, K, AddSlabs{partials + slab_floats - K, slabs.count, slab_floats, db});
}

}  // namespace fastcnn::cuda
