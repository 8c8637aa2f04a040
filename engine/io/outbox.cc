// See outbox.h. The subject of a row is its key without the last two fields (count and instant): notifier, monitor,
// labels. A resolve must not overtake the page it ends, also while that page is being retried.
#include "io/outbox.h"

#include <algorithm>

#include "base/log.h"

namespace tidewatch {

namespace {

constexpr std::size_t most_flying = 64;                            // of one notifier, handed over at once
constexpr std::size_t most_unkept = 64;                            // accepted, and not yet on disk as such
constexpr Duration results_wait = milliseconds(200);               // for a commit that takes them along
constexpr std::size_t most_payload_bytes = std::size_t{16} << 20;  // kept in memory; the rest is read when it is sent

std::size_t bytes_of(const StoredNotification& row) { return row.payload.size() + row.key.size() + sizeof row; }

}  // namespace

Outbox::Outbox(StoreWorker& worker, CommitQueue& commits, std::function<Instant()> clock, std::uint64_t seed)
    : worker_(worker), commits_(commits), clock_(std::move(clock)), random_(seed) {}

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
  const auto rows = store.unfinished_notifications();
  if (!rows) {
    log::error("outbox_recovery_failed", {{"problem", rows.error().text}});
    return;
  }
  for (const StoredNotification& row : *rows) join(row);
}

void Outbox::queued(std::vector<StoredNotification> rows) {
  for (StoredNotification& row : rows) {
    if (row.id == 0) continue;
    join(row);
    keep_payload(std::move(row));
  }
  pump();
}

void Outbox::wake() {
  const Instant now = clock_();
  if (unkept_ > 0 && now - unkept_since_ >= results_wait) keep_results(now);
  pump();
}

void Outbox::keep_results(Instant now) {
  unkept_since_ = now;
  commits_.flush();
}

Instant Outbox::next_due() const {
  Instant next = unkept_ > 0 ? unkept_since_ + results_wait : far_future;
  for (const auto& [name, lane] : lanes_)
    if (lane.flying < most_flying && !lane.due.empty()) next = std::min(next, lane.due.begin()->first);
  return next;
}

void Outbox::join(const StoredNotification& row) {
  std::string subject = subject_of(row);
  Line& line = lines_[subject];
  if (line.lane == nullptr) {
    line.subject = std::move(subject);
    line.lane = &lanes_[row.notifier];
  }
  // Ids grow, so a new row is never in front of one that is being sent.
  line.rows.emplace(row.id, row.next_at);
  line_of_[row.id] = &line;
  if (line.rows.size() == 1) line.lane->due.emplace(row.next_at, row.id);
}

void Outbox::keep_payload(StoredNotification row) {
  const std::size_t bytes = bytes_of(row);
  if (payload_bytes_ + bytes > most_payload_bytes) return;
  payload_bytes_ += bytes;
  payloads_.emplace(row.id, std::move(row));
}

