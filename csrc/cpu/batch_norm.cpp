// batch_norm (ops/batch_norm.h): memory traffic, and sums by channel.
//
// The rows are cut into slabs by their number alone; a task is a slab, with partial sums of its own, which are put together in their order.
// A slab goes through in blocks that stay in the L1 or L2 cache, and a block by groups of up to four vectors of channels, whose sums stay
// in registers while the rows pass. Sums begin at 0 in each block.
#include "ops/batch_norm.h"

#include "cpu/simd.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

constexpr int64_t block_floats = 4096, slab_floats = 16384, most_slabs = 64;
constexpr int group_vectors = 4;

int64_t columns_of(const BatchNorm& norm) { return round_up(norm.C, lanes); }
int64_t block_rows(const BatchNorm& norm) { return max(1, block_floats / norm.C); }
int64_t slabs_of(const BatchNorm& norm) { return max(1, min(min(most_slabs, norm.rows), norm.rows * norm.C / slab_floats)); }
int64_t slab_begin(const BatchNorm& norm, int64_t slab) { return slab * norm.rows / slabs_of(norm); }

// Some vectors of channels, of which the last may be a part.
template <int V>
struct Group {
  int64_t C, last;  // floats from row to row; lanes of the last vector

  Vec load_at(const float* row, int v) const { return v + 1 < V ? load(row + v * lanes) : load_lanes(row + v * lanes, last); }
};

// body(Group<V>, first channel) for all groups.
template <class Body>
void for_each_group(int64_t C, const Body& body) {
  for (int64_t c = 0; c < C; c += group_vectors * lanes) {
    const int64_t vectors = min(group_vectors, ceil_div(C - c, lanes)), last = min(C - c, vectors * lanes) - (vectors - 1) * lanes;
    if (vectors == 1) body(Group<1>{C, last}, c);
    if (vectors == 2) body(Group<2>{C, last}, c);
    if (vectors == 3) body(Group<3>{C, last}, c);
    if (vectors == 4) body(Group<4>{C, last}, c);
  }
}

// The mean, and the sum of the squared distances from it, of `count` rows; of more than one part, put together.
struct Moments {
  float *mean, *squares;

  // others: of `added` rows, of one vector; there are `before` of them here.
  void add(int64_t c, double before, double added, Vec other_mean, Vec other_squares) const {
    const auto part = static_cast<float>(added / (before + added));
    const Vec distance = other_mean - load(mean + c);
    store(squares + c, load(squares + c) + other_squares + distance * distance * (static_cast<float>(before) * part));
    store(mean + c, load(mean + c) + distance * part);
  }
};

// A first sum gives about the mean; the distances from that give the rest, and what the first sum's rounding has lost.
template <int V>
void add_block(const Group<V>& group, const float* x, int64_t rows, int64_t before, int64_t c, const Moments& moments) {
  Vec about[V] = {}, sums[V] = {}, squares[V] = {};
  const float share = 1 / static_cast<float>(rows);
  for (int64_t row = 0; row < rows; ++row)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) about[v] += group.load_at(x + row * group.C, v);
  for (int v = 0; v < V; ++v) about[v] *= share;
  for (int64_t row = 0; row < rows; ++row)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const Vec distance = group.load_at(x + row * group.C, v) - about[v];
      sums[v] += distance;
      squares[v] += distance * distance;
    }
  for (int v = 0; v < V; ++v) {
    const Vec off = sums[v] * share, left = squares[v] - sums[v] * off;
    moments.add(c + v * lanes, static_cast<double>(before), static_cast<double>(rows), about[v] + off, select(left < Vec{}, Vec{}, left));
  }
}

// 1 / sqrt(variance + epsilon) of a vector.
FASTCNN_INLINE Vec inverse_deviation(const BatchNorm& norm, const float* variance, int64_t c, int64_t count) {
  return broadcast(1.0f) / square_root(load_lanes(variance + c, count) + norm.epsilon);
}

// Of the loss by the sum before the ReLU.
FASTCNN_INLINE Vec through_relu(const float* y, Vec gradient, int64_t count) {
  return y == nullptr ? gradient : select(load_lanes(y, count) > Vec{}, gradient, Vec{});
}

