// conv2d_relu_max_pool2d's gradients (ops/conv2d_relu_max_pool2d.h has the mathematics), from the winners alone.
//
// For one image and a vector's worth of channels, the winners of each channel are listed: where their R x S x C patch begins in the image,
// and their gradient. Then channel by channel, over its list:
//   wgrad   the patch's accumulators, R * S * C / lanes vectors (18 for 3x3x32 in AVX-512), stay in registers; an entry adds g * patch:
//           one load and one multiply-add a vector, all contiguous in NHWC.
//   dgrad   the channel's weights, laid out K x (R, S, C), stay in registers; an entry adds g * weights to the patch of dx.
// The image (29 KB at 15x15x32) stays in the L1 cache while the channels pass. Where the convolution is padded, or channels are no
// whole vectors, the image lies in scratch memory with its padding around it and a vector to spare behind.
//
// wgrad: a task is one slab of images and one vector of channels, with partial sums of its own, added in their order. dgrad: a task is one
// image; of many channels it goes by Winograd's tiles (winograd_gradients.h), to which the winners are gradients like others. The dense
// gradients of the same convolution, unpooled, took 3.5 times (wgrad) and 2 times (dgrad) as long (second layer of the tutorial's network,
// AVX-512, one thread, 30 % of the winners cut).
#include "ops/conv2d_relu_max_pool2d.h"

#include "cpu/laid_out.h"
#include "cpu/padded_image.h"
#include "cpu/pool.h"
#include "cpu/simd.h"
#include "cpu/slabs.h"
#include "cpu/small_integers.h"
#include "cpu/winners_by_lane.h"
#include "cpu/winograd_gradients.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

constexpr int max_vectors = registers == 32 ? 27 : 12;  // accumulators, or weights, in registers

// What a pixel takes in the image that the patches see. In whole vectors, patches that overlap do so by whole vectors, too, which the
// processor hands from a store to the next load; and no load crosses a line of the cache. To read patches, that is worth twice the vectors.
// An image that would outgrow the L2 cache stays as it is.
constexpr int64_t floats_of_l2 = 1 << 17;
int64_t depth_to_scatter(const Conv2d& conv) {
  const int64_t depth = round_up(conv.C, lanes);
  return padded_image(conv, depth, true).floats <= floats_of_l2 ? depth : conv.C;
}
int64_t depth_to_gather(const Conv2d& conv) {
  const int64_t depth = depth_to_scatter(conv);
  return conv.window.S * depth <= 2 * round_up(conv.window.S * conv.C, lanes) ? depth : conv.C;
}

PaddedImage image_of(const Conv2d& conv, int64_t depth) { return padded_image(conv, depth, conv.window.S * depth % lanes != 0); }

// The winners of one channel in one image.
struct List {
  const int32_t* patches;  // where each one's patch begins, in floats
  const float* gradients;
  int64_t count;
};

// sums[r][v] += sum over the list of gradient * image[patch + r * row + v * lanes].
template <int Rows, int Vectors>
void gather_patches(const List& list, const float* image, int64_t row, int64_t sum_row, float* sums) {
  // So many winners at a time, each with accumulators of its own, that 6 of them are at work: an addition waits 4 cycles for the last.
  constexpr int together = Rows * Vectors < 6 ? 6 / (Rows * Vectors) : 1;
  Vec totals[together][Rows][Vectors] = {};
  const auto add = [&](Vec(&to)[Rows][Vectors], int64_t i) __attribute__((always_inline)) {
    const float* line = image + list.patches[i];
    const Vec gradient = broadcast(list.gradients[i]);
#pragma GCC unroll 32
    for (int r = 0; r < Rows; ++r, line = opaque(line + row))
#pragma GCC unroll 32
      for (int v = 0; v < Vectors; ++v) to[r][v] += gradient * load(line + v * lanes);
  };
  int64_t i = 0;
  for (; i + together <= list.count; i += together)
#pragma GCC unroll 6
    for (int t = 0; t < together; ++t) add(totals[t], i + t);
  for (; i < list.count; ++i) add(totals[0], i);
#pragma GCC unroll 32
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 32
    for (int v = 0; v < Vectors; ++v) {
      Vec total = totals[0][r][v];
#pragma GCC unroll 6
      for (int t = 1; t < together; ++t) total += totals[t][r][v];
      float* const sum = sums + r * sum_row + v * lanes;
      store(sum, load(sum) + total);
    }
}

