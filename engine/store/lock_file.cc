// See lock_file.h. flock, not fcntl: fcntl locks are dropped when any descriptor of the file is closed.
#include "store/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tidewatch {

LockFile::~LockFile() {
  if (file_ >= 0) close(file_);
}

Done LockFile::take(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) {
    const int why = errno;
    const std::string cure = why == EACCES || why == EROFS
                                 ? "the folder is read-only; give the user that runs tidewatch write access"
                             : why == ENOSPC ? "the disk is full; free some space"
                                             : "check that the folder exists";
    return Error{why == ENOSPC ? ErrorCode::full : ErrorCode::io,
                 "creating " + path + ": " + std::strerror(why) + "; " + cure};
  }
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    char pid[32] = {};
    const ssize_t n = pread(file, pid, sizeof pid - 1, 0);
    close(file);
    std::string holder(pid, n > 0 ? static_cast<std::size_t>(n) : 0);
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    return Error{ErrorCode::conflict, "the state folder is in use: process " + (holder.empty() ? "?" : holder) +
                                          " holds " + path + "; stop it, or give this one another folder"};
  }
  const std::string pid = std::to_string(getpid()) + "\n";
  // The number only serves the message; the lock itself is held either way.
  if (ftruncate(file, 0) != 0 || pwrite(file, pid.data(), pid.size(), 0) < 0) errno = 0;
  file_ = file;
  return done();
}

}  // namespace tidewatch