// sums: of the gradients, then of their products with x - mean.
template <int V>
void add_gradients(const Group<V>& group, const float* x, const float* dy, const float* y, int64_t rows, const float* mean, float* sums,
                   float* products) {
  Vec of_gradients[V] = {}, of_products[V] = {}, means[V];
  for (int v = 0; v < V; ++v) means[v] = group.load_at(mean, v);
  for (int64_t row = 0; row < rows; ++row)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const int64_t at = row * group.C + v * lanes;
      const Vec gradient =
          through_relu(y == nullptr ? nullptr : y + at, group.load_at(dy + row * group.C, v), v + 1 < V ? lanes : group.last);
      of_gradients[v] += gradient;
      of_products[v] += gradient * (group.load_at(x + row * group.C, v) - means[v]);
    }
  for (int v = 0; v < V; ++v) {
    store(sums + v * lanes, load(sums + v * lanes) + of_gradients[v]);
    store(products + v * lanes, load(products + v * lanes) + of_products[v]);
  }
}

// body(first row, rows of a block) for the blocks of a slab.
template <class Body>
void for_each_block(const BatchNorm& norm, int64_t slab, const Body& body) {
  const int64_t end = slab_begin(norm, slab + 1), step = block_rows(norm);
  for (int64_t row = slab_begin(norm, slab); row < end; row += step) body(row, min(step, end - row));
}

// dx = a * g + b * (x - mean) + c, or y = a * (x - mean) + c: vectors of the channels.
struct Coefficients {
  float *a, *b, *c;
};

Coefficients coefficients_in(const BatchNorm& norm, void* scratch) {
  auto* const memory = static_cast<float*>(scratch);
  return {memory, memory + columns_of(norm), memory + 2 * columns_of(norm)};
}

float* partials_in(const BatchNorm& norm, void* scratch) { return static_cast<float*>(scratch) + 3 * columns_of(norm); }

// body(first row, end) for chunks of rows.
template <class Body>
void for_each_chunk(const BatchNorm& norm, const Parallel& parallel, const Body& body) {
  const int64_t chunk = max(1, slab_floats / norm.C);
  parallel_for(parallel, ceil_div(norm.rows, chunk), [&](int64_t task, int) { body(task * chunk, min((task + 1) * chunk, norm.rows)); });
}

}  // namespace

int64_t batch_norm_scratch(const BatchNorm& norm) {
  return (3 + 2 * slabs_of(norm)) * columns_of(norm) * static_cast<int64_t>(sizeof(float));
}

void batch_norm_statistics(const BatchNorm& norm, const float* x, float* mean, float* variance, void* scratch, const Parallel& parallel) {
  const int64_t C = norm.C, columns = columns_of(norm), slabs = slabs_of(norm);
  float* const partials = partials_in(norm, scratch);
  const auto moments_of = [&](int64_t slab) { return Moments{partials + 2 * slab * columns, partials + (2 * slab + 1) * columns}; };
  parallel_for(parallel, slabs, [&](int64_t slab, int) {
    const Moments moments = moments_of(slab);
    for (int64_t c = 0; c < 2 * columns; c += lanes) store(moments.mean + c, Vec{});
    for_each_block(norm, slab, [&](int64_t first, int64_t rows) {
      for_each_group(
          C, [&](const auto& group, int64_t c) { add_block(group, x + first * C + c, rows, first - slab_begin(norm, slab), c, moments); });
    });
  });
  const Moments all = moments_of(0);
  for (int64_t slab = 1; slab < slabs; ++slab) {
    const Moments other = moments_of(slab);
    const auto before = static_cast<double>(slab_begin(norm, slab)), added = static_cast<double>(slab_begin(norm, slab + 1)) - before;
    for (int64_t c = 0; c < C; c += lanes) all.add(c, before, added, load(other.mean + c), load(other.squares + c));
  }
  for (int64_t c = 0; c < C; c += lanes) {
    store_lanes(mean + c, load(all.mean + c), min(lanes, C - c));
    store_lanes(variance + c, load(all.squares + c) / broadcast(static_cast<float>(max(1, norm.rows))), min(lanes, C - c));
  }
}

