// What a kernel's work runs on, as the kernels see it: on the CPU the parallel loop, a function pointer and nothing else, so that a
// kernel's object file holds no code of the pool's; on a GPU a stream.
#pragma once

#include <cstdint>

namespace fastcnn {

// body(context, task, worker) once for each task in [0, tasks), on any worker in [0, workers); returns when all are done.
// Which worker takes which task varies from run to run, so no result may depend on it: a worker's number is for scratch memory only.
struct Parallel {
  using Body = void (*)(void* context, int64_t task, int worker);
  void (*run)(void* pool, int64_t tasks, Body body, void* context);
  void* pool;
  int workers;
  void* stream = nullptr;  // a GPU's; run, pool and workers mean nothing there
  int gpu = 0;             // the number of that GPU
};

}  // namespace fastcnn
