// One SQLite database in the state folder: what was acknowledged is here before the acknowledgement. The core is
// deterministic, so durability is its inputs: batches and ticks in order, plus a checkpoint to start from.
//   inputs       seq, kind (batch | tick | reload | outcomes | pause), at, stream, source, batch id, zstd-compressed
//   body checkpoints  the newest two: the whole core and the last input it holds journal      every transition with
//   reason and evidence, for people and for `why` (kept 90 days) outbox       notifications and what became of them
//   (those that are over: kept 7 days) batch_ids    ids already taken, for exactly-once retries (kept 7 days) offsets
//   file tails: how far each file was read and how it begins, in the same commit as the batch
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

// How far a tailed file was read. A file is known by device and inode; `head` says how it began, because a file that
// was emptied and written anew has the same inode.
struct StoredOffset {
  std::string key;  // "PATH#DEVICE:INODE"; "" when none
  std::uint64_t offset = 0;
  std::string head;  // "LENGTH:SHA-256 of the first LENGTH bytes"; "" when not known
};

struct StoredInput {
  // outcomes: what a clock decided about scripts in the input behind it (engine/io/script_outcomes.h)
  enum class Kind : std::uint8_t { batch, tick, reload, outcomes, pause } kind = Kind::tick;
  std::uint64_t seq = 0;  // given by append
  Instant at{};
  std::string stream, source, batch_id;
  std::string body;     // Batch::write bytes (uncompressed here); pauses: its length in ns, decimal; else empty
  StoredOffset offset;  // file tails
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

// What became of an attempt to send a notification; the rest of its row stays as it was queued.
struct NotificationResult {
  std::uint64_t id = 0;
  std::string state;  // queued (again, at next_at) accepted failed
  int attempts = 0;
  Instant next_at{};
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
  // Filled in by pack(), any thread: what is stored of the body. Else the store packs it.
  std::string packed = {}, digest = {};
  void pack();
};

// One version of a baseline: whose rows a pack compares with, since when. Versions are never changed or dropped: they
// say what earlier evidence was compared with.
struct StoredBaseline {
  std::uint64_t id = 0;  // given when written
  std::string pack, name;
  std::string definition;  // where the rows come from and what columns they have; another one is another baseline
  std::string hash;        // SHA-256 of the rows
  std::uint64_t rows = 0;
  Instant from{}, to{}, at{};  // of the rows, half open; when it was pinned
  std::string how;             // "first seen" "pinned" "learnt"
  std::string body;            // pinned spans: their rows; "" for files, whose rows lie in the file
};

// How long what nobody needs for a restart is kept, counted back from a checkpoint's instant.
struct Retention {
  Duration history = days(7);    // batches
  Duration journal = days(90);   // transitions and what else `why` reads
  Duration outbox = days(7);     // notifications that are over: accepted, failed, superseded
  Duration batch_ids = days(7);  // retries older than this count as new
  Duration offsets = days(30);   // of files not read since
};

class Store {
 public:
  // Opens or creates `folder`/tidewatch.db and migrates it to the newest version. Errors name the file and the cure:
  // newer than this program, another process holds it (lock file with its pid), read-only, no space, damaged.
  // `vfs` names a SQLite VFS registered before (fault injection); "" is the system's own.
  static Result<std::unique_ptr<Store>> open(const std::string& folder, const std::string& vfs = "");
  // A second look into the store of an engine that may be running: no lock, no migration, for short reads and commits
  // without inputs. Refused when there is none yet or it is of another version.
  static Result<std::unique_ptr<Store>> open_beside(const std::string& folder);
  ~Store();

  // Reads every page of a file small enough for that to take well under a second; a larger one shows damage when the
  // page is met. Not part of open(): a restart should listen first.
  Done check_sound() const;

  // One transaction: inputs (their seq is filled in), journal rows, new outbox rows (their id is filled in) and what
  // became of older ones, on disk when it returns. A notification whose key exists is left as it is, its id here 0. A
  // batch whose id was taken is a conflict (ask has_batch first). With a checkpoint, it is of the state after the
  // inputs, and its seq becomes that of the last one. On error nothing was written.
  struct Commit {
    std::vector<StoredInput> inputs;
    std::vector<StoredJournalRow> journal;
    std::vector<StoredNotification> notifications;
    std::vector<NotificationResult> results;
    std::vector<StoredBaseline> baselines;  // versions that are the newest already are left out
    std::optional<StoredCheckpoint> checkpoint;
    Retention kept;
  };
  Done commit(Commit& commit);
  // Takes away the ids that commit() would refuse, those given twice within it included. What was applied must be
  // logged, whatever its sender called it; the number taken away is answered.
  std::size_t drop_taken_ids(Commit& commit) const;

  bool has_batch(std::string_view stream, std::string_view batch_id) const;
  Result<std::vector<StoredInput>> inputs_after(std::uint64_t seq,
                                                std::size_t most) const;  // in order; body decompressed
  // A damaged one is skipped for the one before; how many were is added to `damaged`.
  Result<std::optional<StoredCheckpoint>> newest_checkpoint(std::size_t* damaged = nullptr) const;
  // Stores a checkpoint; drops all but the newest two. Ticks and reloads before the older of the two are dropped (it
  // may be the one a restart falls back to); what else is older than `kept` goes too, some thousand rows a table at a
  // time, so that no checkpoint takes long.
  Done checkpoint(const StoredCheckpoint& checkpoint, const Retention& kept);

  Result<std::vector<StoredNotification>> due_notifications(Instant now, std::size_t most) const;
  Result<Instant> next_notification_at() const;  // far_future when none is queued
  // All that are not over, due or not, by id; without payload: there may be many.
  Result<std::vector<StoredNotification>> unfinished_notifications() const;
  // Those of these ids, in the order given, payload and all.
  Result<std::vector<StoredNotification>> notifications_of(const std::vector<std::uint64_t>& ids) const;
  Done update_notification(const StoredNotification& notification);               // by id
  Result<std::vector<StoredNotification>> notifications(std::size_t most) const;  // newest first
  Result<std::vector<StoredJournalRow>> journal(std::string_view monitor,
                                                std::size_t most) const;  // newest first; "" = all

  // What is known of the files that were tailed under this path, the last read first.
  Result<std::vector<StoredOffset>> offsets(std::string_view path) const;
  // Versions of a pack's baselines ("" = of all packs), newest first, without bodies; and one with its body.
  Result<std::vector<StoredBaseline>> baselines(std::string_view pack) const;
  Result<StoredBaseline> baseline(std::uint64_t id) const;

  Result<std::string> setting(std::string_view name) const;  // "" when absent
  Done set_setting(std::string_view name, std::string_view value);
  int schema_version() const;

  // Moves what was committed from the write-ahead log into the database file: on any one other thread, while commits go
  // on. A commit that finds the log full would do it first, and be late by the time of two syncs and a thousand pages.
  // Nothing of it decides what is durable; a failure is met again by a commit.
  void tidy();
  // Whether tidy() should be called now. From the thread of the store, after a commit.
  bool wants_tidying() const;

 private:
  Done write_baselines(std::vector<StoredBaseline>& baselines);                      // within a transaction
  Done write_checkpoint(const StoredCheckpoint& checkpoint, const Retention& kept);  // within a transaction

  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tidewatch
