// Label sets: names and values, sorted by name, compared as text. A hash is an index, never the identity.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace tidewatch {

class LabelSet {
 public:
  LabelSet() = default;
  explicit LabelSet(std::vector<std::pair<std::string, std::string>> pairs);  // sorts; a repeated name keeps the last

  const std::vector<std::pair<std::string, std::string>>& pairs() const { return pairs_; }
  bool empty() const { return pairs_.empty(); }
  std::string_view get(std::string_view name) const;  // "" when absent
  void set(std::string name, std::string value);      // an empty value removes
  std::string text() const;                           // {a="b",c="d"} with \\ \" \n escaped; "{}" when empty
  // Alertmanager's fingerprint: FNV-1a 64 over name, 0xFF, value, 0xFF.
  std::uint64_t fingerprint() const;

  void write(ByteWriter& out) const;
  static LabelSet read(ByteReader& in);

  friend auto operator<=>(const LabelSet&, const LabelSet&) = default;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

struct LabelSetHash {
  std::size_t operator()(const LabelSet& l) const { return l.fingerprint(); }
};

}  // namespace tidewatch