void batch_norm_forward(const BatchNorm& norm, const float* x, const float* mean, const float* variance, const float* gamma,
                        const float* beta, float* y, void* scratch, const Parallel& parallel) {
  const int64_t C = norm.C;
  const Coefficients of = coefficients_in(norm, scratch);
  for (int64_t c = 0; c < C; c += lanes) {
    const int64_t count = min(lanes, C - c);
    const Vec scale = inverse_deviation(norm, variance, c, count);
    store(of.a + c, gamma == nullptr ? scale : scale * load_lanes(gamma + c, count));
    store(of.c + c, beta == nullptr ? Vec{} : load_lanes(beta + c, count));
  }
  for_each_chunk(norm, parallel, [&](int64_t first, int64_t end) {
    for (int64_t row = first; row < end; ++row) {
      for (int64_t c = 0; c < C; c += lanes) {
        const int64_t count = min(lanes, C - c);
        const Vec value = (load_lanes(x + row * C + c, count) - load_lanes(mean + c, count)) * load(of.a + c) + load(of.c + c);
        store_lanes(y + row * C + c, norm.relu ? select(value <= Vec{}, Vec{}, value) : value, count);
      }
    }
  });
}

void batch_norm_backward(const BatchNorm& norm, const float* x, const float* dy, const float* y, const float* mean, const float* variance,
                         const float* gamma, float* dgamma, float* dbeta, float* dx, bool of_batch, void* scratch,
                         const Parallel& parallel) {
  const int64_t C = norm.C, columns = columns_of(norm), slabs = slabs_of(norm);
  float* const partials = partials_in(norm, scratch);
  const bool summed = of_batch || dgamma != nullptr || dbeta != nullptr;
  parallel_for(parallel, summed ? slabs : 0, [&](int64_t slab, int) {
    float *const sums = partials + 2 * slab * columns, *const products = sums + columns;
    for (int64_t c = 0; c < 2 * columns; c += lanes) store(sums + c, Vec{});
    for_each_block(norm, slab, [&](int64_t first, int64_t rows) {
      for_each_group(C, [&](const auto& group, int64_t c) {
        const int64_t at = first * C + c;
        add_gradients(group, x + at, dy + at, y == nullptr ? nullptr : y + at, rows, mean + c, sums + c, products + c);
      });
    });
  });
  const Coefficients of = coefficients_in(norm, scratch);
  const float share = 1 / static_cast<float>(max(1, norm.rows));
  for (int64_t c = 0; c < C; c += lanes) {
    const int64_t count = min(lanes, C - c);
    Vec sum = {}, product = {};
    for (int64_t slab = 0; slab < (summed ? slabs : 0); ++slab) {
      sum += load(partials + 2 * slab * columns + c);
      product += load(partials + (2 * slab + 1) * columns + c);
    }
    const Vec deviation = inverse_deviation(norm, variance, c, count),
              scale = gamma == nullptr ? deviation : deviation * load_lanes(gamma + c, count);
    if (dbeta != nullptr) store_lanes(dbeta + c, sum, count);
    if (dgamma != nullptr) store_lanes(dgamma + c, product * deviation, count);
    store(of.a + c, scale);
    store(of.b + c, of_batch ? -scale * deviation * deviation * product * share : Vec{});
    store(of.c + c, of_batch ? -scale * sum * share : Vec{});
  }
  if (dx == nullptr) return;
  for_each_chunk(norm, parallel, [&](int64_t first, int64_t end) {
    for (int64_t row = first; row < end; ++row) {
      for (int64_t c = 0; c < C; c += lanes) {
        const int64_t count = min(lanes, C - c), at = row * C + c;
        const Vec gradient = through_relu(y == nullptr ? nullptr : y + at, load_lanes(dy + at, count), count);
        Vec value = gradient * load(of.a + c);
        if (of_batch) value += (load_lanes(x + at, count) - load_lanes(mean + c, count)) * load(of.b + c) + load(of.c + c);
        store_lanes(dx + at, value, count);
      }
    }
  });
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
