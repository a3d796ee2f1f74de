#include "core/pool.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <pthread.h>
#include <unistd.h>

#ifdef __linux__
#include <sched.h>
#endif

#include "core/errors.h"
#include "core/placement.h"

namespace fastcnn::pool {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto spin_time = std::chrono::microseconds(150);
constexpr auto interrupt_interval = std::chrono::milliseconds(20);

InterruptCheck interrupt_check = nullptr;
void (*thread_start)() = nullptr;
thread_local bool interrupted = false;
thread_local bool asking = false;
thread_local int uninterruptible = 0;

int usable_processors() {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  const long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? static_cast<int>(count) : 1;
}

inline void pause() {
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

class Pool {
 public:
  explicit Pool(int threads) : threads_(threads), shares_(static_cast<size_t>(threads)), sleepers_(static_cast<size_t>(threads)) {
    for (int worker = 1; worker < threads; ++worker) workers_.emplace_back([this, worker] { work(worker); });
  }

  ~Pool() {
    stop_.store(true);
    {
      std::lock_guard<std::mutex> lock(sleep_mutex_);
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  int threads() const { return threads_; }

  void run(int64_t tasks, Parallel::Body body, void* context) {
    std::lock_guard<std::mutex> one_job(job_mutex_);
    body_ = body;
    context_ = context;
    for (int thread = 0; thread < threads_; ++thread) {
      Share& share = shares_[static_cast<size_t>(thread)];
      share.next.store(begin_of_share(tasks, thread), std::memory_order_relaxed);
      share.end = begin_of_share(tasks, thread + 1);
    }
    generation_ += 1;
    state_.store(generation_ << generation_shift | open, std::memory_order_seq_cst);
    if (sleeping_.load(std::memory_order_seq_cst) > 0) wake();
    take_tasks_as_caller();
    state_.fetch_and(~open, std::memory_order_acq_rel);
    while (state_.load(std::memory_order_acquire) & active_mask) pause();
  }

 private:
  // state_: the job's generation, whether it may be joined, and how many workers are in it.
  static constexpr int generation_shift = 32;
  static constexpr uint64_t open = uint64_t{1} << 31;
  static constexpr uint64_t active_mask = open - 1;

  // The tasks that belong to one thread, whoever takes them. The next one's number may run past the end.
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  // Rounded up, so that the caller has one where there are few.
  int64_t begin_of_share(int64_t tasks, int thread) const { return (tasks * thread + threads_ - 1) / threads_; }

  // Calls take(task) for what is left of the thread's own share, then of the others'.
  template <class Take>
  void take_tasks(int thread, Take&& take) {
    for (int other = 0; other < threads_; ++other) {
      Share& share = shares_[static_cast<size_t>((thread + other) % threads_)];
      while (share.next.load(std::memory_order_relaxed) < share.end) {  // an empty share is read only, so that all may
        const int64_t task = share.next.fetch_add(1, std::memory_order_relaxed);
        if (task >= share.end) break;
        take(task);
      }
    }
  }

  void take_tasks_as_caller() {
    auto asked = Clock::now();
    take_tasks(0, [&](int64_t task) {
      body_(context_, task, 0);
      if (interrupt_check == nullptr || uninterruptible > 0) return;
      const auto now = Clock::now();
      if (now - asked < interrupt_interval) return;
      asked = now;
      asking = true;
      const bool stop = interrupt_check();
      asking = false;
      if (!stop) return;
      interrupted = true;
      for (Share& share : shares_) share.next.store(share.end, std::memory_order_relaxed);
    });
  }

  void work(int worker) {
    if (thread_start != nullptr) thread_start();
    uint64_t seen = 0;
    while (wait_for_job(worker, seen)) {
      take_tasks(worker, [&](int64_t task) { body_(context_, task, worker); });
      state_.fetch_sub(1, std::memory_order_acq_rel);
    }
  }

  // Waits for a job newer than `seen` and joins it; false when the pool ends.
  bool wait_for_job(int worker, uint64_t& seen) {
    auto idle_since = Clock::now();
    for (int turn = 0;; ++turn) {
      if (stop_.load(std::memory_order_relaxed)) return false;
      uint64_t state = state_.load(std::memory_order_acquire);
      if (joinable(state, seen)) {
        if (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) continue;
        seen = state >> generation_shift;
        return true;
      }
      pause();
      if (turn % 64 == 63 && Clock::now() - idle_since > spin_time) {
        sleep(worker, seen);
        idle_since = Clock::now();
      }
    }
  }

  void sleep(int worker, uint64_t seen) {
    Sleeper me;
    std::unique_lock<std::mutex> lock(sleep_mutex_);
    sleepers_[static_cast<size_t>(worker)] = &me;
    sleeping_.fetch_add(1, std::memory_order_seq_cst);
    while (!stop_.load() && !joinable(state_.load(std::memory_order_seq_cst), seen)) {
      wake_.wait(lock);
      me.may_run_anywhere();  // each time: who wakes too late for a job goes on sleeping
    }
    sleeping_.fetch_sub(1, std::memory_order_seq_cst);
    sleepers_[static_cast<size_t>(worker)] = nullptr;
  }

  void wake() {
    {
      std::lock_guard<std::mutex> lock(sleep_mutex_);
      for (Sleeper* sleeper : sleepers_) {
        if (sleeper != nullptr) sleeper->keep_off_my_processor();
      }
    }
    wake_.notify_all();
  }

  static bool joinable(uint64_t state, uint64_t seen) { return (state & open) && (state >> generation_shift) != seen; }

  const int threads_;
  std::vector<Share> shares_;
  std::vector<std::thread> workers_;
  std::mutex job_mutex_;

  Parallel::Body body_ = nullptr;
  void* context_ = nullptr;
  uint64_t generation_ = 0;
  alignas(64) std::atomic<uint64_t> state_{0};

  alignas(64) std::atomic<int> sleeping_{0};
  std::atomic<bool> stop_{false};
  std::mutex sleep_mutex_;
  std::vector<Sleeper*> sleepers_;  // by worker; null: awake
  std::condition_variable wake_;
};

// The pool is shared with whoever runs a loop on it, so that set_threads can replace it meanwhile.
struct Instance {
  std::mutex mutex;
  std::shared_ptr<Pool> pool;
  int wanted_threads = 0;  // 0: as many as there are processors
};

// Never destroyed: at exit the workers may still be spinning.
Instance* instance = new Instance;

// The pool of this thread's last parallel(): alive until its next one, whatever set_threads does meanwhile.
thread_local std::shared_ptr<Pool> held;

// In a forked child the workers do not exist, and the mutex may have been copied locked: both are left behind.
void forget_after_fork() {
  const int wanted = instance->wanted_threads;
  new std::shared_ptr<Pool>(std::move(held));
  instance = new Instance;
  instance->wanted_threads = wanted;
}

const int registered_for_fork = pthread_atfork(nullptr, nullptr, forget_after_fork);

std::shared_ptr<Pool> get() {
  std::lock_guard<std::mutex> lock(instance->mutex);
  if (!instance->pool) {
    instance->pool = std::make_shared<Pool>(instance->wanted_threads > 0 ? instance->wanted_threads : usable_processors());
  }
  return instance->pool;
}

void run(void* pool, int64_t tasks, Parallel::Body body, void* context) {
  if (tasks <= 0 || interrupted) return;
  if (tasks == 1) {
    body(context, 0, 0);
  } else {
    static_cast<Pool*>(pool)->run(tasks, body, context);
  }
}

}  // namespace

int threads() {
  std::lock_guard<std::mutex> lock(instance->mutex);
  return instance->wanted_threads > 0 ? instance->wanted_threads : usable_processors();
}

void set_threads(int count) {
  if (count < 1) reject("set_threads", "count must be at least 1, but is ", count);
  std::shared_ptr<Pool> replaced;
  std::lock_guard<std::mutex> lock(instance->mutex);
  instance->wanted_threads = count;
  if (instance->pool && instance->pool->threads() != count) replaced.swap(instance->pool);
}

Parallel parallel() {
  held = get();
  return {run, held.get(), held->threads()};
}

void set_interrupt_check(InterruptCheck check) { interrupt_check = check; }

void throw_if_interrupted() {
  if (!interrupted) return;
  interrupted = false;
  throw Interrupted();
}

void forget_interrupt() { interrupted = false; }

bool asking_for_interrupt() { return asking; }

Uninterruptible::Uninterruptible() { ++uninterruptible; }
Uninterruptible::~Uninterruptible() { --uninterruptible; }

void set_thread_start(void (*start)()) { thread_start = start; }

}  // namespace fastcnn::pool