// image[patch + r * row + v * lanes] += gradient * weights[r][v] for each of the list (by value: the stores could change it otherwise).
template <int Rows, int Vectors>
void scatter_patches(List list, float* image, int64_t row, int64_t weight_row, const float* weights) {
  Vec w[Rows][Vectors];
#pragma GCC unroll 32
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 32
    for (int v = 0; v < Vectors; ++v) w[r][v] = load(weights + r * weight_row + v * lanes);
  for (int64_t i = 0; i < list.count; ++i) {
    float* line = image + list.patches[i];
    const Vec gradient = broadcast(list.gradients[i]);
#pragma GCC unroll 32
    for (int r = 0; r < Rows; ++r, line = opaque(line + row))
#pragma GCC unroll 32
      for (int v = 0; v < Vectors; ++v) store(line + v * lanes, load(line + v * lanes) + gradient * w[r][v]);
  }
}

using Gather = void (*)(const List&, const float*, int64_t, int64_t, float*);
using Scatter = void (*)(List, float*, int64_t, int64_t, const float*);

struct PatchFunctions {
  Gather gather;
  Scatter scatter;
};

// Those for so many rows of so many vectors: three rows at once where they fit the registers, else one.
template <int Vectors = max_vectors>
PatchFunctions patch_functions(int64_t rows, int64_t vectors) {
  if constexpr (Vectors > 1) {
    if (vectors < Vectors) return patch_functions<Vectors - 1>(rows, vectors);
  }
  if constexpr (Vectors * 3 <= max_vectors) {
    if (rows == 3) return {gather_patches<3, Vectors>, scatter_patches<3, Vectors>};
  }
  return {gather_patches<1, Vectors>, scatter_patches<1, Vectors>};
}

// A part of a patch that fits the registers: some rows, some vectors of each.
struct Piece {
  int64_t image_offset, patch_offset;  // where it begins in an image's patch, and in the sums or weights of a channel
  PatchFunctions functions;
};

// append_rows() wants a vector's worth of room behind a list's end.
int64_t list_step(int64_t pixels) { return round_up(pixels, lanes) + lanes; }

LaneLists lists_in(float* memory, int64_t pixels) {
  const int64_t step = list_step(pixels);
  return {reinterpret_cast<int32_t*>(memory), memory + lanes * step, step, {}};
}

List list_of(const LaneLists& lists, int64_t lane) {
  return {lists.keys + lane * lists.step, lists.values + lane * lists.step, lists.count[lane]};
}

// What both gradients share.
struct Sparse {
  const Conv2dReluMaxPool2d& op;
  PaddedImage image;
  int64_t pixels;        // pooled, in one image
  int32_t* pooled;       // where the patch of a pooled pixel's window element (0, 0) begins
  uint32_t down, right;  // what one row and one column of the convolution add to that
  int64_t row_vectors;   // vectors in one row of a patch
  Piece* pieces;         // of a patch
  int64_t piece_count;
};

int64_t row_vectors(const Conv2d& conv, int64_t depth) { return ceil_div(conv.window.S * depth, lanes); }
int64_t patch_floats(const Conv2d& conv, int64_t depth) { return conv.window.R * row_vectors(conv, depth) * lanes; }
int64_t max_pieces(const Conv2d& conv, int64_t depth) { return conv.window.R * ceil_div(row_vectors(conv, depth), max_vectors); }

int64_t sparse_bytes(const Conv2dReluMaxPool2d& op, int64_t depth) {
  return Carver::bytes_of<int32_t>(op.pool.P * op.pool.Q) + Carver::bytes_of<Piece>(max_pieces(op.conv, depth));
}

