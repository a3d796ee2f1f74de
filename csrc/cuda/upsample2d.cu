// upsample2d (ops/upsample2d.h): one thread an element of y forward, of dx backward.
#include "ops/upsample2d.h"

#include "cuda/element.cuh"

namespace fastcnn::cuda {
namespace {

struct ForwardNearest {
  Upsample2d op;
  const float* x;
  float* y;

  __device__ void operator()(int64_t i) const {
    const Element at = element_of(i, op.H * op.size_h, op.W * op.size_w, op.C);
    y[i] = x[((at.n * op.H + at.h / op.size_h) * op.W + at.w / op.size_w) * op.C + at.c];
  }
};

struct BackwardNearest {
  Upsample2d op;
  const float* dy;
  float* dx;

  __device__ void operator()(int64_t i) const {
    const Element at = element_of(i, op.H, op.W, op.C);
    const int64_t row = op.W * op.size_w * op.C;
    const float* const from = dy + (at.n * op.H + at.h) * op.size_h * row + at.w * op.size_w * op.C + at.c;
    float total = 0;
    for (int64_t r = 0; r < op.size_h; ++r) {
      float of_row = 0;  // row by row, so that rounding grows with the factor
      for (int64_t s = 0; s < op.size_w; ++s) of_row += from[r * row + s * op.C];
      total += of_row;
    }
    dx[i] = total;
  }
};

struct ForwardBilinear {
  Upsample2d op;
  const float* x;
  float* y;

  __device__ void operator()(int64_t i) const {
    const Element at = element_of(i, op.H * op.size_h, op.W * op.size_w, op.C);
    const Between rows = between(at.h, op.size_h, op.H), columns = between(at.w, op.size_w, op.W);
    const float* const image = x + at.n * op.H * op.W * op.C + at.c;
    const auto along_rows = [&](int64_t w) {
      const float a = image[(rows.lower * op.W + w) * op.C], b = image[(rows.upper * op.W + w) * op.C];
      return a + (b - a) * rows.share;
    };
    const float a = along_rows(columns.lower), b = along_rows(columns.upper);
    y[i] = a + (b - a) * columns.share;
  }
};

__device__ inline float share_of(int64_t p, int64_t h, int64_t size, int64_t inputs) {
  return static_cast<float>(parts_of(p, h, size, inputs)) / static_cast<float>(2 * size);
}

struct BackwardBilinear {
  Upsample2d op;
  const float* dy;
  float* dx;

  __device__ void operator()(int64_t i) const {
    const Element at = element_of(i, op.H, op.W, op.C);
    const Outputs rows = outputs_of(at.h, op.size_h, op.H), columns = outputs_of(at.w, op.size_w, op.W);
    const int64_t P = op.H * op.size_h, Q = op.W * op.size_w;
    float total = 0;
    for (int64_t p = rows.begin; p < rows.end; ++p) {
      float of_row = 0;
      for (int64_t q = columns.begin; q < columns.end; ++q)
        of_row += dy[((at.n * P + p) * Q + q) * op.C + at.c] * share_of(q, at.w, op.size_w, op.W);
      total += of_row * share_of(p, at.h, op.size_h, op.H);
    }
    dx[i] = total;
  }
};

}  // namespace

int64_t upsample2d_scratch(const Upsample2d&, int) { return 0; }

void upsample2d_forward(const Upsample2d& op, const float* x, float* y, void*, const Parallel& parallel) {
  const int64_t elements = op.N * op.H * op.size_h * op.W * op.size_w * op.C;
  if (op.bilinear) return launch_elements(parallel, elements, ForwardBilinear{op, x, y});
  launch_elements(parallel, elements, ForwardNearest{op, x, y});
}

void upsample2d_backward(const Upsample2d& op, const float* dy, float* dx, void*, const Parallel& parallel) {
  const int64_t elements = op.N * op.H * op.W * op.C;
  if (op.bilinear) return launch_elements(parallel, elements, BackwardBilinear{op, dy, dx});
  launch_elements(parallel, elements, BackwardNearest{op, dy, dx});
}

}  // namespace fastcnn::cuda
