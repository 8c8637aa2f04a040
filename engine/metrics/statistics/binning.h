// How a reference is cut into bins, once, when it is sealed: the same bins then hold every window, so one outlier can
// never move them. Bins that span both samples were left out: a single row of 1000 hides a drift there.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace tidewatch {

// What `bins` asks for: a count (default 10), inner edges "0.1,0.2", or "equal_width 10".
struct BinRule {
  std::size_t count = 10;
  std::vector<double> edges;
  bool is_equal_width = false;
  bool has_point_masses = true;
};
Result<BinRule> parse_bin_rule(std::string_view bins, bool point_masses);

// Numbers: point masses, then the rest between open-ended edges (-inf, e1) [e1, e2) ... [ek, +inf).
class NumberBins {
 public:
  // values: finite, at least one. At most 10 (`count`) different values give a bin each and one for all others; else
  // values holding 1/count of the rows or more are masses of their own and the rest is cut at linear quantiles.
  static NumberBins cut(std::vector<double> values, BinRule rule);
  // 0 .. size()-1; never fails. Masses come first.
  std::size_t of(double value) const;
  std::size_t size() const { return masses_.size() + edges_.size() + 1; }
  const std::vector<double>& masses() const { return masses_; }
  const std::vector<double>& edges() const { return edges_; }
  void write(ByteWriter& out) const;
  bool read(ByteReader& in);

 private:
  std::vector<double> masses_, edges_;  // each ascending, distinct
};

// Texts: the 49 most frequent (ties by bytes), `other` for the rarer ones of the reference, `new` for unseen ones.
class TextBins {
 public:
  static TextBins cut(const std::map<std::string, std::uint64_t>& counts);
  std::size_t of(std::string_view text) const;
  std::size_t size() const { return kept_ + 2; }
  std::size_t other() const { return kept_; }
  void write(ByteWriter& out) const;
  bool read(ByteReader& in);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> bin_;
  std::size_t kept_ = 0;
};

}  // namespace tidewatch
