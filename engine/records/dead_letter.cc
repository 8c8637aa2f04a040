// The ring is a vector that overwrites its oldest entry. It is written oldest first, so that a ring of another size can
// read it by simply adding the letters again.
#include "records/dead_letter.h"

#include <algorithm>

namespace tidewatch {

namespace {

// At most `bytes` of s, never through the middle of a UTF-8 character.
std::string cut(std::string_view s, std::size_t bytes) {
  if (s.size() <= bytes) return std::string(s);
  std::size_t end = bytes;
  while (end > 0 && bytes - end < 4 && (static_cast<unsigned char>(s[end]) & 0xC0) == 0x80) --end;
  return std::string(s.substr(0, end));
}

constexpr std::size_t detail_bytes = 256;

}  // namespace

DeadLetterRing::DeadLetterRing(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 1)) {}

void DeadLetterRing::keep(DeadLetter letter) {
  letter.detail = cut(letter.detail, detail_bytes);
  letter.record = cut(letter.record, letter_bytes - letter.detail.size());
  if (letters_.size() < capacity_) {
    letters_.push_back(std::move(letter));
    return;
  }
  letters_[next_] = std::move(letter);
  next_ = (next_ + 1) % capacity_;
}

void DeadLetterRing::add(Instant at, std::string_view stream, std::string_view source, const Rejected& rejected) {
  ++counts_[rejected.reason];
  keep(
      {at, std::string(stream), std::string(source), rejected.reason, rejected.detail, rejected.record, rejected.line});
}

void DeadLetterRing::add(Instant at, std::string_view stream, std::string_view source, const Batch& batch) {
  for (const auto& [reason, count] : batch.rejected_counts) counts_[reason] += count;
  for (const Rejected& one : batch.rejected) {
    keep({at, std::string(stream), std::string(source), one.reason, one.detail, one.record, one.line});
  }
}

std::vector<const DeadLetter*> DeadLetterRing::newest(std::size_t limit, std::string_view stream) const {
  std::vector<const DeadLetter*> out;
  const std::size_t n = letters_.size();
  for (std::size_t back = 1; back <= n && out.size() < limit; ++back) {
    const DeadLetter& letter = letters_[(next_ + n - back) % n];
    if (stream.empty() || letter.stream == stream) out.push_back(&letter);
  }
  return out;
}

std::uint64_t DeadLetterRing::total() const {
  std::uint64_t sum = 0;
  for (const auto& [reason, count] : counts_) sum += count;
  return sum;
}

void DeadLetterRing::write(ByteWriter& out) const {
  out.put(static_cast<std::uint64_t>(counts_.size()));
  for (const auto& [reason, count] : counts_) {
    out.text(reason);
    out.put(count);
  }
  const std::size_t n = letters_.size();
  out.put(static_cast<std::uint64_t>(n));
  for (std::size_t i = 0; i < n; ++i) {
    const DeadLetter& letter = letters_[(next_ + i) % n];
    out.put(letter.at.ns);
    for (const std::string* text : {&letter.stream, &letter.source, &letter.reason, &letter.detail, &letter.record}) {
      out.text(*text);
    }
    out.put(letter.line);
  }
}

bool DeadLetterRing::read(ByteReader& in) {
  letters_.clear();
  counts_.clear();
  next_ = 0;
  for (std::size_t i = 0, n = in.count(12); i < n && in.good(); ++i) {
    std::string reason = in.text();
    counts_[std::move(reason)] = in.get<std::uint64_t>();
  }
  for (std::size_t i = 0, n = in.count(36); i < n && in.good(); ++i) {
    DeadLetter letter;
    letter.at.ns = in.nanoseconds();
    for (std::string* text : {&letter.stream, &letter.source, &letter.reason, &letter.detail, &letter.record}) {
      *text = in.text();
    }
    letter.line = in.get<std::uint64_t>();
    keep(std::move(letter));
  }
  if (in.good()) return true;
  letters_.clear();
  counts_.clear();
  next_ = 0;
  return false;
}

}  // namespace tidewatch
