// batch_norm (ops/batch_norm.h): a thread a channel of a slab of rows, so that a warp reads 32 channels side by side; then a warp a channel
// over the slabs; then one thread an element.
#include "ops/batch_norm.h"

#include "cuda/rows.cuh"

namespace fastcnn::cuda {
namespace {

constexpr int64_t fewest_rows = 64, most_slabs = 1024;
constexpr int channel_threads = 128;

int64_t slabs_of(const BatchNorm& norm) {
  const int64_t slabs = norm.rows / fewest_rows;
  return slabs < 1 ? 1 : slabs < most_slabs ? slabs : most_slabs;
}

// Rows, channels and slabs: what a kernel needs of the norm.
struct Rows {
  int64_t rows, C, slabs;

  __host__ __device__ int64_t begin(int64_t slab) const { return slab * rows / slabs; }
};

// Two numbers a slab and channel, and three a channel.
struct Partials {
  float *first, *second;  // (slabs, C)
  float *a, *b, *c;       // (C,)
};

Partials partials_in(const BatchNorm& norm, void* scratch) {
  auto* const memory = static_cast<float*>(scratch);
  float* const vectors = memory + 2 * slabs_of(norm) * norm.C;
  return {memory, memory + slabs_of(norm) * norm.C, vectors, vectors + norm.C, vectors + 2 * norm.C};
}

// Of each slab the mean and the sum of the squared distances from it.
__global__ void slab_moments(Rows rows, const float* x, Partials partials) {
  const int64_t c = int64_t{blockIdx.y} * channel_threads + threadIdx.x, slab = blockIdx.x;
  if (c >= rows.C) return;
  const int64_t begin = rows.begin(slab), end = rows.begin(slab + 1);
  const float share = end > begin ? 1 / static_cast<float>(end - begin) : 0;
  float about = 0, sum = 0, squares = 0;
  for (int64_t row = begin; row < end; ++row) about += x[row * rows.C + c];
  about *= share;
  for (int64_t row = begin; row < end; ++row) {  // what the first sum's rounding has lost comes back here
    const float distance = x[row * rows.C + c] - about;
    sum += distance;
    squares += distance * distance;
  }
  partials.first[slab * rows.C + c] = about + sum * share;
  const float left = squares - sum * sum * share;
  partials.second[slab * rows.C + c] = left < 0 ? 0 : left;
}

// What is known of some rows; add puts others to it.
struct Moments {
  double count, mean, squares;

