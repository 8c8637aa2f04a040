// How much further the windows of a baseline stray from the whole of it than their rows allow for, for means, shares
// and what else has a standard error. Windows of time of the monitor's own length: its rows per window then follow from
// the baseline as the live ones follow from the stream, and states that merge need no rows kept and no order of
// arrival. Windows that count rows ("20 rows") have no length and are not measured.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>

#include "metrics/families/family.h"

namespace tidewatch {

class BaselineWindows {
 public:
  // The earliest a baseline has; which ones they are depends on its rows alone.
  static constexpr std::size_t most_windows = 1'000, least_windows = 20;

  // Nothing where it cannot be measured: rows counted, or a family that must see its rows in order.
  static std::unique_ptr<BaselineWindows> make(const WindowSpec& window, const Family& family);
  explicit BaselineWindows(Duration length) : length_(length) {}

  void add(const Family& family, const Batch& batch, std::span<const std::uint32_t> rows);
  // The middle of (value - whole)^2 over its squared standard error, over the middle of a chi-square of one degree; at
  // least 1. Nothing under 20 windows that are ok. `whole` is the reading of all rows.
  std::optional<double> inflation(const Family& family, const MetricSpec& spec, const Reading& whole) const;

 private:
  Duration length_;
  std::map<std::int64_t, std::unique_ptr<FamilyState>> windows_;  // by which one since 1970
};

}  // namespace tidewatch
