// What Store holds, for the files that are its parts. Nothing outside engine/store includes this.
#pragma once

#include <string>

#include "store/database.h"
#include "store/lock_file.h"
#include "store/store.h"

namespace tidewatch {

struct Store::State {
  LockFile lock;  // released last
  std::string vfs;
  Database database;
  Database beside;    // tidy()'s; closed first
  int log_pages = 0;  // of the write-ahead log, after the newest commit
  bool is_beside_open = false, has_beside_failed = false;
  int version = 0;

  static int on_commit(void* user, sqlite3* handle, const char* name, int pages);
};

}  // namespace tidewatch
