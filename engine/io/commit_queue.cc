// See commit_queue.h.
#include "io/commit_queue.h"

#include <algorithm>
#include <chrono>
#include <iterator>

namespace tidewatch {

namespace {

template <typename T>
void append(std::vector<T>& to, std::vector<T>&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

void append(Store::Commit& to, Store::Commit&& from) {
  append(to.inputs, std::move(from.inputs));
  append(to.journal, std::move(from.journal));
  append(to.notifications, std::move(from.notifications));
}

}  // namespace

CommitQueue::CommitQueue(StoreWorker& worker) : worker_(worker) {}
CommitQueue::~CommitQueue() { *alive_ = false; }

void CommitQueue::add(Store::Commit part, std::function<void(bool)> then) {
  for (const auto& input : part.inputs) waiting_bytes_ += input.body.size();
  append(pending_, std::move(part));
  if (then) waiters_.push_back(std::move(then));
  has_urgent_ = true;
  if (!is_committing_) start();
}

void CommitQueue::add_quiet(StoredInput tick) { pending_.inputs.push_back(std::move(tick)); }

void CommitQueue::flush() {
  if (is_committing_) {
    has_urgent_ = true;
  } else if (!is_empty() || take_checkpoint_) {
    start();
  }
}

void CommitQueue::want_checkpoint(std::function<StoredCheckpoint()> take, Duration history,
                                  std::function<void(bool)> then) {
  take_checkpoint_ = std::move(take);
  history_ = history;
  checkpoint_then_ = std::move(then);
  flush();
}

void CommitQueue::start() {
  struct Work {
    Store::Commit commit;
    std::vector<std::function<void(bool)>> waiters;
    std::optional<StoredCheckpoint> checkpoint;
    Duration history{0};
    std::function<void(bool)> checkpoint_then;
    std::string problem, checkpoint_problem;
    double took = 0;
    std::size_t bytes = 0;
  };
  auto work = std::make_shared<Work>();
  work->commit = std::move(pending_);
  pending_ = {};
  work->waiters = std::move(waiters_);
  waiters_.clear();
  work->bytes = waiting_bytes_;
  if (take_checkpoint_) {
    work->checkpoint = take_checkpoint_();
    work->history = history_;
    work->checkpoint_then = std::move(checkpoint_then_);
    take_checkpoint_ = nullptr;
  }
  has_urgent_ = false;
  is_committing_ = true;
  worker_.run(
      [work](Store& store) {
        const auto began = std::chrono::steady_clock::now();
        if (const Done kept = store.commit(work->commit); !kept) {
          work->problem = kept.error().text;
          if (work->problem.empty()) work->problem = "the commit failed";
          return;
        }
        work->took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        if (!work->checkpoint) return;
        // With nothing to log since the last commit the sequence number it was given stands.
        if (!work->commit.inputs.empty()) work->checkpoint->seq = work->commit.inputs.back().seq;
        if (const Done kept = store.checkpoint(*work->checkpoint, work->history); !kept)
          work->checkpoint_problem = kept.error().text;
      },
      [this, work, alive = alive_] {
        if (!*alive) return;
        is_committing_ = false;
        const bool ok = work->problem.empty();
        problem_ = work->problem;
        if (ok) {
          waiting_bytes_ -= std::min(waiting_bytes_, work->bytes);
          if (!work->commit.inputs.empty()) last_seq_ = work->commit.inputs.back().seq;
        } else {
          for (auto& input : work->commit.inputs) input.seq = 0;
          append(work->commit, std::move(pending_));
          pending_ = std::move(work->commit);
        }
        if (on_commit) on_commit(ok, work->took);
        for (auto& then : work->waiters) then(ok);
        if (work->checkpoint_then) work->checkpoint_then(ok && work->checkpoint_problem.empty());
        // After a failure the owner's timer tries again: retrying here would spin on a full disk.
        if (!is_committing_ && has_urgent_ && ok) start();
      });
}

}  // namespace tidewatch
