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
  if (kept_off_) return;  // a second waker came before the thread ran: allowed_ must stay what it was
  const int mine = sched_getcpu();
  if (mine < 0 || mine >= CPU_SETSIZE || sched_getaffinity(thread_, sizeof allowed_, &allowed_) != 0) return;
  cpu_set_t others = allowed_;
  CPU_CLR(mine, &others);
  if (CPU_COUNT(&others) == 0 || CPU_EQUAL(&others, &allowed_)) return;
  kept_off_ = sched_setaffinity(thread_, sizeof others, &others) == 0;
}

void Sleeper::may_run_anywhere() {
  if (kept_off_) sched_setaffinity(0, sizeof allowed_, &allowed_);
  kept_off_ = false;
}

#else

Sleeper::Sleeper() = default;
void Sleeper::keep_off_my_processor() {}
void Sleeper::may_run_anywhere() {}

#endif

}  // namespace fastcnn
