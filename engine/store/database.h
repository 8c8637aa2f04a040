// A thin face over sqlite3: a connection and a prepared statement that bind, step and read typed values, and the
// one place where SQLite's codes become sentences. Decided against a wrapper library: five calls are all we need.
// Used by engine/store only.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tidewatch {

// Owns one connection; not copied, one thread.
class Database {
 public:
  Database() = default;
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // `vfs` names a registered SQLite VFS; "" is the system's. Creates the file when it is not there.
  Done open(const std::string& path, const std::string& vfs = "");
  Done run(const char* sql);  // any number of statements, results dropped
  // The last failure as a sentence: "writing /x/tidewatch.db: the disk is full; ...".
  Error failure(const std::string& doing) const;
  sqlite3* handle() const { return handle_; }
  const std::string& path() const { return path_; }

 private:
  friend class Statement;
  // Prepared statements not in use, by the address of their text: a commit prepares nothing twice.
  mutable std::vector<std::pair<const char*, sqlite3_stmt*>> idle_;
  sqlite3* handle_ = nullptr;
  std::string path_;
};

// One prepared statement, borrowed database. Bind positions count from 1, columns from 0.
class Statement {
 public:
  // `sql` is a literal: the statement is kept by its address and used again by the next one with the same text.
  Statement(const Database& database, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int position, std::int64_t value);
  Statement& text(int position, std::string_view value);  // borrowed until reset
  Statement& blob(int position, std::string_view value);  // borrowed until reset
  // true: a row stands ready; false: no more rows.
  Result<bool> step();
  // For statements without rows: steps once and makes ready for the next binds.
  Done run();
  void reset();

  std::int64_t integer(int column) const;
  std::string string(int column) const;  // text or blob

 private:
  const Database& database_;
  const char* sql_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

// BEGIN IMMEDIATE .. COMMIT; rolls back when destroyed before commit() succeeded.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  Done begin();
  Done commit();

 private:
  Database& database_;
  bool open_ = false;
};

}  // namespace tidewatch
