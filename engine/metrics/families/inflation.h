// How much further rows of this kind stray than independent rows would. A series that moves slowly looks drifted in
// every short window; the baseline, cut into disjoint windows of the monitor's own size, says by how much: the middle
// statistic over the chi-square's middle. The middle, not the mean, so that one odd week in the baseline does not blind
// a monitor.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace tidewatch {

// What was measured, by the windows' size.
class KnownInflation {
 public:
  static constexpr std::size_t least_windows = 20;
  // The middle of ratio(from, to) over disjoint windows of `size` of the `rows`, at least 1; nothing under 20 windows.
  // Sizes count by their four leading bits, so that a window whose size moves a little is answered from what is known.
  // A negative ratio says nothing. With `upper` the windows' 90th percentile over it as well, when that is greater: for
  // a statistic whose tail grows by more than its middle does.
  using Ratio = std::function<double(std::size_t from, std::size_t to)>;
  std::optional<double> of(std::uint64_t size, std::size_t rows, const Ratio& ratio, double upper = 0) const;
  void clear() { by_size_.clear(); }

 private:
  mutable std::map<std::uint64_t, double> by_size_;
};

class BaselineOrder {
 public:
  static constexpr std::size_t most_rows = 100'000;

  // The bins of the baseline's rows and when each row was; kept in the order of time, the first 100,000 of them. Rows
  // of one instant, of which a table with dates has thousands, have no order: they are mixed by their own hash, since
  // sorted ones would look as if they hung together.
  void take(std::vector<std::pair<Instant, std::uint16_t>> rows);
  bool empty() const { return bins_.empty(); }
  // `statistic` gives the chi-square statistic of a window's bin counts against the whole, and its degrees.
  using Statistic = std::function<std::pair<double, unsigned>(std::span<const std::uint64_t> counts)>;
  std::optional<double> inflation(std::uint64_t size, std::size_t bins, const Statistic& statistic) const;

  void write(ByteWriter& out) const { out.array(bins_); }
  bool read(ByteReader& in);
  std::size_t memory_bytes() const { return bins_.capacity() * sizeof(std::uint16_t); }

 private:
  std::vector<std::uint16_t> bins_;
  KnownInflation known_;
};

// The same for distances that look at values: eight bytes a row.
class BaselineValues {
 public:
  void take(std::vector<std::pair<Instant, double>> rows);
  // Of the squared Kolmogorov-Smirnov distance of windows of `size` from the whole: `reference`, ascending, standing
  // for `all` rows.
  std::optional<double> inflation(std::uint64_t size, std::span<const double> reference, std::uint64_t all) const;

  void write(ByteWriter& out) const { out.array(values_); }
  bool read(ByteReader& in);

 private:
  std::vector<double> values_;
  KnownInflation known_;
};

}  // namespace tidewatch
