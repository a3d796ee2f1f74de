// gather (ops/gather.h): a sample is one contiguous run, converted as it is read.
#include "ops/gather.h"

#include "cpu/simd.h"
#include "cpu/work.h"

namespace fastcnn::cpu::FASTCNN_ISA {
namespace {

template <class T>
void convert(const T* from, int64_t count, float scale, float offset, float* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(from[i]) * scale + offset;
}

}  // namespace

void gather(const Samples& samples, int64_t n, int64_t elements, float scale, float offset, float* y, const Parallel& parallel) {
  const int64_t per_task = max(1, 16384 / max(1, elements));
  parallel_for(parallel, ceil_div(n, per_task), [&](int64_t task, int) {
    for (int64_t i = task * per_task; i < min((task + 1) * per_task, n); ++i) {
      const int64_t row = samples.rows == nullptr ? i : samples.rows[i];
      const void* from = static_cast<const char*>(samples.data) + row * samples.row_bytes;
      float* to = y + i * elements;
      switch (samples.dtype) {
        case DType::uint8: convert(static_cast<const uint8_t*>(from), elements, scale, offset, to); break;
        case DType::float32: convert(static_cast<const float*>(from), elements, scale, offset, to); break;
        case DType::float64: convert(static_cast<const double*>(from), elements, scale, offset, to); break;
        default: break;
      }
    }
  });
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