void Outbox::send_unstored(const std::vector<StoredNotification>& rows) {
  for (const StoredNotification& row : rows)
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
    const bool is_first = behind.insert(subject).second && lines_.count(subject) == 0;
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

void Outbox::pump() {
  // A notifier may answer before send() returns, which comes back here.
  if (is_stopped_) return;
  if (is_pumping_) {
    pump_again_ = true;
    return;
  }
  is_pumping_ = true;
  std::vector<std::uint64_t> to_fetch;
  do {
    pump_again_ = false;
    const Instant now = clock_();
    for (auto& [name, lane] : lanes_)
      while (lane.flying < most_flying && !lane.due.empty() && lane.due.begin()->first <= now) {
        const std::uint64_t id = lane.due.begin()->second;
        lane.due.erase(lane.due.begin());
        ++lane.flying;
        ++busy_;
        auto known = payloads_.extract(id);
        if (known.empty()) {
          to_fetch.push_back(id);
          continue;
        }
        payload_bytes_ -= bytes_of(known.mapped());
        send(std::move(known.mapped()));
      }
  } while (pump_again_);
  is_pumping_ = false;
  if (!to_fetch.empty()) fetch(std::move(to_fetch));
}

void Outbox::fetch(std::vector<std::uint64_t> ids) {
  struct Fetched {
    std::vector<std::uint64_t> ids;
    Result<std::vector<StoredNotification>> rows = std::vector<StoredNotification>();
  };
  auto fetched = std::make_shared<Fetched>();
  fetched->ids = std::move(ids);
  worker_.run([fetched](Store& store) { fetched->rows = store.notifications_of(fetched->ids); },
              [this, fetched, alive = alive_] {
                if (!*alive) return;
                if (!fetched->rows) log::error("outbox_read_failed", {{"problem", fetched->rows.error().text}});
                std::set<std::uint64_t> missing(fetched->ids.begin(), fetched->ids.end());
                if (fetched->rows)
                  for (StoredNotification& row : *fetched->rows) {
                    missing.erase(row.id);
                    send(std::move(row));
                  }
                for (const std::uint64_t id : missing) {
                  --line_of_.at(id)->lane->flying;
                  settle(id, false, clock_() + seconds(5));
                }
                pump();
              });
}

void Outbox::send(StoredNotification row) {
  if (const auto known = unstored_.find(row.key); known != unstored_.end()) {
    if (known->second.state == Unstored::State::flying) {  // its answer decides
      --line_of_.at(row.id)->lane->flying;
      return settle(row.id, false, clock_() + seconds(1));
    }
    const Unstored one = std::move(known->second);
    unstored_.erase(known);
    unstored_order_.erase(std::find(unstored_order_.begin(), unstored_order_.end(), row.key));
    row.attempts = one.row.attempts;
    if (one.state == Unstored::State::over) return finished(row, one.result);
  }
  const auto it = notifiers_.find(row.notifier);
  if (it == notifiers_.end()) return finished(row, {SendResult::Kind::failed, "no such notifier any more"});
  ++row.attempts;
  const std::shared_ptr<Notifier> notifier = it->second;
  auto sent = std::make_shared<StoredNotification>(std::move(row));
  notifier->send(*sent, [this, sent, alive = alive_](const SendResult& result) {
    if (*alive) finished(*sent, result);
  });
}

void Outbox::finished(const StoredNotification& row, const SendResult& result) {
  const Instant now = clock_();
  --line_of_.at(row.id)->lane->flying;
  std::string word = "accepted";
  NotificationResult kept{row.id, "accepted", row.attempts, row.next_at, result.text};
  if (result.kind == SendResult::Kind::retry && now < row.give_up_at) {
    word = "retry";
    kept.state = "queued";
    kept.next_at = retry_at(row, result, now);
  } else if (result.kind != SendResult::Kind::accepted) {
    word = kept.state = "failed";
  }
  ++totals_[{row.notifier, word}];
  if (word != "accepted")
    log::warning("notification_not_accepted", {{"notifier", row.notifier},
                                               {"key", row.key},
                                               {"result", result.text},
                                               {"state", word},
                                               {"attempt", std::to_string(row.attempts)}});
  const bool is_over = kept.state != "queued";
  const Instant next_at = kept.next_at;
  Store::Commit part;
  part.results.push_back(std::move(kept));
  // A commit that failed keeps the result and is tried again: what follows in the line need not wait for the disk to
  // come back. Until then a restart would send this one again, under the same key.
  ++unkept_;
  commits_.add_patient(std::move(part), [this, id = row.id, is_over, next_at, alive = alive_](bool) {
    if (!*alive) return;
    --unkept_;
    settle(id, is_over, next_at);
    pump();
  });
  pump();
  // Nobody waits for a result, and the disk has one commit at a time: the next alert would wait for it. What is lost
  // with the process meanwhile is sent again under its key.
  if (unkept_ >= most_unkept || word != "accepted") return keep_results(now);
  if (unkept_ == 1) {
    unkept_since_ = now;
    if (on_later) on_later();
  }
}

// The end of one attempt: the row leaves its line, or waits at its head again.
void Outbox::settle(std::uint64_t id, bool is_over, Instant next_at) {
  const auto at = line_of_.find(id);
  Line& line = *at->second;
  --busy_;
  if (is_over) {
    line.rows.erase(id);
    line_of_.erase(at);
    if (line.rows.empty()) {
      lines_.erase(std::string(line.subject));
      return;
    }
  } else {
    line.rows[id] = next_at;
    if (on_later) on_later();
  }
  const auto& first = *line.rows.begin();
  line.lane->due.emplace(first.second, first.first);
}

}  // namespace tidewatch
