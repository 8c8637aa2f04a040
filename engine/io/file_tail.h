// Follows a growing file over rotation, truncation and restarts. A file is known by device, inode and how it begins,
// not by its name: the offset belongs to the file, so a renamed log is read to its end before the new one begins, also
// when it was renamed while nobody ran. Watching with inotify was decided against: it misses just that, and a look a
// second costs nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace tidewatch {

class FileTail {
 public:
  struct Chunk {
    std::string body;     // whole lines; with `has_header` the header line first
    StoredOffset offset;  // to store in the commit that holds the body
  };
  // `stored` answers what was kept for files under this path, the last read first: asked when the tail begins; with an
  // error nothing is read, and it is asked again.
  using Stored = std::function<Result<std::vector<StoredOffset>>(const std::string& path)>;

  FileTail(std::string path, bool has_header, Stored stored, std::size_t most = std::size_t{4} << 20);
  ~FileTail();
  FileTail(const FileTail&) = delete;
  FileTail& operator=(const FileTail&) = delete;

  // The next whole lines, at most about `most` bytes; empty when there is nothing new. A partial last line waits,
  // except at the end of a file that was rotated away, where it is all there will ever be. A missing file is nothing
  // new.
  Result<std::optional<Chunk>> poll();

  const std::string& path() const { return path_; }

 private:
  // A file that has the path no longer, and what is left of it.
  struct Rest {
    std::string path;
    std::uint64_t offset = 0;
  };
  struct Sibling {
    std::string path, name, key;
    std::uint64_t size = 0;
    std::int64_t changed = 0;  // ns
  };

  bool open(const std::string& path, std::uint64_t offset);
  Result<bool> open_next();
  void close();
  Done plan();
  std::vector<Sibling> siblings() const;  // plain files of the folder, the oldest change first
  void follow_rename(const StoredOffset& last);
  void follow_copy(const StoredOffset& last);
  bool is_rotated() const;
  bool is_emptied(std::uint64_t size) const;
  std::string read_at(std::uint64_t from, std::size_t most) const;
  void read_header();
  void note_head(std::uint64_t size);

  std::string path_;
  bool has_header_;
  Stored stored_;
  std::size_t most_;
  int file_ = -1;
  bool is_rest_ = false, is_planned_ = false, is_loaded_ = false;
  std::uint64_t device_ = 0, inode_ = 0;
  std::string key_, head_, header_;
  std::uint64_t offset_ = 0;
  std::deque<Rest> rests_;
  std::optional<StoredOffset> last_;           // the file read last, known here or from the store
  std::map<std::string, StoredOffset> known_;  // by key: from the store, and what was read since, on disk or not yet
  std::string missed_;                         // the key whose rest was last said to be lost
};

}  // namespace tidewatch
