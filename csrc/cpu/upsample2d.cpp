// upsample2d (ops/upsample2d.h). A task is one row of the image (bilinear forward: one of the result).
//
// Nearest spreads a row along its columns once and copies it. Bilinear goes along the rows first, by vectors over all that a row holds, and
// then along the columns, by vectors over channels; in between lies one row of scratch memory. What is far from an output has no part in
// it, and is not touched: along an axis, an output has two inputs, an input at most 2 size + 1 outputs.
#include "ops/upsample2d.h"

#include "cpu/simd.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

void forward_nearest(const Upsample2d& op, const float* x, float* y, const Parallel& parallel) {
  const int64_t row = op.W * op.size_w * op.C;
  parallel_for(parallel, op.N * op.H, [&](int64_t task, int) {
    float* const first = y + task * op.size_h * row;
    for (int64_t w = 0; w < op.W; ++w) {
      const float* const from = x + (task * op.W + w) * op.C;
      float* const to = first + w * op.size_w * op.C;
      for (int64_t c = 0; c < op.C; c += lanes) {
        const int64_t count = min(lanes, op.C - c);
        const Vec v = load_lanes(from + c, count);
        for (int64_t j = 0; j < op.size_w; ++j) store_lanes(to + j * op.C + c, v, count);
      }
    }
    for (int64_t i = 1; i < op.size_h; ++i) __builtin_memcpy(first + i * row, first, static_cast<size_t>(row) * sizeof(float));
  });
}

void backward_nearest(const Upsample2d& op, const float* dy, float* dx, const Parallel& parallel) {
  const int64_t row = op.W * op.size_w * op.C;
  parallel_for(parallel, op.N * op.H, [&](int64_t task, int) {
    const float* const rows = dy + task * op.size_h * row;
    for (int64_t w = 0; w < op.W; ++w) {
      const float* const from = rows + w * op.size_w * op.C;
      for (int64_t c = 0; c < op.C; c += lanes) {
        const int64_t count = min(lanes, op.C - c);
        Vec total = {};
        for (int64_t i = 0; i < op.size_h; ++i) {
          Vec of_row = {};  // row by row, so that rounding grows with the factor
          for (int64_t j = 0; j < op.size_w; ++j) of_row += load_lanes(from + i * row + j * op.C + c, count);
          total += of_row;
        }
        store_lanes(dx + (task * op.W + w) * op.C + c, total, count);
      }
    }
  });
}

// to = a + (b - a) * share: what lies between equals is their equal.
FASTCNN_INLINE void blend(const float* a, const float* b, float share, int64_t floats, float* to) {
  for (int64_t i = 0; i < floats; i += lanes) {
    const int64_t count = min(lanes, floats - i);
    const Vec from = load_lanes(a + i, count);
    store_lanes(to + i, from + (load_lanes(b + i, count) - from) * share, count);
  }
}

void forward_bilinear(const Upsample2d& op, const float* x, float* y, float* scratch, const Parallel& parallel) {
  const int64_t P = op.H * op.size_h, Q = op.W * op.size_w, row = op.W * op.C;
  parallel_for(parallel, op.N * P, [&](int64_t task, int worker) {
    const Between rows = between(task % P, op.size_h, op.H);
    const float* const image = x + task / P * op.H * row;
    float* const middle = scratch + worker * row * op.size_w;
    blend(image + rows.lower * row, image + rows.upper * row, rows.share, row, middle);
    for (int64_t q = 0; q < Q; ++q) {
      const Between columns = between(q, op.size_w, op.W);
      blend(middle + columns.lower * op.C, middle + columns.upper * op.C, columns.share, op.C, y + (task * Q + q) * op.C);
    }
  });
}

// to (+)= x * share.
FASTCNN_INLINE void add(const float* x, float share, int64_t floats, bool first, float* to) {
  for (int64_t i = 0; i < floats; i += lanes) {
    const int64_t count = min(lanes, floats - i);
    const Vec part = load_lanes(x + i, count) * share;
    store_lanes(to + i, first ? part : load_lanes(to + i, count) + part, count);
  }
}

void backward_bilinear(const Upsample2d& op, const float* dy, float* dx, float* scratch, const Parallel& parallel) {
  const int64_t row = op.W * op.size_w * op.C;
  const float rows_apart = static_cast<float>(2 * op.size_h), columns_apart = static_cast<float>(2 * op.size_w);
  parallel_for(parallel, op.N * op.H, [&](int64_t task, int worker) {
    const int64_t h = task % op.H;
    const Outputs rows = outputs_of(h, op.size_h, op.H);
    const float* const image = dy + task / op.H * op.H * op.size_h * row;
    float* const middle = scratch + worker * row;
    for (int64_t p = rows.begin; p < rows.end; ++p)
      add(image + p * row, static_cast<float>(parts_of(p, h, op.size_h, op.H)) / rows_apart, row, p == rows.begin, middle);
    for (int64_t w = 0; w < op.W; ++w) {
      const Outputs columns = outputs_of(w, op.size_w, op.W);
      for (int64_t c = 0; c < op.C; c += lanes) {
        const int64_t count = min(lanes, op.C - c);
        Vec total = {};
        for (int64_t q = columns.begin; q < columns.end; ++q)
          total += load_lanes(middle + q * op.C + c, count) * (static_cast<float>(parts_of(q, w, op.size_w, op.W)) / columns_apart);
        store_lanes(dx + (task * op.W + w) * op.C + c, total, count);
      }
    }
  });
}

}  // namespace

int64_t upsample2d_scratch(const Upsample2d& op, int workers) {
  return op.bilinear ? workers * Carver::bytes_of<float>(op.W * op.size_w * op.C) : 0;
}

void upsample2d_forward(const Upsample2d& op, const float* x, float* y, void* scratch, const Parallel& parallel) {
  if (op.bilinear) return forward_bilinear(op, x, y, static_cast<float*>(scratch), parallel);
  forward_nearest(op, x, y, parallel);
}

void upsample2d_backward(const Upsample2d& op, const float* dy, float* dx, void* scratch, const Parallel& parallel) {
  if (op.bilinear) return backward_bilinear(op, dy, dx, static_cast<float*>(scratch), parallel);
  backward_nearest(op, dy, dx, parallel);
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
