// The schema as a numbered list of steps. A database carries its number in PRAGMA user_version; opening runs the
// steps it lacks, each in its own transaction together with the new number, so a crash between two is harmless.
// Steps are never edited once released: a change is a new step. There is no way down; a newer file is refused.
#pragma once

#include <span>

#include "store/database.h"

namespace tidewatch {

struct Migration {
  int version;       // 1, 2, 3 ... without gaps
  const char* what;  // for the log and for people
  const char* sql;
};

std::span<const Migration> migrations();
int newest_schema_version();

Result<int> read_schema_version(const Database& database);
// Brings the database up to `target` (tests make old ones); errors when it is newer than newest_schema_version().
Done migrate(Database& database, int target);

}  // namespace tidewatch
