// One SQLite database in the state folder: what was acknowledged is here before the acknowledgement. The core is
// deterministic, so durability is its inputs: batches and ticks in order, plus a checkpoint to start from.
//   inputs       seq, kind (batch | tick | reload | outcomes), at, stream, source, batch id, zstd-compressed body
//   checkpoints  the newest two: the whole core and the last input it holds
//   journal      every transition with reason and evidence, for people and for `why`
//   outbox       notifications and what became of them
//   batch_ids    ids already taken, for exactly-once retries (kept 7 days)
//   offsets      file tails: how far each file was read, in the same commit as the batch
// WAL, synchronous=FULL. Every call is one thread's; io runs it off the loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace tidewatch {

struct StoredInput {
  // outcomes: what a clock decided about scripts in the input behind it (engine/io/script_outcomes.h)
  enum class Kind : std::uint8_t { batch, tick, reload, outcomes } kind = Kind::tick;
  std::uint64_t seq = 0;  // given by append
  Instant at{};
  std::string stream, source, batch_id;
  std::string body;        // Batch::write bytes (uncompressed here); empty for ticks
  std::string offset_key;  // file tails: path identity; "" when none
  std::uint64_t offset = 0;
};

struct StoredNotification {
  std::uint64_t id = 0;
  std::string key;  // unique
  std::string notifier;
  std::string payload;           // JSON
  std::string state = "queued";  // queued sending accepted failed superseded
  int attempts = 0;
  Instant next_at{}, created_at{}, give_up_at{};
  std::string last_result;
};

struct StoredJournalRow {
  std::uint64_t id = 0;
  Instant at{};
  std::string monitor, labels, kind, from, to, severity_from, severity_to, reason, evidence;
};

struct StoredCheckpoint {
  std::uint64_t seq = 0;  // the last input it holds
  Instant at{};
  std::string pack_hash, body;
};

class Store {
 public:
  // Opens or creates `folder`/tidewatch.db and migrates it to the newest version. Errors name the file and the cure:
  // newer than this program, another process holds it (lock file with its pid), read-only, no space, damaged.
  // `vfs` names a SQLite VFS registered before (fault injection); "" is the system's own.
  static Result<std::unique_ptr<Store>> open(const std::string& folder, const std::string& vfs = "");
  ~Store();

  // One transaction: inputs (their seq is filled in), journal rows and new outbox rows, on disk when it returns.
  // A notification whose key exists is left as it is. A batch whose id was taken is a conflict (ask has_batch first).
  // On error nothing was written.
  struct Commit {
    std::vector<StoredInput> inputs;
    std::vector<StoredJournalRow> journal;
    std::vector<StoredNotification> notifications;
  };
  Done commit(Commit& commit);

  bool has_batch(std::string_view stream, std::string_view batch_id) const;
  Result<std::vector<StoredInput>> inputs_after(std::uint64_t seq,
                                                std::size_t most) const;  // in order; body decompressed
  Result<std::optional<StoredCheckpoint>> newest_checkpoint() const;      // a damaged one is skipped for the one before
  // Stores a checkpoint; drops all but the newest two. Ticks and reloads before the older of the two are dropped (it
  // may be the one a restart falls back to); batches before it are kept for `history`, batch ids for 7 days.
  Done checkpoint(const StoredCheckpoint& checkpoint, Duration history);

  Result<std::vector<StoredNotification>> due_notifications(Instant now, std::size_t most) const;
  Result<Instant> next_notification_at() const;                                   // far_future when none is queued
  Done update_notification(const StoredNotification& notification);               // by id
  Result<std::vector<StoredNotification>> notifications(std::size_t most) const;  // newest first
  Result<std::vector<StoredJournalRow>> journal(std::string_view monitor,
                                                std::size_t most) const;  // newest first; "" = all

  std::optional<std::uint64_t> offset(std::string_view key) const;
  Result<std::string> setting(std::string_view name) const;  // "" when absent
  Done set_setting(std::string_view name, std::string_view value);
  int schema_version() const;

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tidewatch
