// Rings of joined streams: rows that leave again, and panes that are done. A state is never subtracted from: the row
// goes from the pane's rows and the state is made anew when it is next read.
#include "metrics/windows/window.h"

namespace tidewatch {

void Ring::retract(const Batch& batch, std::span<const std::uint32_t> rows,
                   const std::vector<std::uint32_t>& label_ids) {
  if (rows.empty()) return;
  ++landed_version_;
  for (const std::uint32_t row : rows) {
    Series& series = series_for(labels_ ? label_ids[row] : UINT32_MAX);
    const std::int64_t index = clock_.index(batch.time(row));
    const auto place = series.panes.from(index);
    if (place == series.panes.end() || place->first != index) continue;
    OrderedPart& kept = *place->second.ordered;
    if (kept.is_settled || !kept.rows.remove(batch, row)) continue;
    kept.is_stale = true;
    if (kept.rows.size() == 0) {
      series.panes.erase(index);
      // Nothing before it was forgotten, or it would be settled. Of the first row only the pane counts.
      if (has_past_ && index == clock_.index(series.first_row))
        series.first_row = series.panes.empty() ? far_future : clock_.start(series.panes.begin()->first);
    }
    if (index < read_end_) landed_late(series, index);
  }
}

void Ring::settle(Instant until) {
  const std::int64_t end = clock_.index(until);  // the pane that holds `until` may still change
  if (end <= settled_) return;
  for (auto& [labels, series] : series_) {
    for (auto item = series->panes.from(settled_); item != series->panes.end() && item->first < end; ++item) {
      OrderedPart& kept = *item->second.ordered;
      if (kept.is_settled) continue;
      pane_state(item->second, 0);  // makes all that are stale
      kept.rows = RowStore(key_column_);
      kept.is_settled = true;
    }
  }
  settled_ = end;
}

}  // namespace tidewatch
