// How a batch is picked from the user's data set: plain data, for kernels too.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace fastcnn {

// Samples (uint8, float32 or float64) as the user holds them: sample i is dense and begins at data + i * row_bytes. rows, or null for 0, 1,
// 2, ..., picks some of them.
struct Samples {
  const void* data;
  DType dtype;
  int64_t row_bytes;
  const int64_t* rows;
};

// The targets of the same samples, one of the two: int32 class numbers, or float32 rows, of class probabilities or of whatever a loss
// compares the outputs with; picked by the same rows. weights: one float a sample, which its loss counts, picked likewise; null for 1.
struct Targets {
  const int32_t* classes = nullptr;
  const float* values = nullptr;
  const int64_t* rows = nullptr;
  const float* weights = nullptr;
};

// Some samples of a data set with their targets, picked by the same rows.
struct Batch {
  int64_t n;
  Samples samples;
  Targets targets;
};

// What a loss adds up over the batches it has seen. All bytes 0 is the beginning.
struct Totals {
  double loss;
  int64_t correct;  // right answers
  int64_t batches;
  int64_t not_finite;  // the first batch whose loss was not finite, counted from 1; 0 if none was
};

}  // namespace fastcnn
