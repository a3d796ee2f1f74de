// A part of a flat buffer: plain data, for kernels too.
#pragma once

#include <cstdint>

namespace fastcnn {

struct Range {
  int64_t offset, size;  // floats
};

}  // namespace fastcnn
