// Sends what the core decided, at least once, with one key. A row is queued in the commit of its transition and stays
// due on disk until a later commit says what became of it: after a crash it is sent again with the same key. Rows about
// one subject go in order; different subjects and different notifiers never wait for each other.
//
// Of every row that is not over, id and due instant are kept in memory, in a line a subject and a lane a notifier, so
// that what to send next is never a question to the disk. A new row is sent from the memory it was committed from; a
// payload that had to wait is read again. Marking a row `sending` before the network is touched was decided against: it
// would cost a second commit a message and tell a restart nothing, which sends the row again in either case.
//
// A disk that takes nothing does not silence a page: what waits for it is sent from memory, under the same key, and
// what was accepted so is not sent again when its row reaches the disk at last. A crash in between may send it twice.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <unordered_map>

#include "io/commit_queue.h"
#include "io/notifier.h"
#include "io/store_worker.h"

namespace tidewatch {

class Outbox {
 public:
  // Names are "pack/notifier", as in StoredNotification::notifier. `clock` is engine time. Borrows worker and commits.
  Outbox(StoreWorker& worker, CommitQueue& commits, std::function<Instant()> clock, std::uint64_t seed);
  ~Outbox();

  void set_notifiers(std::map<std::string, std::shared_ptr<Notifier>> notifiers);
  // Rows that were not over when the process ended. Call once, before anything else sends.
  void recover(Store& store);
  // Rows that a commit just put on disk; those with id 0 were known before. Loop thread.
  void queued(std::vector<StoredNotification> rows);
  // Sends what is due; call at next_due(). Loop thread.
  void wake();
  // Rows that the store would not take: attempted now and at each later call until they are over. Rows about one
  // subject go in the order given.
  void send_unstored(const std::vector<StoredNotification>& rows);
  Instant next_due() const;
  // Sends nothing more; results of what is under way are still kept.
  void stop() { is_stopped_ = true; }
  // Called when a row was put off: next_due() may have come nearer.
  std::function<void()> on_later;
  bool is_idle() const { return busy_ == 0; }
  // By (notifier, "accepted" | "retry" | "failed").
  const std::map<std::pair<std::string, std::string>, std::uint64_t>& totals() const { return totals_; }

  // 1 2 4 8 16 30 30 ... s after the n-th attempt (n >= 1), before jitter.
  static Duration backoff(int attempts);

 private:
  struct Unstored {
    enum class State { waiting, flying, over } state = State::waiting;
    StoredNotification row;
    SendResult result;
  };
  struct Lane;
  struct Line {
    std::string subject;
    Lane* lane = nullptr;
    std::map<std::uint64_t, Instant> rows;  // id and when due; only the first may be sent
  };
  struct Lane {
    std::set<std::pair<Instant, std::uint64_t>> due;  // the first rows of the lines, less those that are being sent
    std::size_t flying = 0;
  };
  void attempt_unstored();
  void finished_unstored(const std::string& key, const SendResult& result);
  Instant retry_at(const StoredNotification& row, const SendResult& result, Instant now);
  void join(const StoredNotification& row);
  void keep_payload(StoredNotification row);
  void pump();
  void fetch(std::vector<std::uint64_t> ids);
  void send(StoredNotification row);
  void finished(const StoredNotification& row, const SendResult& result);
  void keep_results(Instant now);
  void settle(std::uint64_t id, bool is_over, Instant next_at);
  static std::string subject_of(const StoredNotification& row);

  StoreWorker& worker_;
  CommitQueue& commits_;
  std::function<Instant()> clock_;
  std::mt19937_64 random_;
  std::map<std::string, std::shared_ptr<Notifier>> notifiers_;
  std::unordered_map<std::string, Line> lines_;       // by subject
  std::unordered_map<std::uint64_t, Line*> line_of_;  // by id
  std::map<std::string, Lane> lanes_;                 // by notifier; never fewer, for lines point to them
  std::unordered_map<std::uint64_t, StoredNotification> payloads_;
  std::size_t payload_bytes_ = 0;
  std::size_t unkept_ = 0;  // results that wait for a commit, or for its end
  Instant unkept_since_{};
  std::size_t busy_ = 0;    // rows that were taken from their lane and whose result is not on disk
  std::map<std::pair<std::string, std::string>, std::uint64_t> totals_;
  std::map<std::string, Unstored> unstored_;  // by key
  std::vector<std::string> unstored_order_;
  bool is_stopped_ = false, is_pumping_ = false, pump_again_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tidewatch
