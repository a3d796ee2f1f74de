// gather (ops/gather.h): one thread an element of the batch; data and rows lie on the device.
#include "ops/gather.h"

#include "cuda/launch.cuh"

namespace fastcnn::cuda {
namespace {

template <class T>
struct Gather {
  const char* data;
  int64_t row_bytes;
  const int64_t* rows;
  int64_t elements;
  float scale, offset;
  float* y;

  __device__ void operator()(int64_t i) const {
    const int64_t sample = i / elements, row = rows == nullptr ? sample : rows[sample];
    const T* from = reinterpret_cast<const T*>(data + row * row_bytes);
    y[i] = fmaf(static_cast<float>(from[i % elements]), scale, offset);
  }
};

template <class T>
void run(const Samples& samples, int64_t n, int64_t elements, float scale, float offset, float* y, const Parallel& parallel) {
  const Gather<T> body{static_cast<const char*>(samples.data), samples.row_bytes, samples.rows, elements, scale, offset, y};
  launch_elements(parallel, n * elements, body);
}

}  // namespace

void gather(const Samples& samples, int64_t n, int64_t elements, float scale, float offset, float* y, const Parallel& parallel) {
  switch (samples.dtype) {
    case DType::uint8: return run<uint8_t>(samples, n, elements, scale, offset, y, parallel);
    case DType::float32: return run<float>(samples, n, elements, scale, offset, y, parallel);
    case DType::float64: return run<double>(samples, n, elements, scale, offset, y, parallel);
    default: return;
  }
}

}  // namespace fastcnn::cuda
