// One libuv loop with owners: what is opened here is closed here, in the right order, before the loop goes away. All
// timed work shares one wake: a monotonic timer stands still while a machine sleeps, so due times stay UTC instants
// outside and the timer is only ever armed for min(due, 30 s) and asks again. A timer per deadline was decided against.
#pragma once

#include <uv.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/time.h"

namespace tidewatch {

Instant wall_clock();
// Counts on whatever happens to the wall clock; stands still while the machine sleeps.
Duration steady_clock();

class Loop {
 public:
  Loop();
  ~Loop();  // closes every handle still open and runs the loop until their close callbacks have run
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  uv_loop_t* raw() { return &loop_; }
  void run();
  void stop();
  // Runs what is ready, waiting at most `longest` for it.
  void run_for(Duration longest);

  // Any thread: runs `work` on the loop's thread, in the order posted.
  void post(std::function<void()> work);

  // `work` runs at each wake and answers when it next wants one (an instant of `clock`); far_future sleeps 30 s.
  void on_wake(std::function<Instant()> clock, std::function<Instant()> work);
  void wake_now();  // loop thread; wakes at the next turn

  void on_signal(int number, std::function<void()> work);

 private:
  struct Signal;
  void arm(Instant due);

  uv_loop_t loop_{};
  uv_async_t async_{};
  uv_timer_t wake_{};
  uv_timer_t pause_{};
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
  std::function<Instant()> clock_, work_;
  std::map<int, std::unique_ptr<Signal>> signals_;
};

}  // namespace tidewatch
