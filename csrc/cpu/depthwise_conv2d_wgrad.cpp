// depthwise_conv2d's gradients by w and b (ops/depthwise_conv2d.h has the mathematics): vectors over the K = C * M output channels.
//
// The batch is cut into slabs of whole images (slabs.h), and the channels into blocks of 64; a task is a slab and a block. For each row of
// dy, a vector of its channels meets up to four taps of a filter row at once: per pixel one vector of dy and one of x for each tap. What a
// row gives is summed up from 0 and then added, so that rounding grows with the root of its length and of their number, not of the product.
#include "cpu/repeated_channels.h"
#include "cpu/simd.h"
#include "cpu/slabs.h"
#include "cpu/work.h"
#include "ops/depthwise_conv2d.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

constexpr int most_taps = 4;
constexpr int64_t block_channels = 64;
constexpr int64_t slab_pixels = 2048;
constexpr int64_t max_slabs = 16;

Slabs slabs_of(const DepthwiseConv2d& conv) {
  const Window& win = conv.window;
  const int64_t count = min(max_slabs, ceil_div(conv.N * win.P * win.Q, slab_pixels));
  return {conv.N, max(1, min(conv.N, count)), round_up(conv.C * conv.M, lanes), win.R * win.S + 1};
}

// sums[t] += sum over pixels of x[pixel * x_step + t * K] * dy[pixel * K], t < T, of `count` channels.
template <int T>
void add_taps(int64_t pixels, const float* x, int64_t x_step, const float* dy, int64_t K, int64_t count, float* sums, int64_t sums_step) {
  Vec totals[T] = {};
  for (int64_t pixel = 0; pixel < pixels; ++pixel, x += x_step, dy += K) {
    const Vec gradient = load_lanes(dy, count);
#pragma GCC unroll 4
    for (int t = 0; t < T; ++t) totals[t] += load_lanes(x + t * K, count) * gradient;
  }
#pragma GCC unroll 4
  for (int t = 0; t < T; ++t) store(sums + t * sums_step, load(sums + t * sums_step) + totals[t]);
}

using AddTaps = void (*)(int64_t, const float*, int64_t, const float*, int64_t, int64_t, float*, int64_t);
constexpr AddTaps functions[most_taps] = {add_taps<1>, add_taps<2>, add_taps<3>, add_taps<4>};

// The outputs [begin, end) of a row for which taps `first` to `last` lie in the image.
struct Columns {
  int64_t begin, end;

  Columns(const Window& win, int64_t first, int64_t last)
      : begin(max(0, ceil_div(win.left - first, win.stride_w))),
        end(win.W - 1 - last + win.left < 0 ? 0 : min(win.Q, (win.W - 1 - last + win.left) / win.stride_w + 1)) {}
};

// One row of outputs and one row of a filter: x at the image's row, w_sums at the filter's.
void add_row(const Window& win, const float* x, const float* dy, int64_t K, int64_t count, float* w_sums, int64_t sums_step) {
  for (int64_t s = 0; s < win.S; s += most_taps) {
    const int64_t taps = min(most_taps, win.S - s);
    const auto add = [&](int64_t first, int64_t number, int64_t begin, int64_t end) {
      if (begin >= end) return;
      const float* const from = x + (begin * win.stride_w + first - win.left) * K;
      functions[number - 1](end - begin, from, win.stride_w * K, dy + begin * K, K, count, w_sums + first * sums_step, sums_step);
    };
    const Columns shared(win, s, s + taps - 1);
    add(s, taps, shared.begin, shared.end);
    for (int64_t tap = s; tap < s + taps; ++tap) {
      const Columns own(win, tap, tap);
      if (shared.begin >= shared.end) {
        add(tap, 1, own.begin, own.end);
      } else {
        add(tap, 1, own.begin, shared.begin);
        add(tap, 1, shared.end, own.end);
      }
    }
  }
}

// A slab's sums of the channels [first, end).
void run_task(const DepthwiseConv2d& conv, const Slabs& slabs, int64_t slab, int64_t first, int64_t end, const float* x, const float* dy,
              float* sums) {
  const Window& win = conv.window;
  const int64_t K = conv.C * conv.M;
  float* const b_sums = sums + (slabs.rows - 1) * slabs.columns;
  for (int64_t row = 0; row < slabs.rows; ++row)
    for (int64_t k = first; k < end; k += lanes) store(sums + row * slabs.columns + k, Vec{});
  for (int64_t n = slabs.begin(slab); n < slabs.end(slab); ++n) {
    for (int64_t p = 0; p < win.P; ++p) {
      const float* const gradients = dy + (n * win.P + p) * win.Q * K;
      for (int64_t k = first; k < end; k += lanes) {
        const int64_t count = min(lanes, K - k);
        Vec total = {};
        for (int64_t q = 0; q < win.Q; ++q) total += load_lanes(gradients + q * K + k, count);
        store(b_sums + k, load(b_sums + k) + total);
        for (int64_t r = 0; r < win.R; ++r) {
          const int64_t h = p * win.stride_h + r - win.top;
          if (h < 0 || h >= win.H) continue;
          add_row(win, x + (n * win.H + h) * win.W * K + k, gradients + k, K, count, sums + r * win.S * slabs.columns + k, slabs.columns);
        }
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
