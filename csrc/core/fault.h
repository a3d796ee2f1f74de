// What a kernel found wrong in the data that it was given, where the data lie on a GPU and nobody could look before.
#pragma once

#include <cstdint>

namespace fastcnn {

// Plain data that kernels write. The first one is kept until somebody waits for the device, and is thrown there; the device stays usable.
struct Fault {
  void (*raise)(const Fault& fault);  // throws; null while there is none
  int64_t position, value, limit;     // what they mean is raise's business
};

}  // namespace fastcnn