Sparse prepare(const Conv2dReluMaxPool2d& op, int64_t depth, Carver& carver) {
  const Window &win = op.conv.window, &pool = op.pool;
  const PaddedImage image = image_of(op.conv, depth);
  const int64_t down = win.stride_h * image.row, right = win.stride_w * depth;
  Sparse sparse{
      op,      image, pool.P * pool.Q, carver.take<int32_t>(pool.P * pool.Q), static_cast<uint32_t>(down), static_cast<uint32_t>(right), 0,
      nullptr, 0};
  for (int64_t p = 0; p < pool.P; ++p)
    for (int64_t q = 0; q < pool.Q; ++q)
      sparse.pooled[p * pool.Q + q] = static_cast<int32_t>((p * pool.stride_h - pool.top) * down + (q * pool.stride_w - pool.left) * right);
  sparse.row_vectors = row_vectors(op.conv, depth);
  sparse.pieces = carver.take<Piece>(max_pieces(op.conv, depth));
  const int64_t together = sparse.row_vectors * 3 <= max_vectors ? 3 : 1;
  for (int64_t row = 0; row < win.R;) {
    const int64_t rows = row + together <= win.R ? together : 1;
    for (int64_t v = 0; v < sparse.row_vectors; v += max_vectors) {
      const int64_t vectors = min(max_vectors, sparse.row_vectors - v);
      sparse.pieces[sparse.piece_count++] = {row * sparse.image.row + v * lanes, (row * sparse.row_vectors + v) * lanes,
                                             patch_functions(rows, vectors)};
    }
    row += rows;
  }
  return sparse;
}

// Lists the winners of channels [k, k + channels) in image n: keys are where their patches begin. Returns the sums of their gradients, for
// db.
Vec list_winners(const Sparse& sparse, const float* dy, const uint8_t* index, int64_t n, int64_t k, int64_t channels, LaneLists& lists) {
  const int64_t K = sparse.op.conv.K;
  const float* gradients = dy + n * sparse.pixels * K + k;
  const uint8_t* winners = index + n * sparse.pixels * K + k;
  const int32_t width = static_cast<int32_t>(sparse.op.pool.S);
  const Vec window_row = broadcast(1 / static_cast<float>(width));
  for (int64_t lane = 0; lane < lanes; ++lane) lists.count[lane] = 0;
  Vec sums = {};
  for (int64_t first = 0; first < sparse.pixels; first += lanes) {
    const int64_t pixels = min(lanes, sparse.pixels - first);
    IntVec patch_rows[lanes];
    Vec gradient_rows[lanes];
    for (int64_t i = 0; i < pixels; ++i, gradients += K, winners += K) {
      const IntVec winner = channels == lanes ? load_small(winners, lanes) : load_small(winners, channels);
      const IntVec cut = winner == Conv2dReluMaxPool2d::cut, place = cut ? IntVec{} : winner;
      // The window's row: place / S, exactly, since (place + 0.5) / S is at least 0.5 / S away from any integer.
      const IntVec row = __builtin_convertvector((__builtin_convertvector(place, Vec) + 0.5f) * window_row, IntVec);
      const UnsignedVec down = reinterpret_cast<UnsignedVec>(row) * sparse.down;
      const UnsignedVec right = reinterpret_cast<UnsignedVec>(place - row * width) * sparse.right;
      const IntVec patch = reinterpret_cast<IntVec>(static_cast<uint32_t>(sparse.pooled[first + i]) + down + right);
      patch_rows[i] = cut ? IntVec{} - 1 : patch;
      gradient_rows[i] = load_lanes(gradients, channels);
      sums += select(cut, Vec{}, gradient_rows[i]);
    }
    for (int64_t i = pixels; i < lanes; ++i) gradient_rows[i] = Vec{};
    append_rows(patch_rows, gradient_rows, pixels, channels, lists);
  }
  return sums;
}

// Of a worker: the lists, then the padded image.
int64_t worker_floats(const Conv2dReluMaxPool2d& op, int64_t depth) {
  return 2 * lanes * list_step(op.pool.P * op.pool.Q) + image_of(op.conv, depth).step();
}

// A vector of a patch: which of the filter's inputs (R, S, C) it begins at, and how many of them it has.
struct PatchVector {
  int64_t input, count;
};

