// The store's own thread: a commit waits for the disk, the loop must not. Jobs run in the order given, their endings
// run on the loop in the same order.
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
  // Waits until every job given so far has run and runs their endings here. Loop thread only.
  void wait();
  // Nothing given is still to run or to end. Loop thread only.
  bool is_idle();

 private:
  struct Shared;
  void work();

  Loop& loop_;
  Store& store_;
  std::shared_ptr<Shared> shared_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<std::function<void(Store&)>, std::function<void()>>> jobs_;
  bool is_busy_ = false, is_ending_ = false;
  std::thread thread_;
};

}  // namespace tidewatch
