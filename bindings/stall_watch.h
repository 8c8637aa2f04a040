// Who runs Lua on the loop's thread right now, for three that must know without asking it: the poke, which ends a
// sequence of C calls that the counting hook sees as a handful of instructions; the log line and the abort when even
// that does not help; and the next start, which reads from a mapped file who was running when the process died, and of
// what. Only a crash of its own in the call, or the abort, is held against a pack: a kill from outside (an operator,
// the kernel short of memory, a power cut) meets whoever happens to run. What is held against it is therefore what a
// handler of fatal signals wrote, never the mere fact that a call did not end. A timer signal (setitimer, timer_create)
// was turned down: armed and disarmed for each call it would cost two system calls where publishing costs a few stores.
#pragma once

#include <signal.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "bindings/host.h"

namespace tidewatch {

// A declared thing of a pack, as the mapped file holds it; longer names are cut.
struct CallUnit {
  char pack[128] = {};
  char unit[128] = {};
};

// The same address for the same names, for the life of the process.
const CallUnit* call_unit(std::string_view pack, std::string_view unit);

// A death of the process inside a call, as an earlier run left it.
struct ScriptDeath {
  std::string pack, unit;
  std::int64_t at = 0;  // Unix seconds of the start that found it
  bool was_stall = false;
  int signal = 0;  // what it crashed by; 0 = a stall, or the process was killed from outside
  bool is_own() const { return was_stall || signal != 0; }
};

struct StallWatchOptions {
  std::string state_folder;  // "" = nothing survives a death (tests)
  Duration look = milliseconds(5);
  Duration idle_look = milliseconds(20);    // while nothing runs
  Duration warn_after = milliseconds(250);  // of CPU time over the budget
  Duration abort_after = seconds(10);       // CPU time of the loop's thread inside one call
};

class StallWatch {
 public:
  // Watches the calling thread's calls into hosts whose budgets are CPU time. One a thread.
  static Result<std::unique_ptr<StallWatch>> start(StallWatchOptions options);
  ~StallWatch();
  static StallWatch* of_this_thread();

  // Packs that must start quarantined because the process died inside them: once by a stall, else twice within ten
  // minutes by a crash; the newest death of each. Empty when the last run did not end that way.
  std::vector<ScriptDeath> dangerous() const;
  // Every death of its own that is remembered, oldest first.
  const std::vector<ScriptDeath>& deaths() const { return deaths_; }
  // The call that the last run did not come back from, whatever ended it.
  const std::optional<ScriptDeath>& last_death() const { return last_death_; }

  struct Published {
    const CallUnit* unit = nullptr;
    Host::State* host = nullptr;
    Context context = Context::load;
    std::int64_t wall_deadline = 0, cpu_start = 0, cpu_deadline = 0;  // ns; deadline 0 = nothing runs
  };
  // Loop thread: what runs from now on; answers what ran outside it, for leave().
  Published enter(const Published& now);
  void leave(const Published& outer);

  std::uint64_t pokes() const { return pokes_.load(std::memory_order_relaxed); }
  std::uint64_t stalls() const { return stalls_.load(std::memory_order_relaxed); }  // calls 250 ms over

 private:
  struct Page;  // the mapped file

  explicit StallWatch(StallWatchOptions options);
  Done map_page();
  void read_deaths();
  void publish(const Published& now);
  void look();
  static void on_poke(int);
  void catch_crashes();
  void release_crashes();
  static void on_crash(int signal, siginfo_t* facts, void*);

  StallWatchOptions options_;
  std::vector<ScriptDeath> deaths_;
  std::optional<ScriptDeath> last_death_;
  std::unique_ptr<char[]> crash_stack_;  // a handler needs one of its own when the stack is what ran out
  Page* page_ = nullptr;
  int file_ = -1;

  // Written by the loop's thread, read by its signal handler and by the watching thread.
  Published now_;
  std::atomic<const CallUnit*> unit_{nullptr};
  std::atomic<Host::State*> host_{nullptr};
  std::atomic<int> context_{0};
  std::atomic<std::int64_t> wall_deadline_{0}, cpu_start_{0}, cpu_deadline_{0};
  std::atomic<std::uint64_t> number_{0}, pokes_{0}, stalls_{0};

  pthread_t loop_thread_{};
  clockid_t loop_clock_{};
  std::mutex mutex_;
  std::condition_variable ending_;
  bool is_ending_ = false;
  std::thread thread_;
};

}  // namespace tidewatch
