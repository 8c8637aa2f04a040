// See file_tail.h. A truncated file (copytruncate) starts again at 0; one that grew past the old offset between two
// looks cannot be told from an appended one and is read on from there.
#include "io/file_tail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tidewatch {

FileTail::FileTail(std::string path, bool has_header, Stored stored, std::size_t most)
    : path_(std::move(path)), has_header_(has_header), stored_(std::move(stored)), most_(most) {}

FileTail::~FileTail() { close(); }

void FileTail::close() {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
}

bool FileTail::open_newest() {
  file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file_ < 0) return false;
  struct stat info {};
  if (fstat(file_, &info) != 0 || !S_ISREG(info.st_mode)) {
    close();
    errno = EINVAL;
    return false;
  }
  device_ = info.st_dev;
  inode_ = info.st_ino;
  key_ = path_ + "#" + std::to_string(device_) + ":" + std::to_string(inode_);
  offset_ = stored_ ? stored_(key_).value_or(0) : 0;
  header_.clear();
  return true;
}

bool FileTail::is_rotated() const {
  struct stat info {};
  if (stat(path_.c_str(), &info) != 0) return false;  // between two renames: wait for the new file
  return info.st_dev != device_ || info.st_ino != inode_;
}

std::string FileTail::read_at(std::uint64_t from, std::size_t most) const {
  std::string out(most, '\0');
  std::size_t got = 0;
  while (got < most) {
    const ssize_t n = pread(file_, out.data() + got, most - got, static_cast<off_t>(from + got));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  out.resize(got);
  return out;
}

void FileTail::read_header() {
  const std::string first = read_at(0, std::size_t{64} << 10);
  const auto end = first.find('\n');
  if (end == std::string::npos) return;
  header_ = first.substr(0, end + 1);
  if (offset_ < header_.size()) offset_ = header_.size();
}

Result<std::optional<FileTail::Chunk>> FileTail::poll() {
  // Twice at most: once for the file held, once for its successor.
  for (int turn = 0; turn < 2; ++turn) {
    if (file_ < 0 && !open_newest()) {
      if (errno == ENOENT) return std::optional<Chunk>{};
      return io_error("cannot read " + path_ + ": " + std::strerror(errno));
    }
    struct stat info {};
    if (fstat(file_, &info) != 0) return io_error("cannot read " + path_ + ": " + std::strerror(errno));
    if (static_cast<std::uint64_t>(info.st_size) < offset_) {
      offset_ = 0;
      header_.clear();
    }
    // Looked at before reading: what is written after the rename and before this look is still read below.
    const bool rotated = is_rotated();
    if (has_header_ && header_.empty()) read_header();
    std::string bytes = has_header_ && header_.empty() ? std::string() : read_at(offset_, most_);
    auto end = bytes.rfind('\n');
    if (end == std::string::npos && bytes.size() >= most_)
      end = bytes.size() - 1;  // a monster line: the decoder says so
    if (end == std::string::npos && rotated && !bytes.empty()) end = bytes.size() - 1;
    if (end != std::string::npos) {
      bytes.resize(end + 1);
      offset_ += bytes.size();
      return std::optional<Chunk>(Chunk{has_header_ ? header_ + bytes : bytes, key_, offset_});
    }
    if (!rotated) break;
    close();
  }
  return std::optional<Chunk>{};
}

}  // namespace tidewatch
