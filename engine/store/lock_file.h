// One process a state folder: an exclusive flock on `tidewatch.lock`, which holds the owner's pid for the message to
// the second one. The lock goes with the process however it ends, so a stale file never needs removing by hand.
#pragma once

#include <string>

#include "base/result.h"

namespace tidewatch {

class LockFile {
 public:
  LockFile() = default;
  ~LockFile();
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;

  // conflict when another process (or another store of this one) holds it: names the pid.
  Done take(const std::string& path);

 private:
  int file_ = -1;
};

}  // namespace tidewatch
