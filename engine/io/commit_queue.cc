// See commit_queue.h.
#include "io/commit_queue.h"

#include <algorithm>
#include <chrono>
#include <iterator>

#include "base/log.h"

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
  append(to.results, std::move(from.results));
  append(to.baselines, std::move(from.baselines));
}

}  // namespace

CommitQueue::CommitQueue(StoreWorker& worker) : worker_(worker) {}
CommitQueue::~CommitQueue() { *alive_ = false; }

void CommitQueue::add(Store::Commit part, std::function<void(bool)> then) {
  add_patient(std::move(part), std::move(then));
  has_urgent_ = true;
  if (!is_committing_) start();
}

void CommitQueue::add_patient(Store::Commit part, std::function<void(bool)> then) {
  for (const auto& input : part.inputs) {
    waiting_bytes_ += input.body.size();
    bytes_since_checkpoint_ += input.body.size() + bytes_an_input;
  }
  append(pending_, std::move(part));
  if (then) waiters_.push_back(std::move(then));
}

void CommitQueue::add_quiet(StoredInput tick) { pending_.inputs.push_back(std::move(tick)); }

void CommitQueue::flush() {
  if (is_committing_) {
    has_urgent_ = true;
  } else if (!is_empty() || take_checkpoint_) {
    start();
  }
}

void CommitQueue::want_checkpoint(std::function<StoredCheckpoint()> take, const Retention& kept,
                                  std::function<void(bool)> then, bool is_one) {
  take_checkpoint_ = std::move(take);
  kept_ = kept;
  checkpoint_then_ = std::move(then);
  is_one_ = is_one_ || is_one;
  if (!is_one) flush();
}

struct CommitQueue::Work {
  Store::Commit commit;
  std::vector<std::function<void(bool)>> waiters;
  std::function<StoredCheckpoint()> take;
  std::optional<StoredCheckpoint> checkpoint;  // to be stored behind the commit
  Retention kept;
  std::function<void(bool)> checkpoint_then;
  bool is_one = false;
  std::string problem, checkpoint_problem;
  std::size_t renamed = 0;
  double took = 0;
  std::size_t bytes = 0, bytes_since = 0;

  void write(Store& store) {
    const auto began = std::chrono::steady_clock::now();
    Done kept_now = store.commit(commit);
    // What was applied has to be logged. A batch id that is taken all the same would be refused for ever.
    if (!kept_now && kept_now.error().code == ErrorCode::conflict) {
      renamed = store.drop_taken_ids(commit);
      if (renamed > 0) kept_now = store.commit(commit);
    }
    if (!kept_now) {
      problem = kept_now.error().text;
      if (problem.empty()) problem = "the commit failed";
      return;
    }
    took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  }

  void write_checkpoint(Store& store) {
    if (const Done stored = store.checkpoint(*checkpoint, kept); !stored) checkpoint_problem = stored.error().text;
  }
};

void CommitQueue::start() {
  auto work = std::make_shared<Work>();
  work->commit = std::move(pending_);
  pending_ = {};
  work->waiters = std::move(waiters_);
  waiters_.clear();
  work->bytes = waiting_bytes_;
  if (take_checkpoint_) {
    work->kept = kept_;
    work->checkpoint_then = std::move(checkpoint_then_);
    work->is_one = is_one_;
    if (is_one_) {
      work->commit.checkpoint = take_checkpoint_();
      work->commit.kept = kept_;
      work->take = std::move(take_checkpoint_);
    } else {
      work->checkpoint = take_checkpoint_();
    }
    take_checkpoint_ = nullptr;
    is_one_ = false;
    work->bytes_since = std::exchange(bytes_since_checkpoint_, 0);
  }
  has_urgent_ = false;
  is_committing_ = true;
  worker_.run([work](Store& store) { work->write(store); },
              [this, work, alive = alive_] {
                if (*alive) finished(work);
              });
}

// Packed beside the commits that follow, then stored between two of them.
void CommitQueue::keep_checkpoint(const std::shared_ptr<Work>& work) {
  worker_.run_beside([work](Store&) { work->checkpoint->pack(); },
                     [this, work, alive = alive_] {
                       if (!*alive) return;
                       worker_.run([work](Store& store) { work->write_checkpoint(store); },
                                   [work, alive] {
                                     if (*alive && work->checkpoint_then)
                                       work->checkpoint_then(work->checkpoint_problem.empty());
                                   });
                     });
}

void CommitQueue::finished(const std::shared_ptr<Work>& work) {
  is_committing_ = false;
  const bool ok = work->problem.empty();
  problem_ = work->problem;
  if (work->renamed > 0) log::error("batch_applied_twice", {{"batches", std::to_string(work->renamed)}});
  if (ok) {
    waiting_bytes_ -= std::min(waiting_bytes_, work->bytes);
    if (!work->commit.inputs.empty()) last_seq_ = work->commit.inputs.back().seq;
    if (work->is_one && work->checkpoint_then) work->checkpoint_then(true);
    if (work->checkpoint) {
      // With nothing to log since the last commit the sequence number it was given stands.
      if (!work->commit.inputs.empty()) work->checkpoint->seq = work->commit.inputs.back().seq;
      keep_checkpoint(work);
    }
  } else {
    for (auto& input : work->commit.inputs) input.seq = 0;
    work->commit.checkpoint.reset();
    if (work->checkpoint && work->checkpoint_then) work->checkpoint_then(false);
    bytes_since_checkpoint_ += work->bytes_since;
    append(work->commit, std::move(pending_));
    pending_ = std::move(work->commit);
    if (work->is_one) {  // taken anew when it is tried again: more was applied since
      take_checkpoint_ = std::move(work->take);
      kept_ = work->kept;
      checkpoint_then_ = std::move(work->checkpoint_then);
      is_one_ = true;
    }
  }
  if (on_commit) on_commit(ok, work->took);
  if (ok && on_queued && !work->commit.notifications.empty()) on_queued(std::move(work->commit.notifications));
  for (auto& then : work->waiters) then(ok);
  // After a failure the owner's timer tries again: retrying here would spin on a full disk.
  if (!is_committing_ && has_urgent_ && ok) start();
}

}  // namespace tidewatch
