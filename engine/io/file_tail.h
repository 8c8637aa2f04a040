// Follows a growing file over rotation, truncation and restarts. A file is known by device and inode, not by its name:
// the offset belongs to the file, so a renamed log is read to its end before the new one begins. Watching with inotify
// was decided against: it misses what happens while nobody runs, and a look a second costs nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"

namespace tidewatch {

class FileTail {
 public:
  struct Chunk {
    std::string body;          // whole lines; with `has_header` the header line first
    std::string offset_key;    // "path#device:inode"
    std::uint64_t offset = 0;  // to store in the commit that holds the body
  };
  // `stored` answers the offset kept under a key, empty when none: asked when a file is opened.
  using Stored = std::function<std::optional<std::uint64_t>(const std::string& key)>;

  FileTail(std::string path, bool has_header, Stored stored, std::size_t most = std::size_t{4} << 20);
  ~FileTail();
  FileTail(const FileTail&) = delete;
  FileTail& operator=(const FileTail&) = delete;

  // The next whole lines, at most about `most` bytes; empty when there is nothing new. A partial last line waits,
  // except at the end of a file that was rotated away, where it is all there will ever be. A missing file is nothing
  // new.
  Result<std::optional<Chunk>> poll();

 private:
  bool open_newest();
  void close();
  bool is_rotated() const;
  std::string read_at(std::uint64_t from, std::size_t most) const;
  void read_header();

  std::string path_;
  bool has_header_;
  Stored stored_;
  std::size_t most_;
  int file_ = -1;
  std::uint64_t device_ = 0, inode_ = 0;
  std::string key_, header_;
  std::uint64_t offset_ = 0;
};

}  // namespace tidewatch
