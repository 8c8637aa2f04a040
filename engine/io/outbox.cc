// See outbox.h. The subject of a row is its key without the last two fields (count and instant): notifier, monitor,
// labels. A resolve must not overtake the page it ends, also while that page is being retried.
#include "io/outbox.h"

#include <algorithm>

#include "base/log.h"

namespace tidewatch {

Outbox::Outbox(StoreWorker& worker, std::function<Instant()> clock, std::uint64_t seed)
    : worker_(worker), clock_(std::move(clock)), random_(seed) {}

Outbox::~Outbox() { *alive_ = false; }

void Outbox::set_notifiers(std::map<std::string, std::shared_ptr<Notifier>> notifiers) {
  notifiers_ = std::move(notifiers);
}

Duration Outbox::backoff(int attempts) {
  return seconds(attempts >= 6 ? 30 : std::min<std::int64_t>(30, std::int64_t{1} << std::max(0, attempts - 1)));
}

std::string Outbox::subject_of(const StoredNotification& row) {
  auto end = row.key.rfind('|');
  if (end != std::string::npos && end > 0) end = row.key.rfind('|', end - 1);
  return row.notifier + "|" + (end == std::string::npos ? row.key : row.key.substr(0, end));
}

void Outbox::recover(Store& store) {
  const auto rows = store.due_notifications(far_future, 1'000'000);  // due or not: all that are not over
  if (!rows) {
    log::error("outbox_recovery_failed", {{"problem", rows.error().text}});
    return;
  }
  for (StoredNotification row : *rows) {
    if (row.state != "queued" && row.state != "sending") continue;
    unfinished_[subject_of(row)].insert(row.id);
    if (row.state != "sending") continue;
    row.state = "queued";
    row.next_at = clock_();
    if (const Done kept = store.update_notification(row); !kept)
      log::error("outbox_recovery_failed", {{"problem", kept.error().text}});
  }
  next_due_ = far_past;
}

void Outbox::wake() { look(); }

void Outbox::send_unstored(const StoredNotification& row) {
  if (unstored_.emplace(row.key, Unstored{Unstored::State::waiting, row, {}}).second)
    unstored_order_.push_back(row.key);
  attempt_unstored();
}

void Outbox::attempt_unstored() {
  const Instant now = clock_();
  std::set<std::string> behind;  // subjects with something before that is not over
  for (const std::string& key : std::vector<std::string>(unstored_order_)) {
    const auto found = unstored_.find(key);
    if (found == unstored_.end() || found->second.state == Unstored::State::over) continue;
    Unstored& one = found->second;
    const std::string subject = subject_of(one.row);
    const bool is_first = behind.insert(subject).second && unfinished_.count(subject) == 0;
    if (!is_first || one.state == Unstored::State::flying || one.row.next_at > now) continue;
    const auto notifier = notifiers_.find(one.row.notifier);
    if (notifier == notifiers_.end()) continue;  // said when the row is on disk
    one.state = Unstored::State::flying;
    ++one.row.attempts;
    notifier->second->send(StoredNotification(one.row), [this, key, alive = alive_](const SendResult& result) {
      if (*alive) finished_unstored(key, result);
    });
  }
}

void Outbox::finished_unstored(const std::string& key, const SendResult& result) {
  const auto found = unstored_.find(key);
  if (found == unstored_.end()) return;
  Unstored& one = found->second;
  const Instant now = clock_();
  one.result = result;
  const bool again = result.kind == SendResult::Kind::retry && now < one.row.give_up_at;
  one.state = again ? Unstored::State::waiting : Unstored::State::over;
  if (again) one.row.next_at = retry_at(one.row, result, now);
  log::warning("notification_sent_from_memory",
               {{"notifier", one.row.notifier}, {"key", key}, {"result", result.text}});
}

Instant Outbox::retry_at(const StoredNotification& row, const SendResult& result, Instant now) {
  // +-20 percent, so that what failed together does not come back together. Not std::uniform_real_distribution:
  // its numbers differ between libraries.
  const auto part = static_cast<std::int64_t>(random_() % 401) - 200;
  const Duration wait = backoff(row.attempts);
  return now + std::max(wait + Duration{wait.ns / 1000 * part}, result.retry_after);
}

void Outbox::look() {
  if (is_looking_) {
    look_again_ = true;
    return;
  }
  is_looking_ = true;
  struct Seen {
    std::vector<StoredNotification> due;
    Instant next = far_future;
    std::string problem;
  };
  auto seen = std::make_shared<Seen>();
  const Instant now = clock_();
  worker_.run(
      [seen, now](Store& store) {
        auto due = store.due_notifications(now, 1000);
        if (!due) {
          seen->problem = due.error().text;
          return;
        }
        seen->due = std::move(*due);
        if (const auto next = store.next_notification_at()) seen->next = *next;
      },
      [this, seen, now, alive = alive_] {
        if (!*alive) return;
        is_looking_ = false;
        if (!seen->problem.empty()) {
          log::error("outbox_read_failed", {{"problem", seen->problem}});
          next_due_ = now + seconds(5);
          return;
        }
        std::sort(seen->due.begin(), seen->due.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
        for (const auto& row : seen->due) unfinished_[subject_of(row)].insert(row.id);
        // Rows that wait behind another of their subject stay due: looking again at once would spin, so the end of
        // the one before is what looks again.
        next_due_ = seen->next > now ? seen->next : now + seconds(1);
        for (auto& row : seen->due) {
          if (in_flight_.count(row.id) != 0) continue;
          const auto& line = unfinished_[subject_of(row)];
          if (!line.empty() && *line.begin() != row.id) continue;
          send(std::move(row));
        }
        if (std::exchange(look_again_, false)) look();
      });
}

void Outbox::send(StoredNotification row) {
  if (const auto known = unstored_.find(row.key); known != unstored_.end()) {
    if (known->second.state == Unstored::State::flying) return;  // still due, looked at again within a second
    const Unstored one = std::move(known->second);
    unstored_.erase(known);
    unstored_order_.erase(std::find(unstored_order_.begin(), unstored_order_.end(), row.key));
    if (one.state == Unstored::State::over) {
      in_flight_.insert(row.id);
      row.attempts = one.row.attempts;
      return finished(std::move(row), one.result);
    }
  }
  const auto it = notifiers_.find(row.notifier);
  in_flight_.insert(row.id);
  if (it == notifiers_.end()) {
    finished(std::move(row), {SendResult::Kind::failed, "no such notifier any more"});
    return;
  }
  row.state = "sending";
  ++row.attempts;
  auto ok = std::make_shared<bool>(false);
  worker_.run([row, ok](Store& store) { *ok = store.update_notification(row).ok(); },
              [this, row, ok, notifier = it->second, alive = alive_] {
                if (!*alive) return;
                if (!*ok) {
                  // Not on record as being sent: sending now could send twice unseen. Later.
                  in_flight_.erase(row.id);
                  next_due_ = std::min(next_due_, clock_() + seconds(5));
                  return;
                }
                notifier->send(row, [this, row, alive](const SendResult& result) {
                  if (*alive) finished(row, result);
                });
              });
}

void Outbox::finished(StoredNotification row, const SendResult& result) {
  const Instant now = clock_();
  row.last_result = result.text;
  std::string word = "accepted";
  if (result.kind == SendResult::Kind::accepted) {
    row.state = "accepted";
  } else if (result.kind == SendResult::Kind::retry && now < row.give_up_at) {
    word = "retry";
    row.state = "queued";
    row.next_at = retry_at(row, result, now);
  } else {
    word = row.state = "failed";
  }
  ++totals_[{row.notifier, word}];
  if (word != "accepted")
    log::warning("notification_not_accepted", {{"notifier", row.notifier},
                                               {"key", row.key},
                                               {"result", result.text},
                                               {"state", word},
                                               {"attempt", std::to_string(row.attempts)}});
  keep(row, [this, row] {
    in_flight_.erase(row.id);
    if (row.state == "queued") {
      next_due_ = std::min(next_due_, row.next_at);
      return;
    }
    const auto line = unfinished_.find(subject_of(row));
    if (line == unfinished_.end()) return;
    line->second.erase(row.id);
    if (line->second.empty()) {
      unfinished_.erase(line);
    } else {
      look();
    }
  });
}

void Outbox::keep(const StoredNotification& row, std::function<void()> then) {
  auto problem = std::make_shared<std::string>();
  worker_.run(
      [row, problem](Store& store) {
        if (const Done kept = store.update_notification(row); !kept) *problem = kept.error().text;
      },
      [row, problem, then = std::move(then), alive = alive_] {
        if (!*alive) return;
        // It stays `sending` on disk: sent again with the same key after a restart.
        if (!problem->empty()) log::error("outbox_write_failed", {{"key", row.key}, {"problem", *problem}});
        then();
      });
}

}  // namespace tidewatch
