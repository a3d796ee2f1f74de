// The process's one pool of threads.
//
// run() gives each thread an equal stretch of the tasks, from an atomic counter of its own; who is done helps the others. So the threads
// meet the same parts of an array in one loop after another, and find them in their caches. Workers spin for a short while after a job, so
// that the next one, microseconds later, starts without a system call; then they sleep. A worker joins a job only while it is open, so one
// that the operating system has parked delays nobody. After a fork the child starts a pool of its own.
#pragma once

#include <cstdint>

#include "core/parallel.h"

namespace fastcnn::pool {

// The number of threads that a parallel loop uses, the caller included. Defaults to the processors this process may run on.
int threads();
void set_threads(int count);  // at least 1; throws ArgumentError

// The loop over this pool, for kernels, good until this thread's next call. One job runs at a time: a second caller waits for the first.
Parallel parallel();

// What the caller's thread asks from time to time (every 20 ms at most) while a loop runs; true stops handing out tasks.
using InterruptCheck = bool (*)();
void set_interrupt_check(InterruptCheck check);

// Throws Interrupted if a loop of this thread was cut short since the last call; forget_interrupt() forgets that one was.
void throw_if_interrupted();
void forget_interrupt();

// Whether this thread is inside its interrupt check: what that runs (a signal handler, say) must not start another loop.
bool asking_for_interrupt();

// While one lives, loops of this thread run to their end: for updates that must not stop half-way.
class Uninterruptible {
 public:
  Uninterruptible();
  ~Uninterruptible();
  Uninterruptible(const Uninterruptible&) = delete;
  Uninterruptible& operator=(const Uninterruptible&) = delete;
};

// Called by each worker thread as it starts (the floating-point mode is set here).
void set_thread_start(void (*start)());

}  // namespace fastcnn::pool
