// Where an operation runs: the device, and the scratch memory that it may use while it does.
#pragma once

#include "core/pool.h"
#include "core/scratch.h"
#include "core/types.h"

namespace fastcnn {

struct Context {
  Device device = Device::cpu;
  Scratch scratch;
};

}  // namespace fastcnn