PatchVector patch_vector(const Sparse& sparse, int64_t number) {
  const Conv2d& conv = sparse.op.conv;
  const int64_t inputs = conv.window.S * conv.C, row = number / sparse.row_vectors * inputs, first = number % sparse.row_vectors * lanes;
  if (sparse.image.depth == conv.C) return {row + first, min(lanes, inputs - first)};
  const int64_t channel = first % sparse.image.depth;
  return {row + first / sparse.image.depth * conv.C + channel, min(lanes, conv.C - channel)};
}

// From K x (R, S, C), `patch` floats a channel, to (R, S, C) x K, for a vector of channels.
void transpose_sums(const Sparse& sparse, const float* sums, int64_t patch, int64_t columns, float* to) {
  for (int64_t number = 0; number * lanes < patch; ++number) {
    const PatchVector vector = patch_vector(sparse, number);
    Vec rows[lanes];
    for (int64_t i = 0; i < lanes; ++i) rows[i] = load(sums + i * patch + number * lanes);
    transpose(rows);
    for (int64_t i = 0; i < vector.count; ++i) store(to + (vector.input + i) * columns, rows[i]);
  }
}

// The tiles for dgrad of what the pooling looks at; m is 0 where the winners alone are faster. They are slow in an image that outgrows the
// L1 cache.
constexpr int64_t floats_of_l1 = 12 * 1024;
Grid tiles_of(const Conv2dReluMaxPool2d& op) {
  const Window& win = op.conv.window;
  winograd::Costs costs = winograd::of_winners;
  if (win.H * win.W * op.conv.C > floats_of_l1) costs.direct *= 1.5;
  return is_usual(op.pool) ? winograd::grid(op.conv, 2 * op.pool.P, 2 * op.pool.Q, costs) : Grid{0, 0, 0};
}

}  // namespace

int64_t conv2d_relu_max_pool2d_wgrad_scratch(const Conv2dReluMaxPool2d& op, int workers) {
  if (goes_by_lanes(op)) return by_lane::scratch(op.conv, workers);
  const int64_t depth = depth_to_gather(op.conv), of_worker = lanes * patch_floats(op.conv, depth) + worker_floats(op, depth);
  return sparse_bytes(op, depth) + slabs_of_winners(op.conv).bytes() + Carver::bytes_of<float>(workers * of_worker);
}

void conv2d_relu_max_pool2d_wgrad(const Conv2dReluMaxPool2d& op, const float* x, const float* dy, const uint8_t* index, float* dw,
                                  float* db, void* scratch, const Parallel& parallel) {
  if (goes_by_lanes(op)) return by_lane::wgrad(op, x, dy, index, dw, db, scratch, parallel);
  const Conv2d& conv = op.conv;
  Carver carver(scratch);
  const int64_t depth = depth_to_gather(conv);
  const Sparse sparse = prepare(op, depth, carver);
  const Slabs slabs = slabs_of_winners(conv);
  const int64_t patch = patch_floats(conv, depth), blocks = slabs.columns / lanes, of_worker = lanes * patch + worker_floats(op, depth);
  float* const partials = carver.take<float>(slabs.count * slabs.floats());
  float* const workers = carver.take<float>(parallel.workers * of_worker);

  parallel_for(parallel, slabs.count * blocks, [&](int64_t task, int worker) {
    const int64_t slab = task / blocks, k = task % blocks * lanes, block = min(lanes, conv.K - k);
    float *const sums = workers + worker * of_worker, *const memory = sums + lanes * patch;
    clear(sums, lanes * patch);
    Vec bias_sum = {};
    LaneLists lists = lists_in(memory, sparse.pixels);
    float* const padded = memory + worker_floats(op, depth) - sparse.image.step();
    clear(padded, sparse.image.floats);
    for (int64_t n = slabs.begin(slab); n < slabs.end(slab); ++n) {
      const float* const image = seen_by_patches(conv, sparse.image, x, n, padded);
      bias_sum += list_winners(sparse, dy, index, n, k, block, lists);
      for (int64_t lane = 0; lane < block; ++lane) {
        const List list = list_of(lists, lane);
        for (int64_t i = 0; i < sparse.piece_count; ++i) {
          const Piece& piece = sparse.pieces[i];
          piece.functions.gather(list, image + piece.image_offset, sparse.image.row, sparse.row_vectors * lanes,
                                 sums + lane * patch + piece.patch_offset);
        }
      }
    }
    float* const partial = partials + slab * slabs.floats() + k;
    transpose_sums(sparse, sums, patch, slabs.columns, partial);
    store(partial + (slabs.rows - 1) * slabs.columns, bias_sum);
  });
  add_partials(slabs, conv.K, partials, dw, db, parallel);
}

