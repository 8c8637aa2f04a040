// The store over its parts: lock, database, migrations, compression. Every public call is one transaction or one
// read, so there is no state here that could disagree with the file. Statements are prepared per call: with
// synchronous=FULL the fsync costs a thousand times the parse.
#include "store/store_state.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <set>

#include "base/text.h"
#include "store/compress.h"
#include "store/database.h"
#include "store/lock_file.h"
#include "store/migrations.h"

namespace tidewatch {
namespace {

// A table's share of one checkpoint's trimming.
constexpr std::int64_t most_trimmed = 5'000;

StoredNotification read_notification(const Statement& row) {
  StoredNotification n;
  n.id = static_cast<std::uint64_t>(row.integer(0));
  n.key = row.string(1);
  n.notifier = row.string(2);
  n.payload = row.string(3);
  n.state = row.string(4);
  n.attempts = static_cast<int>(row.integer(5));
  n.next_at = {row.integer(6)};
  n.created_at = {row.integer(7)};
  n.give_up_at = {row.integer(8)};
  n.last_result = row.string(9);
  return n;
}

std::int64_t limit_of(std::size_t most) { return static_cast<std::int64_t>(std::min<std::size_t>(most, INT64_MAX)); }

constexpr std::int64_t most_checked_bytes = 256 << 20;

// Pages of the write-ahead log, 4 KB each. Tidied from the first number on: what is written to the database at once is
// in front of the next commit on its way to the disk, and on a slow one a thousand pages were 150 ms. The second is the
// bound when commits come so close that the log never is quite empty, the third that of a store nobody tidies.
constexpr int tidied_log_pages = 250, most_log_pages = 4'000, untidied_log_pages = 1'000;

}  // namespace

// What SQLite does by itself at a thousand pages is done here at four thousand, for when nobody tidies or commits come
// so close that the log never is quite empty.
int Store::State::on_commit(void* user, sqlite3* handle, const char* name, int pages) {
  auto* state = static_cast<State*>(user);
  state->log_pages = pages;
  if (pages >= (state->vfs.empty() ? most_log_pages : untidied_log_pages))
    sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  return SQLITE_OK;
}

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::string& folder, const std::string& vfs) {
  // The folder itself is made, its parents are not: a mistyped path should not grow a tree.
  if (mkdir(folder.c_str(), 0750) != 0 && errno != EEXIST) {
    const int why = errno;
    return Error{why == ENOSPC ? ErrorCode::full : ErrorCode::io,
                 "creating the state folder " + folder + ": " + std::strerror(why)};
  }
  auto state = std::make_unique<State>();
  if (Done locked = state->lock.take(folder + "/tidewatch.lock"); !locked) return locked.error();
  Database& db = state->database;
  if (Done opened = db.open(folder + "/tidewatch.db", vfs); !opened) return opened.error();
  if (Done set = db.run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=2000;"
                        "PRAGMA trusted_schema=OFF");
      !set) {
    return set.error();
  }
  if (Done migrated = migrate(db, newest_schema_version()); !migrated) return migrated.error();
  auto version = read_schema_version(db);
  if (!version) return version.error();
  state->version = *version;
  state->vfs = vfs;
  sqlite3_wal_hook(db.handle(), &State::on_commit, state.get());
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

