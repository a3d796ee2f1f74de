// depthwise_conv2d's gradients by w and b (ops/depthwise_conv2d.h has the mathematics): vectors over the K = C * M output channels.
//
// The batch is cut into slabs of whole images (slabs.h), and the channels into blocks of 64; a task is a slab and a block. For each row of
// dy, a vector of its channels meets up to five taps of a filter row at once: per pixel one vector of dy and one of x for each tap. What a
// row gives is summed up from 0 and then added, so that rounding grows with the root of its length and of their number, not of the product.
#include "cpu/repeated_channels.h"
#include "cpu/simd.h"
#include "cpu/slabs.h"
#include "cpu/work.h"
#include "ops/depthwise_conv2d.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

constexpr int most_taps = 5;
constexpr int64_t block_channels = 64;
constexpr int64_t slab_pixels = 2048;
constexpr int64_t max_slabs = 16;

Slabs slabs_of(const DepthwiseConv2d& conv) {
  const Window& win = conv.window;
  const int64_t count = min(max_slabs, ceil_div(conv.N * win.P * win.Q, slab_pixels));
  return cut_into_slabs(conv.N, win.R * win.S, conv.C * conv.M, count);
}

// Some taps of each filter row, from `first` on, and the outputs [begin, end) of a row for which they all lie in the image.
struct TapsOfRow {
  int64_t first, count, begin, end;
};

TapsOfRow taps_of_row(const Window& win, int64_t first) {
  const int64_t count = min(most_taps, win.S - first), room = win.W - first - count + win.left;
  const int64_t begin = min(win.Q, max(0, ceil_div(win.left - first, win.stride_w)));
  return {first, count, begin, max(begin, room < 0 ? 0 : min(win.Q, room / win.stride_w + 1))};
}

// One row of outputs: what it gives to these taps of the filter rows [r_begin, r_end), `count` channels of them.
// x: the image's row under filter row 0. sums: those of filter row 0, S rows of `step` floats a filter row.
template <int T>
void add_row(const Window& win, const TapsOfRow& taps, int64_t r_begin, int64_t r_end, const float* x, const float* dy, int64_t K,
             int64_t count, float* sums, int64_t step) {
  for (int64_t r = r_begin; r < r_end; ++r) {
    const float* const row = x + r * win.W * K;
    Vec totals[T] = {};
    const auto at_border = [&](int64_t q) {
      const Vec gradient = load_lanes(dy + q * K, count);
#pragma GCC unroll 5
      for (int t = 0; t < T; ++t) {
        const int64_t w = q * win.stride_w + taps.first + t - win.left;
        if (w >= 0 && w < win.W) totals[t] += load_lanes(row + w * K, count) * gradient;
      }
    };
    for (int64_t q = 0; q < taps.begin; ++q) at_border(q);
    const float* from = row + (taps.begin * win.stride_w + taps.first - win.left) * K;
    for (int64_t q = taps.begin; q < taps.end; ++q, from += win.stride_w * K) {
      const Vec gradient = load_lanes(dy + q * K, count);
#pragma GCC unroll 5
      for (int t = 0; t < T; ++t) totals[t] += load_lanes(from + t * K, count) * gradient;
    }
    for (int64_t q = taps.end; q < win.Q; ++q) at_border(q);
    float* const to = sums + (r * win.S + taps.first) * step;
#pragma GCC unroll 5
    for (int t = 0; t < T; ++t) store(to + t * step, load(to + t * step) + totals[t]);
  }
}

using AddRow = void (*)(const Window&, const TapsOfRow&, int64_t, int64_t, const float*, const float*, int64_t, int64_t, float*, int64_t);
constexpr AddRow functions[most_taps] = {add_row<1>, add_row<2>, add_row<3>, add_row<4>, add_row<5>};

// A slab's sums of the channels [first, end).
void run_task(const DepthwiseConv2d& conv, const Slabs& slabs, int64_t slab, int64_t first, int64_t end, const float* x, const float* dy,
              float* sums) {
  const Window& win = conv.window;
  const int64_t K = conv.C * conv.M, step = slabs.columns;
  float* const b_sums = sums + (slabs.rows - 1) * step;
  for (int64_t row = 0; row < slabs.rows; ++row)
    for (int64_t k = first; k < end; k += lanes) store(sums + row * step + k, Vec{});
  for (int64_t image_row = slabs.begin(slab) * win.P; image_row < slabs.end(slab) * win.P; ++image_row) {
    const float* const gradients = dy + image_row * win.Q * K;
    for (int64_t k = first; k < end; k += lanes) {
      Vec total = {};
      for (int64_t q = 0; q < win.Q; ++q) total += load_lanes(gradients + q * K + k, min(lanes, K - k));
      store(b_sums + k, load(b_sums + k) + total);
    }
  }
  for (int64_t s = 0; s < win.S; s += most_taps) {
    const TapsOfRow taps = taps_of_row(win, s);
    for (int64_t n = slabs.begin(slab); n < slabs.end(slab); ++n) {
      for (int64_t p = 0; p < win.P; ++p) {
        const int64_t top = p * win.stride_h - win.top, r_begin = max(0, -top), r_end = min(win.R, win.H - top);
        const float* const rows = x + (n * win.H + top) * win.W * K;
        const float* const gradients = dy + (n * win.P + p) * win.Q * K;
        for (int64_t k = first; k < end; k += lanes)
          functions[taps.count - 1](win, taps, r_begin, r_end, rows + k, gradients + k, K, min(lanes, K - k), sums + k, step);
      }
    }
  }
}

}  // namespace

int64_t depthwise_conv2d_wgrad_scratch(const DepthwiseConv2d& conv) { return slabs_of(conv).bytes() + repeated_bytes(conv); }

void depthwise_conv2d_wgrad(const DepthwiseConv2d& conv, const float* x, const float* dy, float* dw, float* db, void* scratch,
                            const Parallel& parallel) {
  Carver carver(scratch);
  const Slabs slabs = slabs_of(conv);
  float* const partials = carver.take<float>(slabs.count * slabs.floats());
  const float* const images = repeated(conv, x, carver, parallel);
  const int64_t K = conv.C * conv.M, blocks = ceil_div(K, block_channels);
  parallel_for(parallel, slabs.count * blocks, [&](int64_t task, int) {
    const int64_t slab = task / blocks, first = task % blocks * block_channels;
    run_task(conv, slabs, slab, first, min(first + block_channels, K), images, dy, partials + slab * slabs.floats());
  });
  add_partials(slabs, K, partials, dw, db, parallel);
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
