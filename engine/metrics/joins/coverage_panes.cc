// Counting outcomes that come and go: see coverage_panes.h.
#include "metrics/joins/coverage_panes.h"

#include <algorithm>
#include <cmath>

#include "metrics/windows/window.h"

namespace tidewatch {
namespace {

void add_to(std::uint64_t& count, std::uint64_t by, bool is_added) { count = is_added ? count + by : count - by; }

void add_to(std::map<std::int64_t, std::uint64_t>& counts, std::int64_t at, bool is_added) {
  if (is_added) {
    ++counts[at];
    return;
  }
  const auto found = counts.find(at);
  if (found != counts.end() && --found->second == 0) counts.erase(found);
}

void merge(CoverageSum& into, const CoverageSum& from) {
  into.predictions += from.predictions;
  into.covered += from.covered;
  into.nulls += from.nulls;
  into.leaked += from.leaked;
  into.relabelled += from.relabelled;
  for (std::size_t i = 0; i < into.tenths.size(); ++i) {
    into.tenths[i].predictions += from.tenths[i].predictions;
    into.tenths[i].covered += from.tenths[i].covered;
  }
}

}  // namespace

CoveragePanes::CoveragePanes(Spec spec, PaneClock clock, std::optional<Expression> where)
    : spec_(std::move(spec)), clock_(std::move(clock)), where_(std::move(where)) {
  if (!spec_.by.empty()) index_ = std::make_unique<LabelIndex>(spec_.by, spec_.by_columns);
}

CoveragePanes::Series& CoveragePanes::series_of(const LabelSet& labels) {
  const auto found = series_.find(labels);
  if (found != series_.end()) return found->second;
  if (series_.size() < most_series_) return series_[labels];
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string& name : spec_.by) pairs.emplace_back(name, "(other)");
  return series_[LabelSet(std::move(pairs))];
}

const CoveragePanes::Series* CoveragePanes::find(const LabelSet& labels) const {
  LabelSet own;
  for (const std::string& name : spec_.by) own.set(name, std::string(labels.get(name)));
  const auto found = series_.find(own);
  return found == series_.end() ? nullptr : &found->second;
}

void CoveragePanes::take(const JoinChanges& changes) {
  count(changes.added, changes.added_facts, true);
  count(changes.removed, changes.removed_facts, false);
}

void CoveragePanes::count(const Batch& rows, const std::vector<JoinFacts>& facts, bool is_added) {
  if (rows.rows == 0) return;
  truth_.clear();
  if (where_) where_->test(rows, truth_);
  if (index_) index_->number(rows, label_ids_);
  static const LabelSet none;
  Series* series = nullptr;
  std::uint32_t series_id = UINT32_MAX;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    if (where_ && truth_[i] != truth_true) continue;
    const JoinFacts& fact = facts[i];
    if (!series || (index_ && label_ids_[i] != series_id)) {
      series_id = index_ ? label_ids_[i] : 0;
      series = &series_of(index_ ? index_->labels(series_id) : none);
    }
    Pane& pane = series->panes.at(clock_.index({fact.predicted_ns}));
    const bool is_covered = fact.kind != JoinFacts::Kind::pending;
    add_to(pane.sum.predictions, 1, is_added);
    if (is_covered) add_to(pane.sum.covered, 1, is_added);
    if (fact.kind == JoinFacts::Kind::blank) add_to(pane.sum.nulls, 1, is_added);
    add_to(pane.sum.leaked, fact.leaked, is_added);
    add_to(pane.sum.relabelled, fact.relabelled, is_added);
    if (spec_.score) {
      const Column& scores = rows.columns[*spec_.score];
      const double score = scores.null[i] ? -1 : scores.as_number(i);
      if (score >= 0 && score <= 1) {
        CoverageSum::Tenth& tenth = pane.sum.tenths[std::min<std::size_t>(9, static_cast<std::size_t>(score * 10))];
        add_to(tenth.predictions, 1, is_added);
        if (is_covered) add_to(tenth.covered, 1, is_added);
      }
    }
    if (spec_.keeps_delays && fact.has_key)
      add_to(is_covered ? pane.known : pane.pending, is_covered ? fact.delay_ns : fact.predicted_ns, is_added);
    series->last = std::max(series->last, Instant{fact.predicted_ns});
  }
  if (index_) index_->sweep();
}

void CoveragePanes::forget(Instant settled) {
  if (settled == far_past) return;
  const std::int64_t oldest = clock_.index(settled - keep_) - 1;
  for (auto place = series_.begin(); place != series_.end();) {
    place->second.panes.drop_before(oldest);
    if (index_ && place->second.last + keep_ + hours(24) < settled)
      place = series_.erase(place);
    else
      ++place;
  }
}

