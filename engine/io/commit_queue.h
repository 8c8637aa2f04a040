// Group commit: what was applied while one commit is on its way to the disk goes into the next, all in one transaction.
//
// Inputs are applied to the core first and committed together with the rows and notifications they caused. Committing
// the input first would need a second commit for its outputs and leave a crash between the two in which a page is known
// to nobody. The price: a failed commit leaves inputs that are applied but not on disk. They stay here, in order, in
// front of everything newer, and are committed again until it works; their senders were told 503 and nothing was lost
// or applied twice, because a repeated body is recognised (IngestTickets in ingest_handler.h).
// There is never more than one commit under way: a later one that worked after an earlier one that did not would put
// the log out of order.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "io/store_worker.h"

namespace tidewatch {

class CommitQueue {
 public:
  explicit CommitQueue(StoreWorker& worker);
  ~CommitQueue();

  // Appends in the order of application; `then(ok)` once, after the first commit that held it.
  void add(Store::Commit part, std::function<void(bool ok)> then);
  // The same, but the next commit may be anybody's: nobody waits for it.
  void add_patient(Store::Commit part, std::function<void(bool ok)> then);
  // A tick that changed nothing: goes along with the next commit.
  void add_quiet(StoredInput tick);
  // Starts a commit unless one is under way (then the next starts when it ends).
  void flush();
  // Taken at the start of the next commit, when everything applied is in it; stored behind it, so that no sender waits
  // for it. With `is_one` it is stored with the commit or neither is (a reload: what the old rules made of the inputs
  // must not be computed again with the new ones), and tried again until it works; the next add() starts it.
  void want_checkpoint(std::function<StoredCheckpoint()> take, const Retention& kept, std::function<void(bool ok)> then,
                       bool is_one = false);

  bool is_empty() const {
    return !is_committing_ && pending_.inputs.empty() && pending_.journal.empty() && pending_.notifications.empty() &&
           pending_.results.empty() && pending_.baselines.empty();
  }
  bool is_failing() const { return !problem_.empty(); }
  const std::string& problem() const { return problem_; }
  std::uint64_t last_seq() const { return last_seq_; }  // of the newest input on disk; 0 before the first commit
  std::size_t waiting_bytes() const { return waiting_bytes_; }
  // Applied, and in no commit that is under way: all of what is not on disk while commits fail.
  const std::vector<StoredNotification>& waiting_notifications() const { return pending_.notifications; }
  // Of inputs that the newest checkpoint asked for does not hold: what a restart has to go through again.
  std::size_t bytes_since_checkpoint() const { return bytes_since_checkpoint_; }
  void count_replayed(std::size_t bytes) { bytes_since_checkpoint_ += bytes; }
  // Going through an input again costs about this many bytes' worth beside its rows.
  static constexpr std::size_t bytes_an_input = 1000;
  // Called after each commit: whether it worked and how long it took, in seconds.
  std::function<void(bool ok, double took)> on_commit;
  // Called after a commit that worked with the notifications it held, their ids filled in (0: the key was known).
  std::function<void(std::vector<StoredNotification>)> on_queued;

 private:
  struct Work;
  void start();
  void finished(const std::shared_ptr<Work>& work);
  void keep_checkpoint(const std::shared_ptr<Work>& work);

  StoreWorker& worker_;
  Store::Commit pending_;
  std::vector<std::function<void(bool)>> waiters_;
  std::size_t waiting_bytes_ = 0;
  bool is_committing_ = false, has_urgent_ = false;
  std::string problem_;
  std::uint64_t last_seq_ = 0;
  std::function<StoredCheckpoint()> take_checkpoint_;
  Retention kept_;
  std::function<void(bool)> checkpoint_then_;
  bool is_one_ = false;
  std::size_t bytes_since_checkpoint_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tidewatch
