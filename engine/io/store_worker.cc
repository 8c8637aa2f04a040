// See store_worker.h. Endings go through a queue of their own: the loop's posted calls only say "look at it", so wait()
// can run them early without their running twice.
#include "io/store_worker.h"

#include <memory>

namespace tidewatch {

struct StoreWorker::Shared {
  std::mutex mutex;
  std::deque<std::function<void()>> endings;

  void deliver() {
    while (true) {
      std::function<void()> ending;
      {
        const std::lock_guard lock(mutex);
        if (endings.empty()) return;
        ending = std::move(endings.front());
        endings.pop_front();
      }
      if (ending) ending();
    }
  }
};

StoreWorker::StoreWorker(Loop& loop, Store& store)
    : loop_(loop), store_(store), shared_(std::make_shared<Shared>()), thread_([this] { work(); }) {}

StoreWorker::~StoreWorker() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
  const std::lock_guard lock(shared_->mutex);
  shared_->endings.clear();
}

void StoreWorker::run(std::function<void(Store&)> job, std::function<void()> then) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.emplace_back(std::move(job), std::move(then));
  }
  changed_.notify_all();
}

void StoreWorker::wait() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return jobs_.empty() && !is_busy_; });
  }
  shared_->deliver();
}

bool StoreWorker::is_idle() {
  const std::lock_guard lock(mutex_);
  const std::lock_guard guard(shared_->mutex);
  return jobs_.empty() && !is_busy_ && shared_->endings.empty();
}

void StoreWorker::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return is_ending_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    auto [job, then] = std::move(jobs_.front());
    jobs_.pop_front();
    is_busy_ = true;
    lock.unlock();
    job(store_);
    {
      const std::lock_guard guard(shared_->mutex);
      shared_->endings.push_back(std::move(then));
    }
    loop_.post([shared = shared_] { shared->deliver(); });
    lock.lock();
    is_busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace tidewatch
