// The store's own threads: a commit waits for the disk, the loop must not. Jobs run in the order given, their endings
// run on the loop in the same order. Beside them runs what no commit may wait for (packing a checkpoint, tidying the
// write-ahead log), on a thread of low priority: on one core it would otherwise share the core with the commits.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "io/loop.h"
#include "store/store.h"

namespace tidewatch {

class StoreWorker {
 public:
  StoreWorker(Loop& loop, Store& store);
  ~StoreWorker();  // runs what was queued; endings that were not delivered yet are dropped

  // `job` on the worker's thread, then `then` (may be null) on the loop's. Loop thread only.
  void run(std::function<void(Store&)> job, std::function<void()> then = {});
  // The same on the thread beside it: nothing of the store but what store.h allows there.
  void run_beside(std::function<void(Store&)> job, std::function<void()> then = {});
  // Waits until every job given so far has run and runs their endings here. Loop thread only.
  void wait();
  // Nothing given is still to run or to end. Loop thread only.
  bool is_idle();

 private:
  struct Shared;
  struct Lane {
    std::deque<std::pair<std::function<void(Store&)>, std::function<void()>>> jobs;
    bool is_busy = false;
    std::condition_variable given;
    bool is_free() const { return jobs.empty() && !is_busy; }
  };
  void give(Lane& lane, std::function<void(Store&)> job, std::function<void()> then);
  void work(Lane& lane);

  Loop& loop_;
  Store& store_;
  std::shared_ptr<Shared> shared_;
  std::mutex mutex_;
  std::condition_variable ended_;
  Lane main_, beside_;
  bool is_tidying_ = false, is_ending_ = false;
  std::thread thread_, beside_thread_;
};

}  // namespace tidewatch