int64_t conv2d_relu_max_pool2d_dgrad_scratch(const Conv2dReluMaxPool2d& op, int workers) {
  if (const Grid grid = tiles_of(op); grid.m > 0) return winograd::dgrad_scratch(op.conv, grid, workers);
  const int64_t depth = depth_to_scatter(op.conv);
  return sparse_bytes(op, depth) + laid_out_bytes(op.conv.K * patch_floats(op.conv, depth), workers) +
         Carver::bytes_of<float>(workers * worker_floats(op, depth));
}

void conv2d_relu_max_pool2d_dgrad(const Conv2dReluMaxPool2d& op, const float* dy, const uint8_t* index, const float* w, float* dx,
                                  void* scratch, const Parallel& parallel) {
  const Conv2d& conv = op.conv;
  const Window& win = conv.window;
  if (const Grid grid = tiles_of(op); grid.m > 0) {
    const auto by_tiles = grid.m == 4 ? winograd::dgrad<4, WinnersGradients> : winograd::dgrad<2, WinnersGradients>;
    return by_tiles(conv, grid, WinnersGradients{dy, index, op.pool.P, op.pool.Q, conv.K}, w, dx, scratch, parallel);
  }
  Carver carver(scratch);
  const int64_t depth = depth_to_scatter(conv);
  const Sparse sparse = prepare(op, depth, carver);
  const int64_t patch = patch_floats(conv, depth);

  // From (R, S, C) x K to K x (R, S, C), each vector of a patch filled up with zeros: a part is one of them.
  const auto transposed = [&](int64_t part, float* to) {
    const PatchVector vector = patch_vector(sparse, part);
    const float* const from = w + vector.input * conv.K;
    for (int64_t k = 0; k < conv.K; k += lanes) {
      const int64_t count = min(lanes, conv.K - k);
      Vec rows[lanes];
      for (int64_t i = 0; i < lanes; ++i) rows[i] = i < vector.count ? load_lanes(from + i * conv.K + k, count) : Vec{};
      transpose(rows);
      for (int64_t i = 0; i < count; ++i) store(to + (k + i) * patch + part * lanes, rows[i]);
    }
  };
  const LaidOut filters(nullptr, carver, conv.K * patch, win.R * sparse.row_vectors, parallel, transposed);
  float* const workers = carver.take<float>(parallel.workers * worker_floats(op, depth));

  parallel_for(parallel, conv.N, [&](int64_t n, int worker) {
    float* const memory = workers + worker * worker_floats(op, depth);
    const float* const weights = filters.of(worker);
    LaneLists lists = lists_in(memory, sparse.pixels);
    float* const target = dx + n * win.H * win.W * conv.C;
    float* const image = sparse.image.copied ? memory + worker_floats(op, depth) - sparse.image.step() : target;
    clear(image, sparse.image.copied ? sparse.image.floats : win.H * win.W * conv.C);
    for (int64_t k = 0; k < conv.K; k += lanes) {
      const int64_t block = min(lanes, conv.K - k);
      list_winners(sparse, dy, index, n, k, block, lists);
      for (int64_t lane = 0; lane < block; ++lane) {
        const List list = list_of(lists, lane);
        for (int64_t i = 0; i < sparse.piece_count; ++i) {
          const Piece& piece = sparse.pieces[i];
          piece.functions.scatter(list, image + piece.image_offset, sparse.image.row, sparse.row_vectors * lanes,
                                  weights + (k + lane) * patch + piece.patch_offset);
        }
      }
    }
    if (sparse.image.copied) copy_back(conv, sparse.image, image, target);
  });
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
