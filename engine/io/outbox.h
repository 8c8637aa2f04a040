// Sends what the core decided, at least once, with one key. A row is queued in the commit of its transition, marked
// `sending` before the network is touched, and marked accepted, failed or due again afterwards; whatever was `sending`
// at a crash is sent again with the same key. Rows about one subject go in order; different subjects and different
// notifiers never wait for each other.
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

#include "io/notifier.h"
#include "io/store_worker.h"

namespace tidewatch {

class Outbox {
 public:
  // Names are "pack/notifier", as in StoredNotification::notifier. `clock` is engine time.
  Outbox(StoreWorker& worker, std::function<Instant()> clock, std::uint64_t seed);
  ~Outbox();

  void set_notifiers(std::map<std::string, std::shared_ptr<Notifier>> notifiers);
  // Rows left `sending` by a crash become due now. Call once, before anything else sends.
  void recover(Store& store);
  // Looks for due rows; call after a commit with notifications and at next_due(). Loop thread.
  void wake();
  // A row that the store would not take: attempted now and at each later call until it is over. Rows about one subject
  // go in the order given.
  void send_unstored(const StoredNotification& row);
  Instant next_due() const { return next_due_; }
  bool is_idle() const { return in_flight_.empty() && !is_looking_; }
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
  void attempt_unstored();
  void finished_unstored(const std::string& key, const SendResult& result);
  Instant retry_at(const StoredNotification& row, const SendResult& result, Instant now);
  void look();
  void send(StoredNotification row);
  void finished(StoredNotification row, const SendResult& result);
  void keep(const StoredNotification& row, std::function<void()> then);
  static std::string subject_of(const StoredNotification& row);

  StoreWorker& worker_;
  std::function<Instant()> clock_;
  std::mt19937_64 random_;
  std::map<std::string, std::shared_ptr<Notifier>> notifiers_;
  std::set<std::uint64_t> in_flight_;
  std::map<std::string, std::set<std::uint64_t>> unfinished_;  // by subject
  std::map<std::pair<std::string, std::string>, std::uint64_t> totals_;
  std::map<std::string, Unstored> unstored_;  // by key
  std::vector<std::string> unstored_order_;
  Instant next_due_ = far_future;
  bool is_looking_ = false, look_again_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tidewatch