Result<std::unique_ptr<Store>> Store::open_beside(const std::string& folder) {
  auto state = std::make_unique<State>();
  Database& db = state->database;
  const std::string path = folder + "/tidewatch.db";
  if (access(path.c_str(), F_OK) != 0)
    return not_found("there is no store in " + folder + "; it is made by the first tidewatch run --state " + folder);
  if (Done opened = db.open(path); !opened) return opened.error();
  if (Done set = db.run("PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000; PRAGMA trusted_schema=OFF"); !set)
    return set.error();
  auto version = read_schema_version(db);
  if (!version) return version.error();
  if (*version != newest_schema_version())
    return Error{ErrorCode::conflict, path + " has schema version " + std::to_string(*version) +
                                          ", this program's is " + std::to_string(newest_schema_version()) +
                                          "; use the version of the engine that runs on it"};
  state->version = *version;
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

Done Store::check_sound() const {
  const Database& db = state_->database;
  Statement size(db, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()");
  auto row = size.step();
  if (!row) return row.error();
  if (size.integer(0) > most_checked_bytes) return done();
  Statement check(db, "PRAGMA quick_check(1)");
  auto found = check.step();
  if (!found) return found.error();
  if (check.string(0) == "ok") return done();
  return io_error("opening " + db.path() + ": the database is damaged (" + check.string(0) +
                  "); move it away with its -wal and -shm files and start anew or from a backup");
}

Done Store::commit(Commit& commit) {
  Database& db = state_->database;
  Transaction transaction(db);
  if (Done begun = transaction.begin(); !begun) return begun;
  std::vector<std::uint64_t> given, queued;
  {
    Statement input(db, "INSERT INTO inputs(kind, at, stream, source, batch_id, body) VALUES(?,?,?,?,?,?)");
    Statement id(db, "INSERT INTO batch_ids(stream, batch_id, at) VALUES(?,?,?)");
    Statement offset(db, "INSERT OR REPLACE INTO offsets(key, offset, path, head, at) VALUES(?,?,?,?,?)");
    for (const StoredInput& in : commit.inputs) {
      if (in.kind == StoredInput::Kind::batch && !in.batch_id.empty()) {
        if (has_batch(in.stream, in.batch_id)) {
          return Error{ErrorCode::conflict,
                       "batch \"" + in.batch_id + "\" of stream \"" + in.stream + "\" was already taken"};
        }
        id.text(1, in.stream).text(2, in.batch_id).bind(3, in.at.ns);
        if (Done ran = id.run(); !ran) return ran;
      }
      const std::string body = compress(in.body);
      input.bind(1, static_cast<std::int64_t>(in.kind)).bind(2, in.at.ns).text(3, in.stream).text(4, in.source);
      input.text(5, in.batch_id).blob(6, body);
      if (Done ran = input.run(); !ran) return ran;
      given.push_back(static_cast<std::uint64_t>(sqlite3_last_insert_rowid(db.handle())));
      if (!in.offset.key.empty()) {
        const std::string path = in.offset.key.substr(0, in.offset.key.rfind('#'));
        offset.text(1, in.offset.key).bind(2, static_cast<std::int64_t>(in.offset.offset)).text(3, path);
        offset.text(4, in.offset.head).bind(5, in.at.ns);
        if (Done ran = offset.run(); !ran) return ran;
      }
    }
    Statement journal(db,
                      "INSERT INTO journal(at, monitor, labels, kind, from_state, to_state, severity_from, "
                      "severity_to, reason, evidence) VALUES(?,?,?,?,?,?,?,?,?,?)");
    for (const StoredJournalRow& r : commit.journal) {
      journal.bind(1, r.at.ns).text(2, r.monitor).text(3, r.labels).text(4, r.kind).text(5, r.from).text(6, r.to);
      journal.text(7, r.severity_from).text(8, r.severity_to).text(9, r.reason).text(10, r.evidence);
      if (Done ran = journal.run(); !ran) return ran;
    }
    Statement outbox(db,
                     "INSERT INTO outbox(key, notifier, payload, state, attempts, next_at, created_at, give_up_at, "
                     "last_result) VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT(key) DO NOTHING");
    for (const StoredNotification& n : commit.notifications) {
      outbox.text(1, n.key).text(2, n.notifier).text(3, n.payload).text(4, n.state).bind(5, n.attempts);
      outbox.bind(6, n.next_at.ns).bind(7, n.created_at.ns).bind(8, n.give_up_at.ns).text(9, n.last_result);
      if (Done ran = outbox.run(); !ran) return ran;
      const bool is_new = sqlite3_changes(db.handle()) != 0;
      queued.push_back(is_new ? static_cast<std::uint64_t>(sqlite3_last_insert_rowid(db.handle())) : 0);
    }
    Statement result(db, "UPDATE outbox SET state = ?, attempts = ?, next_at = ?, last_result = ? WHERE id = ?");
    for (const NotificationResult& r : commit.results) {
      result.text(1, r.state).bind(2, r.attempts).bind(3, r.next_at.ns).text(4, r.last_result);
      if (Done ran = result.bind(5, static_cast<std::int64_t>(r.id)).run(); !ran) return ran;
    }
  }
  if (Done ran = write_baselines(commit.baselines); !ran) return ran;
  if (commit.checkpoint) {
    StoredCheckpoint numbered = *commit.checkpoint;
    if (!given.empty()) numbered.seq = given.back();
    if (Done kept = write_checkpoint(numbered, commit.kept); !kept) return kept;
  }
  if (Done committed = transaction.commit(); !committed) return committed;
  for (std::size_t i = 0; i < given.size(); ++i) commit.inputs[i].seq = given[i];
  for (std::size_t i = 0; i < queued.size(); ++i) commit.notifications[i].id = queued[i];
  return done();
}

std::size_t Store::drop_taken_ids(Commit& commit) const {
  std::size_t dropped = 0;
  std::set<std::pair<std::string, std::string>> within;
  for (StoredInput& in : commit.inputs) {
    if (in.kind != StoredInput::Kind::batch || in.batch_id.empty()) continue;
    if (within.emplace(in.stream, in.batch_id).second && !has_batch(in.stream, in.batch_id)) continue;
    in.batch_id.clear();
    ++dropped;
  }
  return dropped;
}

bool Store::has_batch(std::string_view stream, std::string_view batch_id) const {
  Statement query(state_->database, "SELECT 1 FROM batch_ids WHERE stream = ? AND batch_id = ?");
  query.text(1, stream).text(2, batch_id);
  auto row = query.step();
  return row && *row;
}

Result<std::vector<StoredInput>> Store::inputs_after(std::uint64_t seq, std::size_t most) const {
  Statement query(
      state_->database,
      "SELECT seq, kind, at, stream, source, batch_id, body FROM inputs WHERE seq > ? ORDER BY seq LIMIT ?");
  query.bind(1, static_cast<std::int64_t>(seq)).bind(2, limit_of(most));
  std::vector<StoredInput> out;
  while (true) {
    auto row = query.step();
    if (!row) return row.error();
    if (!*row) return out;
    StoredInput in;
    in.seq = static_cast<std::uint64_t>(query.integer(0));
    in.kind = static_cast<StoredInput::Kind>(query.integer(1));
    in.at = {query.integer(2)};
    in.stream = query.string(3);
    in.source = query.string(4);
    in.batch_id = query.string(5);
    auto body = decompress(query.string(6));
    if (!body) return body.error().within("reading input " + std::to_string(in.seq));
    in.body = std::move(*body);
    out.push_back(std::move(in));
  }
}

Result<std::optional<StoredCheckpoint>> Store::newest_checkpoint(std::size_t* damaged) const {
  Statement query(state_->database, "SELECT seq, at, pack_hash, sha256, body FROM checkpoints ORDER BY seq DESC");
  while (true) {
    auto row = query.step();
    if (!row) return row.error();
    if (!*row) return std::optional<StoredCheckpoint>();
    auto body = decompress(query.string(4));
    if (!body || sha256_hex(*body) != query.string(3)) {
      if (damaged != nullptr) ++*damaged;
      continue;
    }
    StoredCheckpoint checkpoint;
    checkpoint.seq = static_cast<std::uint64_t>(query.integer(0));
    checkpoint.at = {query.integer(1)};
    checkpoint.pack_hash = query.string(2);
    checkpoint.body = std::move(*body);
    return std::optional<StoredCheckpoint>(std::move(checkpoint));
  }
}

Done Store::checkpoint(const StoredCheckpoint& checkpoint, const Retention& kept) {
  Commit only;
  only.checkpoint = checkpoint;
  only.kept = kept;
  return commit(only);
}

void StoredCheckpoint::pack() {
  packed = compress(body);
  digest = sha256_hex(body);
}

// A VFS of a test is one thread's.
bool Store::wants_tidying() const { return state_->vfs.empty() && state_->log_pages >= tidied_log_pages; }

void Store::tidy() {
  State& s = *state_;
  if (!s.vfs.empty() || s.has_beside_failed) return;
  if (!s.is_beside_open) {
    s.has_beside_failed = !s.beside.open(s.database.path()) || !s.beside.run("PRAGMA busy_timeout=0");
    s.is_beside_open = true;
    if (s.has_beside_failed) return;
  }
  // A connection that has read nothing yet does not know that there is a log.
  if (!s.beside.run("SELECT count(*) FROM sqlite_schema")) return;
  sqlite3_wal_checkpoint_v2(s.beside.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

Done Store::write_checkpoint(const StoredCheckpoint& checkpoint, const Retention& kept) {
  Database& db = state_->database;
  StoredCheckpoint own;
  if (checkpoint.digest.empty()) {
    own.body = checkpoint.body;
    own.pack();
  }
  const StoredCheckpoint& packed = checkpoint.digest.empty() ? own : checkpoint;
  Statement insert(db, "INSERT OR REPLACE INTO checkpoints(seq, at, pack_hash, sha256, body) VALUES(?,?,?,?,?)");
  insert.bind(1, static_cast<std::int64_t>(checkpoint.seq)).bind(2, checkpoint.at.ns).text(3, checkpoint.pack_hash);
  insert.text(4, packed.digest).blob(5, packed.packed);
  if (Done ran = insert.run(); !ran) return ran;
  if (Done ran = db.run("DELETE FROM checkpoints WHERE seq NOT IN "
                        "(SELECT seq FROM checkpoints ORDER BY seq DESC LIMIT 2)");
      !ran) {
    return ran;
  }
  // What replay from the older checkpoint needs stays: should the newer one be damaged, nothing is missing. Its keys
  // stay too, or a replayed notification would be taken for a new one.
  std::int64_t needed_after = 0, needed_since = far_past.ns;
  {
    Statement oldest(db, "SELECT seq, at, (SELECT count(*) FROM checkpoints) FROM checkpoints ORDER BY seq LIMIT 1");
    auto row = oldest.step();
    if (!row) return row.error();
    if (oldest.integer(2) == 2) {
      needed_after = oldest.integer(0);
      needed_since = oldest.integer(1);
    }
  }
  const auto before = [&](Duration age) { return std::min((checkpoint.at - age).ns, needed_since); };
  Statement ticks(db, "DELETE FROM inputs WHERE seq <= ? AND kind <> 0");
  if (Done ran = ticks.bind(1, needed_after).run(); !ran) return ran;
  Statement batches(db,
                    "DELETE FROM inputs WHERE seq IN "
                    "(SELECT seq FROM inputs WHERE kind = 0 AND at < ? AND seq <= ? LIMIT ?)");
  batches.bind(1, (checkpoint.at - kept.history).ns).bind(2, needed_after).bind(3, most_trimmed);
  if (Done ran = batches.run(); !ran) return ran;
  const struct {
    const char* sql;
    std::int64_t before;
  } trims[] = {
      {"DELETE FROM batch_ids WHERE (stream, batch_id) IN "
       "(SELECT stream, batch_id FROM batch_ids WHERE at < ? LIMIT ?)",
       before(kept.batch_ids)},
      {"DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE at < ? LIMIT ?)", before(kept.journal)},
      {"DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE state NOT IN ('queued', 'sending') "
       "AND created_at < ? LIMIT ?)",
       before(kept.outbox)},
      {"DELETE FROM offsets WHERE key IN (SELECT key FROM offsets WHERE at < ? LIMIT ?)", before(kept.offsets)},
  };
  for (const auto& trim : trims) {
    Statement statement(db, trim.sql);
    if (Done ran = statement.bind(1, trim.before).bind(2, most_trimmed).run(); !ran) return ran;
  }
  return done();
}

Result<std::vector<StoredNotification>> Store::due_notifications(Instant now, std::size_t most) const {
  // "sending" counts as due: a process that died between sending and noting it must try again.
  Statement query(state_->database,
                  "SELECT id, key, notifier, payload, state, attempts, next_at, created_at, give_up_at, last_result "
                  "FROM outbox WHERE state IN ('queued', 'sending') AND next_at <= ? ORDER BY next_at, id LIMIT ?");
  query.bind(1, now.ns).bind(2, limit_of(most));
  std::vector<StoredNotification> out;
  while (true) {
    auto row = query.step();
    if (!row) return row.error();
    if (!*row) return out;
    out.push_back(read_notification(query));
  }
}

Result<Instant> Store::next_notification_at() const {
  Statement query(state_->database,
                  "SELECT next_at FROM outbox WHERE state IN ('queued', 'sending') ORDER BY next_at LIMIT 1");
  auto row = query.step();
  if (!row) return row.error();
  return *row ? Instant{query.integer(0)} : far_future;
}

Result<std::vector<StoredNotification>> Store::unfinished_notifications() const {
  Statement query(state_->database,
                  "SELECT id, key, notifier, '', state, attempts, next_at, created_at, give_up_at, last_result "
                  "FROM outbox WHERE state IN ('queued', 'sending') ORDER BY id");
  std::vector<StoredNotification> out;
  while (true) {
    auto row = query.step();
    if (!row) return row.error();
    if (!*row) return out;
    out.push_back(read_notification(query));
  }
}

Result<std::vector<StoredNotification>> Store::notifications_of(const std::vector<std::uint64_t>& ids) const {
  Statement query(state_->database,
                  "SELECT id, key, notifier, payload, state, attempts, next_at, created_at, give_up_at, last_result "
                  "FROM outbox WHERE id = ?");
  std::vector<StoredNotification> out;
  for (const std::uint64_t id : ids) {
    query.bind(1, static_cast<std::int64_t>(id));
    auto row = query.step();
    if (!row) return row.error();
    if (*row) out.push_back(read_notification(query));
    query.reset();
  }
  return out;
}

Done Store::update_notification(const StoredNotification& n) {
  Statement update(state_->database,
                   "UPDATE outbox SET notifier = ?, payload = ?, state = ?, attempts = ?, next_at = ?, give_up_at = ?, "
                   "last_result = ? WHERE id = ?");
  update.text(1, n.notifier).text(2, n.payload).text(3, n.state).bind(4, n.attempts).bind(5, n.next_at.ns);
  update.bind(6, n.give_up_at.ns).text(7, n.last_result).bind(8, static_cast<std::int64_t>(n.id));
  if (Done ran = update.run(); !ran) return ran;
  if (sqlite3_changes(state_->database.handle()) == 0) {
    return not_found("updating notification " + std::to_string(n.id) + ": there is none with this id");
  }
  return done();
}

Result<std::vector<StoredNotification>> Store::notifications(std::size_t most) const {
  Statement query(state_->database,
                  "SELECT id, key, notifier, payload, state, attempts, next_at, created_at, give_up_at, last_result "
                  "FROM outbox ORDER BY id DESC LIMIT ?");
  query.bind(1, limit_of(most));
  std::vector<StoredNotification> out;
  while (true) {
    auto row = query.step();
    if (!row) return row.error();
    if (!*row) return out;
    out.push_back(read_notification(query));
  }
}

Result<std::vector<StoredJournalRow>> Store::journal(std::string_view monitor, std::size_t most) const {
  const char* all =
      "SELECT id, at, monitor, labels, kind, from_state, to_state, severity_from, severity_to, reason, evidence "
      "FROM journal WHERE ?1 = '' ORDER BY id DESC LIMIT ?2";
  const char* one =
      "SELECT id, at, monitor, labels, kind, from_state, to_state, severity_from, severity_to, reason, evidence "
      "FROM journal WHERE monitor = ?1 ORDER BY id DESC LIMIT ?2";
  Statement query(state_->database, monitor.empty() ? all : one);
  query.text(1, monitor).bind(2, limit_of(most));
  std::vector<StoredJournalRow> out;
  while (true) {
    auto row = query.step();
    if (!row) return row.error();
    if (!*row) return out;
    StoredJournalRow r;
    r.id = static_cast<std::uint64_t>(query.integer(0));
    r.at = {query.integer(1)};
    r.monitor = query.string(2);
    r.labels = query.string(3);
    r.kind = query.string(4);
    r.from = query.string(5);
    r.to = query.string(6);
    r.severity_from = query.string(7);
    r.severity_to = query.string(8);
    r.reason = query.string(9);
    r.evidence = query.string(10);
    out.push_back(std::move(r));
  }
}

Result<std::vector<StoredOffset>> Store::offsets(std::string_view path) const {
  Statement query(state_->database,
                  "SELECT key, offset, head FROM offsets WHERE path = ? ORDER BY at DESC, rowid DESC");
  query.text(1, path);
  std::vector<StoredOffset> out;
  while (true) {
    auto row = query.step();
    if (!row) return row.error();
    if (!*row) return out;
    out.push_back({query.string(0), static_cast<std::uint64_t>(query.integer(1)), query.string(2)});
  }
}

Result<std::string> Store::setting(std::string_view name) const {
  Statement query(state_->database, "SELECT value FROM settings WHERE name = ?");
  query.text(1, name);
  auto row = query.step();
  if (!row) return row.error();
  return *row ? query.string(0) : std::string();
}

Done Store::set_setting(std::string_view name, std::string_view value) {
  Statement insert(state_->database, "INSERT OR REPLACE INTO settings(name, value) VALUES(?,?)");
  return insert.text(1, name).text(2, value).run();
}

int Store::schema_version() const { return state_->version; }

}  // namespace tidewatch
