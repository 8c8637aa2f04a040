// See database.h. Error codes are mapped by their primary code; the extended code and SQLite's own words stand in
// brackets for whoever searches for them.
#include "store/database.h"

#include <cstring>

namespace tidewatch {

namespace {
constexpr std::size_t most_idle = 32;
}

Database::~Database() {
  for (const auto& [sql, statement] : idle_) sqlite3_finalize(statement);
  sqlite3_close_v2(handle_);
}

Done Database::open(const std::string& path, const std::string& vfs) {
  // How much SQLite holds is asked by nobody, and counted under a lock at every allocation. Before its first use only;
  // it answers that it is too late otherwise, and nothing is lost.
  static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)configured;
  path_ = path;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (sqlite3_open_v2(path.c_str(), &handle_, flags, vfs.empty() ? nullptr : vfs.c_str()) != SQLITE_OK) {
    return failure("opening");
  }
  // SQLite falls back to reading when it may not write, and would say so only at the first commit.
  if (sqlite3_db_readonly(handle_, "main") == 1) {
    return io_error("opening " + path +
                    ": the file is read-only; give the user that runs tidewatch write access to it and its folder");
  }
  return done();
}

Done Database::run(const char* sql) {
  if (sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failure("writing");
  return done();
}

Error Database::failure(const std::string& doing) const {
  const int extended = handle_ ? sqlite3_extended_errcode(handle_) : SQLITE_NOMEM;
  const std::string place = doing + " " + path_ + ": ";
  const std::string detail =
      " (SQLite " + std::to_string(extended) + ": " + (handle_ ? sqlite3_errmsg(handle_) : "out of memory") + ")";
  switch (extended & 0xff) {
    case SQLITE_FULL:
      return {ErrorCode::full, place + "the disk is full; free some space, nothing acknowledged was lost" + detail};
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return io_error(place + "the file or its folder is read-only; give the user that runs tidewatch write access" +
                      detail);
    case SQLITE_CANTOPEN:
      return io_error(place + "cannot be opened; check that the folder exists and is writable" + detail);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return io_error(place +
                      "the database is damaged; move it away (with its -wal and -shm files) and start anew or from a "
                      "backup" +
                      detail);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorCode::conflict, place + "another program holds a lock on it; close that program" + detail};
    case SQLITE_IOERR:
      return io_error(place + "the disk reported an error; check the disk and the system log" + detail);
    default:
      return {ErrorCode::internal, place + "failed" + detail};
  }
}

Statement::Statement(const Database& database, const char* sql) : database_(database), sql_(sql) {
  auto& idle = database.idle_;
  for (std::size_t i = 0; i < idle.size(); ++i) {
    if (idle[i].first != sql || std::strcmp(sqlite3_sql(idle[i].second), sql) != 0) continue;
    statement_ = idle[i].second;
    idle.erase(idle.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
  sqlite3_prepare_v2(database.handle(), sql, -1, &statement_, nullptr);  // a failure shows at step()
}

Statement::~Statement() {
  if (!statement_) return;
  reset();
  database_.idle_.emplace_back(sql_, statement_);
  if (database_.idle_.size() <= most_idle) return;
  sqlite3_finalize(database_.idle_.front().second);
  database_.idle_.erase(database_.idle_.begin());
}

Statement& Statement::bind(int position, std::int64_t value) {
  sqlite3_bind_int64(statement_, position, value);
  return *this;
}

Statement& Statement::text(int position, std::string_view value) {
  sqlite3_bind_text64(statement_, position, value.data() ? value.data() : "", value.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::blob(int position, std::string_view value) {
  sqlite3_bind_blob64(statement_, position, value.data() ? value.data() : "", value.size(), SQLITE_STATIC);
  return *this;
}

Result<bool> Statement::step() {
  if (!statement_) return database_.failure("preparing a statement for");
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_.failure(sqlite3_stmt_readonly(statement_) ? "reading" : "writing");
}

Done Statement::run() {
  auto stepped = step();
  if (!stepped) {
    Error error = stepped.error();
    reset();
    return error;
  }
  reset();
  return done();
}

void Statement::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string Statement::string(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return data ? std::string(static_cast<const char*>(data), static_cast<std::size_t>(size)) : std::string();
}

Transaction::~Transaction() {
  if (open_) (void)database_.run("ROLLBACK").ok();
}

Done Transaction::begin() {
  Done begun = database_.run("BEGIN IMMEDIATE");
  open_ = begun.ok();
  return begun;
}

Done Transaction::commit() {
  Done committed = database_.run("COMMIT");
  // A COMMIT that failed leaves the transaction open, unless SQLite already rolled it back itself.
  if (committed || sqlite3_get_autocommit(database_.handle())) open_ = false;
  return committed;
}

}  // namespace tidewatch