CoverageSum CoveragePanes::sum(const LabelSet& labels, std::int64_t first, std::int64_t end) const {
  CoverageSum out;
  const Series* const series = find(labels);
  if (!series) return out;
  for (auto item = series->panes.from(first); item != series->panes.end() && item->first < end; ++item)
    merge(out, item->second.sum);
  return out;
}

std::optional<std::int64_t> CoveragePanes::newest_covered(const LabelSet& labels, std::int64_t newest,
                                                          std::int64_t oldest, std::int64_t panes, double least) const {
  const Series* const series = find(labels);
  if (!series || series->panes.empty()) return std::nullopt;
  const auto& all = series->panes;
  newest = std::min(newest, (all.end() - 1)->first + panes);  // windows beyond are empty
  auto top = all.from(newest);                                // first pane past the window
  auto bottom = all.from(newest - panes);                     // first pane in it
  std::uint64_t predictions = 0, covered = 0;
  for (auto item = bottom; item != top; ++item) {
    predictions += item->second.sum.predictions;
    covered += item->second.sum.covered;
  }
  for (std::int64_t end = newest; end >= oldest; --end) {
    while (top != all.begin() && (top - 1)->first >= end) {
      --top;
      predictions -= top->second.sum.predictions;
      covered -= top->second.sum.covered;
    }
    while (bottom != all.begin() && (bottom - 1)->first >= end - panes) {
      --bottom;
      predictions += bottom->second.sum.predictions;
      covered += bottom->second.sum.covered;
    }
    if (predictions == 0) {
      if (top == all.begin()) return std::nullopt;
      continue;
    }
    if (static_cast<double>(covered) / static_cast<double>(predictions) >= least) return end;
  }
  return std::nullopt;
}

DelayCounts CoveragePanes::delays(const LabelSet& labels, std::int64_t first, std::int64_t end, Instant watermark,
                                  Duration within) const {
  DelayCounts out;
  const Series* const series = find(labels);
  if (!series) return out;
  for (auto item = series->panes.from(first); item != series->panes.end() && item->first < end; ++item) {
    for (const auto& [delay, n] : item->second.known) out.known[delay] += n;
    for (const auto& [at, n] : item->second.pending) {
      const std::int64_t age = watermark == far_past ? 0 : watermark.ns - at;
      out.censored[std::clamp<std::int64_t>(age, 0, within.ns)] += n;
    }
  }
  return out;
}

std::size_t CoveragePanes::memory_bytes() const {
  std::size_t bytes = sizeof *this;
  for (const auto& [labels, series] : series_) {
    bytes += sizeof(Series) + 128;
    for (const auto& [index, pane] : series.panes)
      bytes += sizeof(Pane) + 56 * (pane.known.size() + pane.pending.size());
  }
  return bytes;
}

void CoveragePanes::write(ByteWriter& out) const {
  const auto put = [&](const std::map<std::int64_t, std::uint64_t>& counts) {
    out.put(static_cast<std::uint64_t>(counts.size()));
    for (const auto& [at, n] : counts) {
      out.put(at);
      out.put(n);
    }
  };
  out.put(static_cast<std::uint64_t>(series_.size()));
  for (const auto& [labels, series] : series_) {
    labels.write(out);
    out.put(series.last.ns);
    out.put(static_cast<std::uint64_t>(series.panes.size()));
    for (const auto& [index, pane] : series.panes) {
      out.put(index);
      const CoverageSum& s = pane.sum;
      for (const std::uint64_t v : {s.predictions, s.covered, s.nulls, s.leaked, s.relabelled}) out.put(v);
      for (const CoverageSum::Tenth& tenth : s.tenths) {
        out.put(tenth.predictions);
        out.put(tenth.covered);
      }
      put(pane.known);
      put(pane.pending);
    }
  }
}

bool CoveragePanes::read(ByteReader& in) {
  const auto get = [&](std::map<std::int64_t, std::uint64_t>& counts) {
    for (std::size_t i = in.count(16); i > 0 && in.good(); --i) {
      const auto at = in.nanoseconds();
      counts[at] = in.get<std::uint64_t>();
    }
  };
  series_.clear();
  for (std::size_t i = in.count(20); i > 0 && in.good(); --i) {
    Series& series = series_[LabelSet::read(in)];
    series.last.ns = in.nanoseconds();
    for (std::size_t j = in.count(216); j > 0 && in.good(); --j) {
      Pane& pane = series.panes.at(in.get<std::int64_t>());
      CoverageSum& s = pane.sum;
      for (std::uint64_t* v : {&s.predictions, &s.covered, &s.nulls, &s.leaked, &s.relabelled})
        *v = in.get<std::uint64_t>();
      for (CoverageSum::Tenth& tenth : s.tenths) {
        tenth.predictions = in.get<std::uint64_t>();
        tenth.covered = in.get<std::uint64_t>();
      }
      get(pane.known);
      get(pane.pending);
      if (s.covered > s.predictions) in.fail();
    }
  }
  return in.good();
}

}  // namespace tidewatch
