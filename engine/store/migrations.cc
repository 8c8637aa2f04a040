// The steps themselves. Integers are nanoseconds UTC where a column ends in `at`; bodies are zstd frames.
#include "store/migrations.h"

#include <array>
#include <string>

namespace tidewatch {
namespace {

constexpr std::array<Migration, 4> steps{{
    {1, "inputs, checkpoints, journal, outbox, batch ids, offsets, settings", R"sql(
      CREATE TABLE inputs(
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        kind INTEGER NOT NULL, at INTEGER NOT NULL,
        stream TEXT NOT NULL, source TEXT NOT NULL, batch_id TEXT NOT NULL,
        body BLOB NOT NULL);
      CREATE TABLE checkpoints(
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL,
        pack_hash TEXT NOT NULL, sha256 TEXT NOT NULL, body BLOB NOT NULL);
      CREATE TABLE journal(
        id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,
        monitor TEXT NOT NULL, labels TEXT NOT NULL, kind TEXT NOT NULL,
        from_state TEXT NOT NULL, to_state TEXT NOT NULL,
        severity_from TEXT NOT NULL, severity_to TEXT NOT NULL,
        reason TEXT NOT NULL, evidence TEXT NOT NULL);
      CREATE TABLE outbox(
        id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,
        notifier TEXT NOT NULL, payload TEXT NOT NULL, state TEXT NOT NULL,
        attempts INTEGER NOT NULL, next_at INTEGER NOT NULL, created_at INTEGER NOT NULL,
        give_up_at INTEGER NOT NULL, last_result TEXT NOT NULL);
      CREATE TABLE batch_ids(
        stream TEXT NOT NULL, batch_id TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY(stream, batch_id)) WITHOUT ROWID;
      CREATE TABLE offsets(key TEXT PRIMARY KEY, offset INTEGER NOT NULL) WITHOUT ROWID;
      CREATE TABLE settings(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    )sql"},
    // Without these, finding what is due and what a monitor did reads the whole table, which grows for months.
    {2, "indexes for due notifications, a monitor's journal and the ages things are trimmed by", R"sql(
      CREATE INDEX outbox_due ON outbox(next_at) WHERE state IN ('queued', 'sending');
      CREATE INDEX journal_monitor ON journal(monitor, id);
      CREATE INDEX inputs_kind_at ON inputs(kind, at);
      CREATE INDEX batch_ids_at ON batch_ids(at);
    )sql"},
    // `offsets` loses WITHOUT ROWID: which of two files read in one commit came last is the order of their rows. What
    // was read before counts from now, or the first checkpoint would take it for forgotten.
    {3, "file tails by path, in the order they were read; trimming of journal and outbox", R"sql(
      CREATE TABLE offsets_by_path(
        key TEXT PRIMARY KEY, offset INTEGER NOT NULL, path TEXT NOT NULL, head TEXT NOT NULL, at INTEGER NOT NULL);
      INSERT INTO offsets_by_path(key, offset, path, head, at)
        SELECT key, offset, substr(key, 1, instr(key, '#') - 1), '', coalesce((SELECT max(at) FROM inputs), 0)
        FROM offsets ORDER BY key;
      DROP TABLE offsets;
      ALTER TABLE offsets_by_path RENAME TO offsets;
      CREATE INDEX offsets_path ON offsets(path);
      CREATE INDEX journal_at ON journal(at);
      CREATE INDEX outbox_over ON outbox(created_at) WHERE state NOT IN ('queued', 'sending');
    )sql"},
    {4, "versions of baselines", R"sql(
      CREATE TABLE baselines(
        id INTEGER PRIMARY KEY AUTOINCREMENT, pack TEXT NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL,
        hash TEXT NOT NULL, rows INTEGER NOT NULL, from_at INTEGER NOT NULL, to_at INTEGER NOT NULL,
        at INTEGER NOT NULL, how TEXT NOT NULL, body BLOB NOT NULL);
      CREATE INDEX baselines_name ON baselines(pack, name, id);
    )sql"},
}};

}  // namespace

std::span<const Migration> migrations() { return steps; }
int newest_schema_version() { return steps.back().version; }

Result<int> read_schema_version(const Database& database) {
  Statement query(database, "PRAGMA user_version");
  auto row = query.step();
  if (!row) return row.error();
  return static_cast<int>(query.integer(0));
}

Done migrate(Database& database, int target) {
  auto version = read_schema_version(database);
  if (!version) return version.error();
  if (*version > newest_schema_version()) {
    return Error{ErrorCode::conflict, database.path() + " has schema version " + std::to_string(*version) +
                                          ", this program knows versions up to " +
                                          std::to_string(newest_schema_version()) + "; start a newer tidewatch"};
  }
  for (const Migration& step : steps) {
    if (step.version <= *version || step.version > target) continue;
    const std::string place = "migrating " + database.path() + " to version " + std::to_string(step.version);
    Transaction transaction(database);
    if (Done begun = transaction.begin(); !begun) return begun.error().within(place);
    if (Done made = database.run(step.sql); !made) return made.error().within(place);
    const std::string number = "PRAGMA user_version = " + std::to_string(step.version);
    if (Done set = database.run(number.c_str()); !set) return set.error().within(place);
    if (Done committed = transaction.commit(); !committed) return committed.error().within(place);
  }
  return done();
}

}  // namespace tidewatch
