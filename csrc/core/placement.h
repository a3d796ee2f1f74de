// Where a sleeping thread wakes up. Linux likes to wake one on the processor of the thread that wakes it, and may leave both there for
// milliseconds beside idle ones: longer than a loop takes. So the waker bars the sleeper from its own processor for the length of the wake.
// What the user or the system has set for the thread (taskset, cpusets) is obeyed, and set again once it runs. Elsewhere than on Linux:
// nothing.
#pragma once

#ifdef __linux__
#include <sched.h>
#endif

namespace fastcnn {

class Sleeper {
 public:
  // The calling thread, about to sleep.
  Sleeper();

  // Called by a waker while this thread sleeps, under the lock that it sleeps on.
  void keep_off_my_processor();

  // Called by this thread each time that it wakes, under that lock. What somebody else has set meanwhile stays (but for the very set
  // that the waker had chosen, which looks like the waker's).
  void may_run_anywhere();

 private:
#ifdef __linux__
  pid_t thread_;
  cpu_set_t allowed_;   // before it was kept off
  cpu_set_t narrowed_;  // while it is
  bool kept_off_ = false;
#endif
};

}  // namespace fastcnn
