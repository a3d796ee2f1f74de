#include "core/placement.h"

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace fastcnn {

#ifdef __linux__

Sleeper::Sleeper() : thread_(static_cast<pid_t>(syscall(SYS_gettid))) {}

// Failures (a machine with more processors than cpu_set_t has, a sandbox that forbids it) leave the thread where it may run already.
void Sleeper::keep_off_my_processor() {
  const int mine = sched_getcpu();
  if (mine < 0 || mine >= CPU_SETSIZE) return;
  if (!kept_off_ && sched_getaffinity(thread_, sizeof allowed_, &allowed_) != 0) return;
  cpu_set_t others = allowed_;  // also where another waker came before, and the thread has not run yet
  CPU_CLR(mine, &others);
  if (CPU_COUNT(&others) == 0 || CPU_EQUAL(&others, &allowed_)) return;
  if (sched_setaffinity(thread_, sizeof others, &others) != 0) return;
  narrowed_ = others;
  kept_off_ = true;
}

void Sleeper::may_run_anywhere() {
  cpu_set_t now;
  if (kept_off_ && sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&now, &narrowed_))
    sched_setaffinity(0, sizeof allowed_, &allowed_);
  kept_off_ = false;
}

#else

Sleeper::Sleeper() = default;
void Sleeper::keep_off_my_processor() {}
void Sleeper::may_run_anywhere() {}

#endif

}  // namespace fastcnn
