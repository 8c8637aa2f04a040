// Records that did not make it into a stream, kept for reading. The ring forgets the oldest; the counters never forget,
// because "how many since Monday" must not depend on how large the ring is. Oldest letters go first rather than being
// spread over streams: what broke last is what someone is looking for.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "records/batch.h"

namespace tidewatch {

struct DeadLetter {
  Instant at;  // when it was received
  std::string stream, source;
  std::string reason, detail;  // as in Rejected
  std::string record;          // as it came, cut to what fits
  std::uint64_t line = 0;      // 1-based within the body

  friend bool operator==(const DeadLetter&, const DeadLetter&) = default;
};

class DeadLetterRing {
 public:
  static constexpr std::size_t default_capacity = 1000;
  static constexpr std::size_t letter_bytes = 1024;  // record and detail together

  explicit DeadLetterRing(std::size_t capacity = default_capacity);

  // Keeps one letter and counts it.
  void add(Instant at, std::string_view stream, std::string_view source, const Rejected& rejected);
  // Keeps the batch's rejected rows and counts all of them, those beyond the first 100 included.
  void add(Instant at, std::string_view stream, std::string_view source, const Batch& batch);

  // Newest first, at most `limit`; of one stream unless `stream` is empty. Borrowed until the next add or read.
  std::vector<const DeadLetter*> newest(std::size_t limit, std::string_view stream = {}) const;

  std::size_t size() const { return letters_.size(); }
  std::size_t capacity() const { return capacity_; }
  std::uint64_t total() const;
  const std::map<std::string, std::uint64_t>& counts() const { return counts_; }  // by reason, since ever

  void write(ByteWriter& out) const;
  // Replaces everything; a ring written with a larger capacity keeps its newest letters. False leaves the ring empty.
  bool read(ByteReader& in);

 private:
  void keep(DeadLetter letter);

  std::size_t capacity_;
  std::size_t next_ = 0;  // where the next letter goes once the ring is full
  std::vector<DeadLetter> letters_;
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace tidewatch
