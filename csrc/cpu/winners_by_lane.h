// wgrad of conv2d_relu_max_pool2d for few input channels, as the first layer has: a vector's worth of output channels at a time, each lane
// at its own winner.
//
// A pooled pixel's window of 2x2 pixels sees R + 1 rows of S + 1 inputs, (S + 1) * C floats: they fit a vector (12 of 16 lanes for 3x3x3).
// So for each tap one instruction picks from two rows what each lane's winner sees there, and a multiply-add sums it up:
//
//   dw[r][t][lane] += g[lane] * rows[r + down(lane)][right(lane) + t]     t < S * C
//
// The sums stay in registers (27 of 32 for 3x3x3) while all pixels of an image pass, and nothing is sorted, listed or transposed. The
// work does not fall with what ReLU cuts; but the lists of winners (conv2d_relu_max_pool2d_backward.cpp) load, for 9 floats a row, vectors
// that cross cache lines.
#pragma once

#include "cpu/padded_image.h"
#include "cpu/simd.h"
#include "cpu/slabs.h"
#include "cpu/small_integers.h"
#include "cpu/work.h"
#include "ops/conv2d_relu_max_pool2d.h"

namespace fastcnn::cpu::FASTCNN_ISA {

// Whether it may go so: windows of 2x2 that lie inside the convolution, of stride 1, and rows that fit a vector.
FASTCNN_INLINE bool goes_by_lanes(const Conv2dReluMaxPool2d& op) {
  const Window &win = op.conv.window, &pool = op.pool;
  const bool inside =
      pool.top == 0 && pool.left == 0 && (pool.P - 1) * pool.stride_h + 2 <= pool.H && (pool.Q - 1) * pool.stride_w + 2 <= pool.W;
  return picks_from_two && pool.R == 2 && pool.S == 2 && inside && win.stride_h == 1 && win.stride_w == 1 &&
         (win.S + 1) * op.conv.C <= lanes;
}

// Of a gradient by the weights that goes from the winners, whatever way: enough tasks for a few threads, but few partial sums.
FASTCNN_INLINE Slabs slabs_of_winners(const Conv2d& conv) { return cut_into_slabs(conv, ceil_div(8, ceil_div(conv.K, lanes))); }

namespace by_lane {

// What the pooled pixels of one image give to a vector of channels.
struct Winners {
  const float* image;         // as the patches see it, from the patches' first row on
  int64_t row, width;         // floats from row to row, and in a window's row
  const float* gradients;     // the first pixel's, at the vector's first channel
  const uint8_t* places;      // likewise
  int64_t K, channels;        // in all, and of this vector
  int64_t P, Q, down, right;  // pixels, and the floats from one to the next in the image
  IntVec offsets;             // by place: where a patch's row begins in two rows of the window
};

// sums[r][t][lane] += over all pixels, for Rows rows of the patches, of Length floats each; bias[lane] += the gradients, unless it is null.
template <int Rows, int Length>
void add_winners(const Winners& of, float* sums, int64_t step, float* bias) {
  Vec totals[Rows][Length] = {};
  Vec of_bias = {};
  const float* gradients = of.gradients;
  const uint8_t* places = of.places;
  for (int64_t p = 0; p < of.P; ++p) {
    const float* corner = of.image + p * of.down;
    for (int64_t q = 0; q < of.Q; ++q, corner += of.right, gradients += of.K, places += of.K) {
      const IntVec place = load_small(places, of.channels);
      const IntVec passes = place != Conv2dReluMaxPool2d::cut;
      const IntVec offset = pick(of.offsets, place);
      const Vec gradient = load_lanes(gradients, of.channels);
      of_bias += select(passes, gradient, Vec{});
      Vec rows[Rows + 1];
#pragma GCC unroll 32
      for (int r = 0; r <= Rows; ++r) rows[r] = load_lanes(corner + r * of.row, of.width);
#pragma GCC unroll 32
      for (int t = 0; t < Length; ++t) {
        const IntVec at = offset + t;
#pragma GCC unroll 32
        for (int r = 0; r < Rows; ++r)
          totals[r][t] = select(passes, totals[r][t] + gradient * pick(rows[r], rows[r + 1], at), totals[r][t]);
      }
    }
  }
#pragma GCC unroll 32
  for (int i = 0; i < Rows * Length; ++i) store(sums + i * step, load(sums + i * step) + totals[i / Length][i % Length]);
  if (bias != nullptr) store(bias, load(bias) + of_bias);
}

using AddWinners = void (*)(const Winners&, float*, int64_t, float*);

constexpr int most_sums = 27;

// Three rows at once where their sums fit the registers, else one.
template <int Length = lanes - 1>
AddWinners add_winners_function(int64_t rows, int64_t length) {
  if constexpr (Length > 1) {
    if (length < Length) return add_winners_function<Length - 1>(rows, length);
  }
  if constexpr (3 * Length <= most_sums) {
    if (rows == 3) return add_winners<3, Length>;
  }
  return add_winners<1, Length>;
}

FASTCNN_INLINE int64_t scratch(const Conv2d& conv, int workers) {
  return slabs_of_winners(conv).bytes() + Carver::bytes_of<float>(workers * padded_image(conv, conv.C, false).step());
}

[[maybe_unused]] static void wgrad(const Conv2dReluMaxPool2d& op, const float* x, const float* dy, const uint8_t* index, float* dw,
                                   float* db, void* scratch, const Parallel& parallel) {
  const Conv2d& conv = op.conv;
  const Window &win = conv.window, &pool = op.pool;
  const Slabs slabs = slabs_of_winners(conv);
  const PaddedImage padded = padded_image(conv, conv.C, false);
  Carver carver(scratch);
  float* const partials = carver.take<float>(slabs.count * slabs.floats());
  float* const images = carver.take<float>(parallel.workers * padded.step());

  const int64_t length = win.S * conv.C, blocks = slabs.columns / lanes, pixels = pool.P * pool.Q;
  const int64_t together = 3 * length <= most_sums ? 3 : 1;
  Winners winners{
      nullptr, padded.row, length + conv.C, nullptr, nullptr, conv.K, 0, pool.P, pool.Q, pool.stride_h * padded.row, pool.stride_w * conv.C,
      {}};
  for (int place = 0; place < 4; ++place) winners.offsets[place] = static_cast<int32_t>(place / 2 * lanes + place % 2 * conv.C);

  parallel_for(parallel, slabs.count * blocks, [&](int64_t task, int worker) {
    const int64_t slab = task / blocks, k = task % blocks * lanes;
    float *const sums = partials + slab * slabs.floats() + k, *const bias = sums + (slabs.rows - 1) * slabs.columns;
    for (int64_t i = 0; i < slabs.rows; ++i) store(sums + i * slabs.columns, Vec{});
    float* const memory = images + worker * padded.step();
    clear(memory, padded.floats);
    Winners of = winners;
    of.channels = min(lanes, conv.K - k);
    for (int64_t n = slabs.begin(slab); n < slabs.end(slab); ++n) {
      const float* const image = seen_by_patches(conv, padded, x, n, memory);
      of.gradients = dy + n * pixels * conv.K + k;
      of.places = index + n * pixels * conv.K + k;
      for (int64_t row = 0; row < win.R;) {
        const int64_t rows = row + together <= win.R ? together : 1;
        of.image = image + row * padded.row;
        add_winners_function(rows, length)(of, sums + row * length * slabs.columns, slabs.columns, row == 0 ? bias : nullptr);
        row += rows;
      }
    }
  });
  add_partials(slabs, conv.K, partials, dw, db, parallel);
}

}  // namespace by_lane
}  // namespace fastcnn::cpu::FASTCNN_ISA
