// See file_tail.h. Two ways of rotating are followed: rename (the old inode lives on under another name in the folder)
// and copytruncate (the inode stays and begins anew; the copy begins as the file did). What a rotation left unread is
// looked for in the folder before the file itself is read on.
#include "io/file_tail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/log.h"
#include "base/text.h"

namespace tidewatch {

namespace {

constexpr std::size_t head_bytes = 1024;

std::string key_of(const std::string& path, const struct stat& info) {
  return path + "#" + std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

std::string read_from(int file, std::uint64_t from, std::size_t most) {
  std::string out(most, '\0');
  std::size_t got = 0;
  while (got < most) {
    const ssize_t n = pread(file, out.data() + got, most - got, static_cast<off_t>(from + got));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  out.resize(got);
  return out;
}

// Whether the open file begins as `head` says; an empty head says nothing.
bool begins_as(int file, const std::string& head) {
  const auto colon = head.find(':');
  if (colon == std::string::npos) return true;
  const auto length = static_cast<std::size_t>(std::strtoull(head.c_str(), nullptr, 10));
  const std::string bytes = read_from(file, 0, std::min(length, head_bytes));
  return bytes.size() == length && sha256_hex(bytes) == head.substr(colon + 1);
}

bool begins_as(const std::string& path, const std::string& head) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return false;
  const bool same = begins_as(file, head);
  ::close(file);
  return same;
}

bool is_packed(const std::string& name) {
  const auto dot = name.rfind('.');
  static const std::array<std::string, 5> endings{".gz", ".xz", ".zst", ".bz2", ".lz4"};
  return dot != std::string::npos && std::find(endings.begin(), endings.end(), name.substr(dot)) != endings.end();
}

}  // namespace

FileTail::FileTail(std::string path, bool has_header, Stored stored, std::size_t most)
    : path_(std::move(path)), has_header_(has_header), stored_(std::move(stored)), most_(most) {}

FileTail::~FileTail() { close(); }

void FileTail::close() {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
}

bool FileTail::open(const std::string& path, std::uint64_t offset) {
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file_ < 0) return false;
  struct stat info {};
  if (fstat(file_, &info) != 0 || !S_ISREG(info.st_mode)) {
    close();
    errno = EINVAL;
    return false;
  }
  device_ = info.st_dev;
  inode_ = info.st_ino;
  key_ = key_of(path_, info);
  offset_ = offset;
  header_.clear();
  head_.clear();
  note_head(static_cast<std::uint64_t>(info.st_size));
  return true;
}

std::vector<FileTail::Sibling> FileTail::siblings() const {
  std::vector<Sibling> out;
  std::error_code ignored;
  const auto folder = std::filesystem::path(path_).parent_path();
  for (const auto& item : std::filesystem::directory_iterator(folder.empty() ? "." : folder, ignored)) {
    struct stat info {};
    if (stat(item.path().c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    out.push_back({item.path().string(), item.path().filename().string(), key_of(path_, info),
                   static_cast<std::uint64_t>(info.st_size),
                   std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec});
  }
  std::sort(out.begin(), out.end(), [](const Sibling& a, const Sibling& b) {
    return std::tie(a.changed, a.name) < std::tie(b.changed, b.name);
  });
  return out;
}

void FileTail::follow_rename(const StoredOffset& last) {
  const auto all = siblings();
  const auto old = std::find_if(all.begin(), all.end(), [&](const Sibling& s) {
    return s.key == last.key && s.size >= last.offset && begins_as(s.path, last.head);
  });
  if (old == all.end()) {
    if (missed_ == last.key) return;
    missed_ = last.key;
    log::warning("file_tail_rest_lost", {{"path", path_},
                                         {"problem",
                                          "the file read last was rotated out of its folder or packed; what "
                                          "was appended after the last look is not read"}});
    return;
  }
  if (old->size > last.offset) rests_.push_back({old->path, last.offset});
  // Rotated more than once since: what lies between the file read last and the present one was never seen.
  const std::string name = std::filesystem::path(path_).filename().string();
  for (auto later = old + 1; later != all.end(); ++later) {
    if (later->name == name || later->name.rfind(name, 0) != 0 || is_packed(later->name)) continue;
    if (known_.count(later->key) == 0 && later->size > 0) rests_.push_back({later->path, 0});
  }
}

void FileTail::follow_copy(const StoredOffset& last) {
  if (last.head.empty()) return;
  for (const Sibling& s : siblings()) {
    if (s.key == last.key || s.size < last.offset || !begins_as(s.path, last.head)) continue;
    if (s.size > last.offset) rests_.push_back({s.path, last.offset});
    return;
  }
}

Done FileTail::plan() {
  if (!is_loaded_ && stored_) {
    const auto stored = stored_(path_);
    if (!stored) return stored.error();
    if (!stored->empty()) last_ = stored->front();
    for (const auto& s : *stored) known_.emplace(s.key, s);
  }
  is_loaded_ = is_planned_ = true;
  std::uint64_t offset = 0;
  struct stat info {};
  const bool exists = stat(path_.c_str(), &info) == 0;
  const std::string key = exists ? key_of(path_, info) : std::string();
  if (last_ && last_->key == key) {
    if (static_cast<std::uint64_t>(info.st_size) >= last_->offset && begins_as(path_, last_->head))
      offset = last_->offset;
    else
      follow_copy(*last_);
  } else {
    if (last_) follow_rename(*last_);
    if (const auto seen = known_.find(key); seen != known_.end())
      if (seen->second.offset <= static_cast<std::uint64_t>(info.st_size) && begins_as(path_, seen->second.head))
        offset = seen->second.offset;
  }
  if (exists) rests_.push_back({path_, offset});
  return done();
}

Result<bool> FileTail::open_next() {
  if (!is_planned_)
    if (Done planned = plan(); !planned) return planned.error();
  while (!rests_.empty()) {
    const Rest next = rests_.front();
    rests_.pop_front();
    is_rest_ = next.path != path_;
    if (rests_.empty()) is_planned_ = false;
    if (open(next.path, next.offset)) return true;
    if (!is_rest_) return false;
  }
  is_planned_ = false;
  errno = ENOENT;
  return false;
}

bool FileTail::is_rotated() const {
  if (is_rest_) return true;
  struct stat info {};
  if (stat(path_.c_str(), &info) != 0) return false;  // between two renames: wait for the new file
  return info.st_dev != device_ || info.st_ino != inode_;
}

bool FileTail::is_emptied(std::uint64_t size) const { return size < offset_ || !begins_as(file_, head_); }

std::string FileTail::read_at(std::uint64_t from, std::size_t most) const { return read_from(file_, from, most); }

void FileTail::note_head(std::uint64_t size) {
  const auto known = static_cast<std::uint64_t>(std::strtoull(head_.c_str(), nullptr, 10));
  const std::uint64_t length = std::min<std::uint64_t>(size, head_bytes);
  if (length <= known) return;
  const std::string bytes = read_at(0, static_cast<std::size_t>(length));
  head_ = std::to_string(bytes.size()) + ":" + sha256_hex(bytes);
}

void FileTail::read_header() {
  const std::string first = read_at(0, std::size_t{64} << 10);
  const auto end = first.find('\n');
  if (end == std::string::npos) return;
  header_ = first.substr(0, end + 1);
  if (offset_ < header_.size()) offset_ = header_.size();
}

Result<std::optional<FileTail::Chunk>> FileTail::poll() {
  // As often as there are files to go through; each turn either answers or leaves one behind.
  for (int turn = 0; turn < 1000; ++turn) {
    if (file_ < 0) {
      const auto opened = open_next();
      if (!opened) return opened.error();
      if (!*opened && errno == ENOENT) return std::optional<Chunk>{};
      if (!*opened) return io_error("cannot read " + path_ + ": " + std::strerror(errno));
    }
    struct stat info {};
    if (fstat(file_, &info) != 0) return io_error("cannot read " + path_ + ": " + std::strerror(errno));
    const auto size = static_cast<std::uint64_t>(info.st_size);
    if (!is_rest_ && is_emptied(size)) {
      last_ = StoredOffset{key_, offset_, head_};
      close();
      continue;  // plans anew: the copy's rest, then this file from its beginning
    }
    note_head(size);
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
      known_[key_] = StoredOffset{key_, offset_, head_};
      return std::optional<Chunk>(Chunk{has_header_ ? header_ + bytes : bytes, known_[key_]});
    }
    if (!rotated) break;
    last_ = StoredOffset{key_, offset_, head_};
    close();
  }
  return std::optional<Chunk>{};
}

}  // namespace tidewatch
