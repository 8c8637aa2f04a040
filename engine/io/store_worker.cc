// See store_worker.h. Endings go through a queue of their own: the loop's posted calls only say "look at it", so wait()
// can run them early without their running twice.
#include "io/store_worker.h"

#include <sys/resource.h>
#include <unistd.h>

#include <memory>

namespace tidewatch {

namespace {
constexpr int beside_priority = 10;
}

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
    : loop_(loop),
      store_(store),
      shared_(std::make_shared<Shared>()),
      thread_([this] { work(main_); }),
      beside_thread_([this] {
        setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), beside_priority);  // Linux: of this thread alone
        work(beside_);
      }) {}

StoreWorker::~StoreWorker() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  main_.given.notify_all();
  beside_.given.notify_all();
  thread_.join();
  beside_thread_.join();
  const std::lock_guard lock(shared_->mutex);
  shared_->endings.clear();
}

void StoreWorker::run(std::function<void(Store&)> job, std::function<void()> then) {
  give(main_, std::move(job), std::move(then));
}

void StoreWorker::run_beside(std::function<void(Store&)> job, std::function<void()> then) {
  give(beside_, std::move(job), std::move(then));
}

void StoreWorker::give(Lane& lane, std::function<void(Store&)> job, std::function<void()> then) {
  {
    const std::lock_guard lock(mutex_);
    lane.jobs.emplace_back(std::move(job), std::move(then));
  }
  lane.given.notify_all();
}

void StoreWorker::wait() {
  {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return main_.is_free() && beside_.is_free(); });
  }
  shared_->deliver();
}

bool StoreWorker::is_idle() {
  const std::lock_guard lock(mutex_);
  const std::lock_guard guard(shared_->mutex);
  return main_.is_free() && beside_.is_free() && shared_->endings.empty();
}

void StoreWorker::work(Lane& lane) {
  std::unique_lock lock(mutex_);
  while (true) {
    lane.given.wait(lock, [&] { return is_ending_ || !lane.jobs.empty(); });
    if (lane.jobs.empty()) return;
    auto [job, then] = std::move(lane.jobs.front());
    lane.jobs.pop_front();
    lane.is_busy = true;
    lock.unlock();
    job(store_);
    {
      const std::lock_guard guard(shared_->mutex);
      shared_->endings.push_back(std::move(then));
    }
    loop_.post([shared = shared_] { shared->deliver(); });
    const bool wants_tidying = &lane == &main_ && store_.wants_tidying();
    lock.lock();
    lane.is_busy = false;
    if (wants_tidying && !is_tidying_ && !is_ending_) {
      is_tidying_ = true;
      beside_.jobs.emplace_back(
          [this](Store& store) {
            store.tidy();
            const std::lock_guard guard(mutex_);
            is_tidying_ = false;
          },
          std::function<void()>());
      beside_.given.notify_all();
    }
    ended_.notify_all();
  }
}

}  // namespace tidewatch
