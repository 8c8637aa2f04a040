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

class BaselineOrder {
 public:
  static constexpr std::size_t most_rows = 100'000, least_windows = 20;

  // The bins of the baseline's rows and when each row was; kept in the order of time (then of bins, so that rows of one
  // instant have no order of arrival), the first 100,000 of them.
  void take(std::vector<std::pair<Instant, std::uint16_t>> rows);
  bool empty() const { return bins_.empty(); }
  // At least 1; nothing under 20 windows of `size` rows. `statistic` gives the chi-square statistic of a window's bin
  // counts against the whole, and its degrees. Sizes count by their four leading bits, so that a window whose size
  // moves a little is answered from what is known.
  using Statistic = std::function<std::pair<double, unsigned>(std::span<const std::uint64_t> counts)>;
  std::optional<double> inflation(std::uint64_t size, std::size_t bins, const Statistic& statistic) const;

  void write(ByteWriter& out) const { out.array(bins_); }
  bool read(ByteReader& in);
  std::size_t memory_bytes() const { return bins_.capacity() * sizeof(std::uint16_t); }

 private:
  std::vector<std::uint16_t> bins_;
  mutable std::map<std::uint64_t, double> known_;  // by size
};

}  // namespace tidewatch