  __device__ void add(double other_count, double other_mean, double other_squares) {
    const double all = count + other_count;
    if (all == 0) return;
    const double distance = other_mean - mean;
    mean += distance * other_count / all;
    squares += other_squares + distance * distance * count * other_count / all;
    count = all;
  }
};

__global__ void put_moments_together(Rows rows, Partials partials, float* mean, float* variance) {
  const int64_t c = row_of_warp();
  if (c >= rows.C) return;
  Moments moments{0, 0, 0};
  for (int64_t slab = lane_of_thread(); slab < rows.slabs; slab += warp_size)
    moments.add(static_cast<double>(rows.begin(slab + 1) - rows.begin(slab)), static_cast<double>(partials.first[slab * rows.C + c]),
                static_cast<double>(partials.second[slab * rows.C + c]));
  for (int distance = warp_size / 2; distance > 0; distance /= 2) {
    const double count = __shfl_xor_sync(full_warp, moments.count, distance), other = __shfl_xor_sync(full_warp, moments.mean, distance),
                 squares = __shfl_xor_sync(full_warp, moments.squares, distance);
    moments.add(count, other, squares);
  }
  if (lane_of_thread() != 0) return;
  mean[c] = static_cast<float>(moments.mean);
  variance[c] = static_cast<float>(moments.squares / static_cast<double>(rows.rows > 0 ? rows.rows : 1));
}

// A pixel's, or a sample's, value of a channel.
struct Normalize {
  int64_t C;
  const float *x, *mean, *variance, *gamma, *beta;
  float epsilon;
  bool relu;
  float* y;
  __device__ void operator()(int64_t i) const {
    const int64_t c = i % C;
    const float scale = (gamma == nullptr ? 1 : gamma[c]) / sqrtf(variance[c] + epsilon);
    const float value = fmaf(x[i] - mean[c], scale, beta == nullptr ? 0 : beta[c]);
    y[i] = relu && value <= 0 ? 0 : value;
  }
};

__device__ inline float through_relu(const float* y, int64_t i, float gradient) { return y == nullptr || y[i] > 0 ? gradient : 0; }

// Of each slab the sums of the gradients, and of their products with x - mean.
__global__ void slab_gradients(Rows rows, const float* x, const float* dy, const float* y, const float* mean, Partials partials) {
  const int64_t c = int64_t{blockIdx.y} * channel_threads + threadIdx.x, slab = blockIdx.x;
  if (c >= rows.C) return;
  float sum = 0, product = 0;
  for (int64_t row = rows.begin(slab); row < rows.begin(slab + 1); ++row) {
    const int64_t i = row * rows.C + c;
    const float gradient = through_relu(y, i, dy[i]);
    sum += gradient;
    product += gradient * (x[i] - mean[c]);
  }
  partials.first[slab * rows.C + c] = sum;
  partials.second[slab * rows.C + c] = product;
}

// The gradients by gamma and beta, and dx = a * g + b * (x - mean) + c.
struct Coefficients {
  const float *variance, *gamma;
  float epsilon;
  bool of_batch;
  float *dgamma, *dbeta;
};

__global__ void put_gradients_together(Rows rows, Partials partials, Coefficients of) {
  const int64_t c = row_of_warp();
  if (c >= rows.C) return;
  double sum = 0, product = 0;
  for (int64_t slab = lane_of_thread(); slab < rows.slabs; slab += warp_size) {
    sum += static_cast<double>(partials.first[slab * rows.C + c]);
    product += static_cast<double>(partials.second[slab * rows.C + c]);
  }
  sum = sum_over_warp(sum);
  product = sum_over_warp(product);
  if (lane_of_thread() != 0) return;
  const double deviation = 1 / sqrt(static_cast<double>(of.variance[c] + of.epsilon));
  const double scale = of.gamma == nullptr ? deviation : deviation * static_cast<double>(of.gamma[c]);
  const auto count = static_cast<double>(rows.rows > 0 ? rows.rows : 1);
  if (of.dbeta != nullptr) of.dbeta[c] = static_cast<float>(sum);
  if (of.dgamma != nullptr) of.dgamma[c] = static_cast<float>(product * deviation);
  partials.a[c] = static_cast<float>(scale);
  partials.b[c] = of.of_batch ? static_cast<float>(-scale * deviation * deviation * product / count) : 0;
  partials.c[c] = of.of_batch ? static_cast<float>(-scale * sum / count) : 0;
}

struct GradientByInput {
  int64_t C;
  const float *x, *dy, *y, *mean;
  bool of_batch;
  const float *a, *b, *c;
  float* dx;
  __device__ void operator()(int64_t i) const {
    const int64_t channel = i % C;
    const float gradient = through_relu(y, i, dy[i]) * a[channel];
    dx[i] = of_batch ? gradient + fmaf(x[i] - mean[channel], b[channel], c[channel]) : gradient;
  }
};

}  // namespace

int64_t batch_norm_scratch(const BatchNorm& norm) { return (2 * slabs_of(norm) + 3) * norm.C * static_cast<int64_t>(sizeof(float)); }

void batch_norm_statistics(const BatchNorm& norm, const float* x, float* mean, float* variance, void* scratch, const Parallel& parallel) {
  const Rows rows{norm.rows, norm.C, slabs_of(norm)};
  const Partials partials = partials_in(norm, scratch);
  launch(parallel, rows.slabs, blocks_for(norm.C, channel_threads), 1, channel_threads, slab_moments, rows, x, partials);
  launch(parallel, blocks_for(norm.C, rows_a_block), 1, 1, rows_a_block * warp_size, put_moments_together, rows, partials, mean, variance);
}

void batch_norm_forward(const BatchNorm& norm, const float* x, const float* mean, const float* variance, const float* gamma,
                        const float* beta, float* y, void*, const Parallel& parallel) {
  launch_elements(parallel, norm.rows * norm.C, Normalize{norm.C, x, mean, variance, gamma, beta, norm.epsilon, norm.relu, y});
}

void batch_norm_backward(const BatchNorm& norm, const float* x, const float* dy, const float* y, const float* mean, const float* variance,
                         const float* gamma, float* dgamma, float* dbeta, float* dx, bool of_batch, void* scratch,
                         const Parallel& parallel) {
  const Rows rows{norm.rows, norm.C, slabs_of(norm)};
  const Partials partials = partials_in(norm, scratch);
  launch(parallel, rows.slabs, blocks_for(norm.C, channel_threads), 1, channel_threads, slab_gradients, rows, x, dy, y, mean, partials);
  launch(parallel, blocks_for(norm.C, rows_a_block), 1, 1, rows_a_block * warp_size, put_gradients_together, rows, partials,
         Coefficients{variance, gamma, norm.epsilon, of_batch, dgamma, dbeta});
  if (dx == nullptr) return;
  launch_elements(parallel, norm.rows * norm.C, GradientByInput{norm.C, x, dy, y, mean, of_batch, partials.a, partials.b, partials.c, dx});
}

}  // namespace fastcnn::cuda
