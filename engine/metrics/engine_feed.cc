// Rows into rings. A batch is one input: its rows are judged against the watermark that stood before it, and the
// watermark moves once they have landed, so the same batches replayed give the same panes and counters.
#include <algorithm>

#include "metrics/engine_state.h"

namespace tidewatch {
namespace {

constexpr std::size_t most_shown = 100;

void count_reason(StreamCounters& counters, const std::string& reason, std::uint64_t count) {
  for (auto& [known, total] : counters.rejected_by) {
    if (known != reason) continue;
    total += count;
    return;
  }
  counters.rejected_by.emplace_back(reason, count);
  std::sort(counters.rejected_by.begin(), counters.rejected_by.end());
}

}  // namespace

void Selection::test(const Batch& batch, RowPredicate* predicates) {
  failure.clear();
  truth.clear();
  is_listed = false;
  if (predicate >= 0) {
    truth.assign(batch.rows, 0);
    if (!predicates)
      failure = "no script is there to run the `where` function";
    else if (!predicates->test(predicate, batch, truth, failure) && failure.empty())
      failure = "the `where` function failed";
    truth.resize(batch.rows, 0);
  } else if (expression) {
    expression->test(batch, truth);
  }
}

void EqualitySelections::test(const Batch& batch, const std::vector<std::uint32_t>& rows) {
  const Column& values = batch.columns[column];
  of_code_.assign(values.dictionary.size(), nullptr);
  for (auto& [text, selection] : by_text) {
    selection->failure.clear();
    selection->truth.clear();
    selection->passing.clear();
    selection->is_listed = true;
  }
  for (std::uint32_t code = 0; code < of_code_.size(); ++code)
    if (const auto found = by_text.find(values.dictionary[code]); found != by_text.end())
      of_code_[code] = found->second;
  for (const std::uint32_t row : rows)
    if (!values.null[row])
      if (Selection* const selection = of_code_[values.codes[row]]) selection->passing.push_back(row);
}

namespace {

// Two or more on one category column; a single one is quick enough by itself.
std::vector<EqualitySelections> find_equalities(const StreamState& stream) {
  std::vector<EqualitySelections> found;
  for (const auto& selection : stream.selections) {
    const auto* equality = selection->expression ? &selection->expression->text_equality() : nullptr;
    if (!equality || !*equality || selection->predicate >= 0) continue;
    const std::size_t column = (*equality)->column;
    if (stream.type_of(column) != ColumnType::category) continue;
    auto group = std::find_if(found.begin(), found.end(), [column](const auto& each) { return each.column == column; });
    if (group == found.end()) {
      group = found.emplace(found.end());
      group->column = column;
    }
    group->by_text.emplace((*equality)->text, selection.get());  // another writing of the same test goes its own way
  }
  std::erase_if(found, [](const auto& group) { return group.by_text.size() < 2; });
  return found;
}

}  // namespace

void MetricEngine::State::land(StreamState& stream, const Batch& batch, const std::vector<std::uint32_t>& rows,
                               Instant first, Instant watermark) {
  if (!stream.equalities) stream.equalities = find_equalities(stream);
  for (auto& selection : stream.selections) selection->is_listed = false;
  for (EqualitySelections& group : *stream.equalities) group.test(batch, rows);
  for (auto& selection : stream.selections)
    if (!selection->is_listed) selection->test(batch, predicates);
  label_ids.resize(std::max(label_ids.size(), stream.indexes.size()));
  for (std::size_t i = 0; i < stream.indexes.size(); ++i) stream.indexes[i]->number(batch, label_ids[i]);
  static const std::vector<std::uint32_t> no_labels;
  std::vector<std::uint32_t> landing;
  std::vector<std::pair<const PaneClock*, std::vector<PaneRun>>> all_runs;  // of all rows, by clock
  for (auto& use : stream.rings) {
    Selection& selection = *stream.selections[use.selection];
    const Instant ring_oldest = use.ring->oldest_landable(watermark);
    const bool all_land = ring_oldest <= first;
    const bool all_pass = selection.truth.empty() && !selection.is_listed;
    std::span<const std::uint32_t> in_ring(rows);
    if (!all_land) {
      selection.rows.clear();
      for (const std::uint32_t row : rows)
        if (batch.time(row) >= ring_oldest) selection.rows.push_back(row);
      in_ring = selection.rows;
    }
    if (all_land) {
      const PaneClock& clock = use.ring->clock();
      auto known = std::find_if(all_runs.begin(), all_runs.end(),
                                [&clock](const auto& each) { return each.first->is_same(clock); });
      if (known == all_runs.end()) known = all_runs.insert(known, {&clock, runs_of(batch, in_ring, clock)});
      use.ring->mark(batch, in_ring, known->second, selection.failure);
    } else {
      use.ring->mark(batch, in_ring, runs_of(batch, in_ring, use.ring->clock()), selection.failure);
    }
    if (!selection.failure.empty()) continue;
    if (selection.is_listed && all_land) {
      in_ring = selection.passing;
    } else if (selection.is_listed) {
      landing.clear();
      for (const std::uint32_t row : selection.passing)
        if (batch.time(row) >= ring_oldest) landing.push_back(row);
      in_ring = landing;
    } else if (!all_pass) {
      landing.clear();
      for (const std::uint32_t row : in_ring)
        if (selection.truth[row] == truth_true) landing.push_back(row);
      in_ring = landing;
    }
    use.ring->land(batch, in_ring, use.index == SIZE_MAX ? no_labels : label_ids[use.index], watermark);
  }
}

void MetricEngine::State::release(StreamState& stream, Instant watermark) {
  if (stream.watermark.value() == far_past) return;
  const Batch batch = stream.sequence->release(stream.watermark.value());
  if (batch.rows == 0) return;
  std::vector<std::uint32_t> rows(batch.rows);
  for (std::uint32_t row = 0; row < batch.rows; ++row) rows[row] = row;
  land(stream, batch, rows, batch.time(0), watermark);
  join_feed(stream, batch, rows);
  learn(stream, batch, rows);
}

std::vector<Rejected> MetricEngine::feed(std::string_view name, std::string_view source, const Batch& batch,
                                         Instant now, bool check_future) {
  std::vector<Rejected> rejected;
  StreamState* const stream = state_->stream(name);
  if (!stream || stream->joined) return rejected;  // a joined stream is fed by its sides
  StreamCounters& counters = stream->counters;
  if (stream->started == far_past) stream->started = now;
  const Instant watermark = stream->watermark.value();
  counters.received += std::max<std::uint64_t>(batch.received, batch.rows);
  std::uint64_t refused = 0;
  for (const auto& [reason, count] : batch.rejected_counts) {
    count_reason(counters, reason, count);
    refused += count;
  }

  // A join judges for itself what comes too late for it.
  Instant oldest = stream->rings.empty() || !stream->joins.empty() ? far_past : far_future;
  for (const auto& use : stream->rings) oldest = std::min(oldest, use.ring->oldest_landable(watermark));
  if (stream->sequence) oldest = std::max(oldest, watermark);  // its place in the order has passed
  const Instant latest = check_future ? now + stream->spec.future : far_future;
  std::vector<std::uint32_t>& rows = state_->landable;
  rows.clear();
  Instant newest = far_past, first = far_future;
  for (std::uint32_t row = 0; row < batch.rows; ++row) {
    const Instant t = batch.time(row);
    if (t > latest || t < oldest) {
      const bool is_future = t > latest;
      ++(is_future ? counters.future : counters.too_late);
      ++refused;
      count_reason(counters, is_future ? "future" : "too_late", 1);
      if (rejected.size() < most_shown) {
        Rejected one;
        one.reason = is_future ? "future" : "too_late";
        one.detail = "event time " + format_instant(t) +
                     (is_future ? ": expected at most " + format_instant(latest)
                                : ": expected at least " + format_instant(oldest));
        one.line = row + 1;
        rejected.push_back(std::move(one));
      }
      continue;
    }
    if (t < watermark) ++counters.late;
    newest = std::max(newest, t);
    first = std::min(first, t);
    rows.push_back(row);
  }
  counters.rejected += refused;
  counters.accepted += rows.size();

  if (!rows.empty()) {
    if (stream->first_row == far_past || first < stream->first_row) {
      stream->first_row = first;
      for (auto& use : stream->rings) use.ring->first_row_moved();
    }
    for (auto& [column, at] : stream->newest_in)
      for (const std::uint32_t row : rows)
        if (!batch.columns[column].null[row]) at = std::max(at, Instant{batch.columns[column].integers[row]});

    if (stream->sequence)
      for (const std::uint32_t row : rows) stream->sequence->hold(batch, row);
    else
      state_->land(*stream, batch, rows, first, watermark);
    stream->watermark.arrived(source, newest, now);
    if (stream->sequence) {
      state_->release(*stream, watermark);
    } else {
      state_->join_feed(*stream, batch, rows);
      state_->learn(*stream, batch, rows);
    }
  }
  Instant at = newest;
  if (at == far_past) at = watermark == far_past ? now : watermark;
  stream->log.add(source, batch, rows.size(), refused, at);
  counters.newest_event = stream->watermark.newest();
  counters.last_arrival = stream->watermark.last_arrival();
  counters.watermark = stream->watermark.value();
  if (!stream->trailing.empty()) state_->advance_cuts(*stream);  // while the rows they need are there
  state_->settle_detectors(*stream, now);
  for (auto& use : stream->rings) use.ring->forget(counters.watermark);
  for (StreamState* joined : stream->joins) state_->join_advance(*joined, now);
  state_->seal_learnt(*stream);
  return rejected;
}

void MetricEngine::paused(Duration down) {
  for (auto& stream : state_->streams) stream->watermark.paused(down);
}

void MetricEngine::tick(Instant now) {
  for (auto& stream : state_->streams) {
    if (stream->started == far_past) stream->started = now;
    if (stream->joined) {  // made after both its sides
      state_->join_advance(*stream, now);
      for (auto& index : stream->indexes) index->sweep();
      continue;
    }
    const Instant before = stream->watermark.value();
    stream->watermark.tick(now);
    const Instant watermark = stream->counters.watermark = stream->watermark.value();
    if (stream->sequence) state_->release(*stream, before);
    if (!stream->trailing.empty()) state_->advance_cuts(*stream);
    state_->settle_detectors(*stream, now);
    for (auto& use : stream->rings) use.ring->forget(watermark);
    for (auto& index : stream->indexes) index->sweep();
    if (watermark != far_past) stream->log.forget(watermark - stream->log_keep - hours(1));
    state_->seal_learnt(*stream);
  }
}

}  // namespace tidewatch
