// Where an operation runs: the device, and the scratch memory that it may use there while it does.
#pragma once

#include "core/device.h"
#include "core/pool.h"
#include "core/scratch.h"
#include "core/types.h"

namespace fastcnn {

struct Context {
  Device device;
  Scratch memory;

  void* scratch(int64_t bytes) { return memory.get(static_cast<size_t>(bytes), device); }
  Parallel parallel() const { return device::parallel(device); }
};

}  // namespace fastcnn
