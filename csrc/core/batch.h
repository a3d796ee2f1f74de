// How a batch is picked from the user's data set: plain data, for kernels too.
#pragma once

#include <cstdint>

namespace fastcnn {

enum class DType { uint8, float32, float64 };

// Samples as the user holds them: sample i is dense and begins at data + i * row_bytes. rows, or null for 0, 1, 2, ..., picks some of them.
struct Samples {
  const void* data;
  DType dtype;
  int64_t row_bytes;
  const int64_t* rows;
};

// The targets of the same samples, one of the two: int32 class numbers, or float32 rows of class probabilities; picked by the same rows.
struct Targets {
  const int32_t* classes;
  const float* probabilities;
  const int64_t* rows;
};

// What a loss adds up over the samples it has seen.
struct Totals {
  double loss;
  int64_t correct;
};

}  // namespace fastcnn
