// From a metric's spec to its leaf: its stream, its pace, the ring it shares and the families in it.
#include "metrics/leaf_builder.h"

#include "base/text.h"
#include "metrics/windows/window_span.h"

namespace tidewatch {
namespace {

constexpr std::int64_t most_panes = 20'000;

bool is_extensive(const std::string& metric) {
  return metric == "count" || metric == "sum" || metric == "rate" || metric == "distinct" || metric == "increase";
}

}  // namespace

bool MetricEngine::State::LeafBuilder::problem(std::string text) {
  problems_.push_back({id_, std::move(text)});
  return false;
}

void MetricEngine::State::LeafBuilder::add(HandleId id) {
  id_ = id;
  const MetricSpec spec = state_.handles[id].metric;
  const std::string key = identity(spec);
  if (const auto known = leaves_.find(key); known != leaves_.end()) {
    state_.leaf_of[id] = known->second;
    return;
  }
  auto leaf = std::make_unique<Leaf>();
  leaf->key = key;
  leaf->spec = spec;
  if (!fill(*leaf)) return;
  state_.leaf_of[id] = leaves_[key] = leaf.get();
  state_.leaves.push_back(std::move(leaf));
}

void MetricEngine::State::LeafBuilder::size(Leaf& leaf) {
  if (leaf.stream && leaf.stream->joined) {
    leaf.stream->joined->lateness = std::max(leaf.stream->joined->lateness, leaf.lateness);
    const Duration reach = nominal(leaf.spec.window) + leaf.lateness + leaf.keep_behind;
    if (leaf.coverage) leaf.coverage->needs(reach);
  }
  if (!leaf.ring) {
    if (leaf.stream)
      leaf.stream->log_keep = std::max(leaf.stream->log_keep, nominal(leaf.spec.window) + leaf.keep_behind);
    return;
  }
  const Duration land = leaf.kind == Leaf::Kind::rows ? leaf.lateness : nominal(leaf.spec.window) + leaf.lateness;
  const TrailingSpec& trailing = leaf.spec.trailing;
  if (trailing.is_set()) {
    if (!trailing.is_seasonal()) leaf.stream->trailing.push_back(&leaf);
    leaf.ring->compare_with_past();
    if (leaf.kind != Leaf::Kind::rows) leaf.keep_behind = leaf.keep_behind + reach_of(leaf.spec);
    for (const Leaf::Part& part : leaf.parts)
      leaf.ring->slots()[part.slot].pasts.push_back({leaf.spec.window.count + leaf.keep_rows, trailing});
  }
  for (const Leaf::Part& part : leaf.parts) {
    Ring::Slot& slot = leaf.ring->slots()[part.slot];
    if (leaf.keep_rows > 0)
      slot.most_rows =
          std::max(slot.most_rows, leaf.spec.window.count + slot.family->extra_rows() + leaf.keep_rows + 1);
  }
  leaf.ring->needs(land, land + leaf.keep_behind);
  leaf.ring->needs_series(leaf.spec.most_series);
  const Duration step = leaf.ring->clock().step();
  if (leaf.kind == Leaf::Kind::rows || leaf.ring->clock().by_day()) return;
  const Duration within = leaf.stream->joined ? leaf.stream->spec.join->within : Duration{0};
  const std::int64_t panes = (land + leaf.keep_behind + within).ns / step.ns + 2;
  if (panes <= most_panes) return;
  // The finest step of a whole number of panes that fits.
  Duration better = leaf.spec.window.over;
  for (std::int64_t n = 60; n > 0; --n) {
    const Duration candidate = leaf.spec.window.over / n;
    if (trailing.is_seasonal() && trailing.period.ns % candidate.ns != 0) continue;
    if (leaf.spec.window.over.ns % n == 0 && (land + leaf.keep_behind + within).ns / candidate.ns + 2 <= most_panes) {
      better = candidate;
      break;
    }
  }
  problem("the window needs a ring of " + with_thousands(static_cast<std::uint64_t>(panes)) + " panes of " +
          format_duration(step) + ", expected at most 20,000; try step = \"" + format_duration(better) + "\"");
}

bool MetricEngine::State::LeafBuilder::fill(Leaf& leaf) {
  MetricSpec& spec = leaf.spec;
  leaf.stream = state_.stream(spec.stream);
  if (!leaf.stream) {
    std::vector<std::string> known;
    for (const auto& one : state_.streams) known.push_back(one->spec.name);
    return problem("unknown stream \"" + spec.stream + "\"" + did_you_mean(spec.stream, known));
  }
  StreamState& stream = *leaf.stream;
  const MetricInfo* info = find_metric(spec.metric);
  if (!info && !is_stream_metric(spec.metric)) {
    std::vector<std::string> known;
    for (const MetricInfo& one : metric_catalogue()) known.emplace_back(one.name);
    return problem("unknown metric \"" + spec.metric + "\"" + did_you_mean(spec.metric, known));
  }
  bool fine = true;
  if (auto calendar =
          Calendar::named(spec.window.kind == WindowSpec::Kind::none ? spec.calendar : spec.window.calendar))
    leaf.calendar = std::move(*calendar);
  else
    fine = problem(calendar.error().text);
  for (const std::string& zone : {spec.zone, spec.window.zone})
    if (auto known = check_zone(zone); !known) fine = problem(known.error().text);
  if (!spec.against.empty()) {
    leaf.baseline = state_.baseline(spec.against);
    if (!leaf.baseline) {
      std::vector<std::string> known;
      for (const auto& one : state_.baselines) known.push_back(one->spec.name);
      fine = problem("unknown baseline \"" + spec.against + "\"" + did_you_mean(spec.against, known));
    }
  } else if (info && info->needs_against && spec.trailing.is_set()) {
    fine = past(spec) && fine;
  } else if (info && info->needs_against) {
    fine = problem(spec.metric + " needs a baseline: against = baseline \"name\"");
  }
  if (info && info->needs_over && spec.window.kind == WindowSpec::Kind::none && !spec.at_baseline)
    fine =
        problem(spec.metric + " needs a window: over = \"5m\", \"252 rows\", \"5 business days\" or \"calendar day\"");
  if (stream.joined || is_join_metric(spec.metric) || spec.read >= ReadMode::mature) fine = joined(leaf) && fine;
  if (!fine || !pace(leaf)) return false;
  if (spec.min_n == 0 && info) spec.min_n = info->default_min_n;
  leaf.is_extensive = leaf.is_zero_when_empty = is_extensive(spec.metric);

  if (is_join_metric(spec.metric)) {
    leaf.kind = Leaf::Kind::stream;
    std::size_t selection = 0;
    return select(stream, spec, selection) && coverage(leaf);
  }
  if (is_stream_metric(spec.metric)) {
    leaf.kind = Leaf::Kind::stream;
    if (spec.of.empty()) return true;
    leaf.of_column = stream.column(spec.of);
    if (!leaf.of_column)
      return problem("unknown column \"" + spec.of + "\"" + did_you_mean(spec.of, stream.spec.schema.names()));
    if (stream.type_of(*leaf.of_column) != ColumnType::time)
      return problem("freshness of \"" + spec.of + "\": expected a column of type time");
    stream.newest_in.try_emplace(*leaf.of_column, far_past);
    return true;
  }
  if (spec.predicate >= 0 && !state_.predicates) return problem("a `where` function needs a script host");
  std::size_t selection = 0;
  if (!select(stream, spec, selection)) return false;
  if (spec.at_baseline) {
    if (!leaf.baseline) return problem(spec.metric + " at a baseline needs the baseline's name");
    leaf.kind = Leaf::Kind::baseline;
    return families(leaf, selection);
  }
  leaf.kind = spec.window.kind == WindowSpec::Kind::rows ? Leaf::Kind::rows : Leaf::Kind::window;
  leaf.ring = ring(leaf, selection);
  return leaf.ring && families(leaf, selection) && (!stream.joined || coverage(leaf));
}

bool MetricEngine::State::LeafBuilder::pace(Leaf& leaf) {
  MetricSpec& spec = leaf.spec;
  if (spec.window.kind == WindowSpec::Kind::sliding) {
    if (spec.window.over.ns <= 0) return problem("expected a window longer than 0s");
    if (spec.step.ns == 0) spec.step = default_step(spec.window.over);
    if (spec.step.ns <= 0 || spec.window.over.ns % spec.step.ns != 0)
      return problem("step \"" + format_duration(spec.step) + "\" does not divide over = \"" + spec.window.text() +
                     "\"; the default is \"" + format_duration(default_step(spec.window.over)) + "\"");
    leaf.panes = spec.window.over.ns / spec.step.ns;
  } else if (spec.step.ns > 0) {
    return problem("step is for windows that are a duration; \"" + spec.window.text() + "\" has none");
  }
  const bool by_day =
      spec.window.kind == WindowSpec::Kind::calendar || spec.window.kind == WindowSpec::Kind::business_days;
  leaf.lateness = spec.lateness.ns >= 0 ? spec.lateness : std::max(by_day ? days(1) : spec.step, minutes(1));
  return true;
}

bool MetricEngine::State::LeafBuilder::select(StreamState& stream, const MetricSpec& spec, std::size_t& selection) {
  const std::string key = unambiguous({stream.spec.name, spec.where, std::to_string(spec.predicate)});
  if (const auto known = selections_.find(key); known != selections_.end()) {
    selection = known->second;
    return true;
  }
  selection = stream.selections.size();
  auto made = std::make_unique<Selection>();
  made->where = spec.where;
  made->predicate = spec.predicate;
  if (!spec.where.empty()) {
    auto expression = Expression::compile(spec.where, stream.spec);
    if (!expression) return problem(expression.error().text);
    if (expression->kind() != ExpressionKind::truth)
      return problem("where = \"" + spec.where + "\": expected a condition, got a value");
    made->expression.emplace(std::move(*expression));
  }
  stream.selections.push_back(std::move(made));
  selections_[key] = selection;
  return true;
}

Ring* MetricEngine::State::LeafBuilder::ring(Leaf& leaf, std::size_t selection) {
  StreamState& stream = *leaf.stream;
  const MetricSpec& spec = leaf.spec;
  std::vector<std::size_t> columns;
  for (const std::string& name : spec.by) {
    const auto column = stream.column(name);
    if (!column) {
      problem("by: unknown column \"" + name + "\"" + did_you_mean(name, stream.spec.schema.names()));
      return nullptr;
    }
    columns.push_back(*column);
  }
  const bool is_rows = leaf.kind == Leaf::Kind::rows;
  const bool by_day = !is_rows && spec.window.kind != WindowSpec::Kind::sliding;
  const std::string pace = is_rows ? "rows" : by_day ? "days " + spec.window.zone : std::to_string(spec.step.ns);
  const std::string key = unambiguous({spec.where, std::to_string(spec.predicate), unambiguous(spec.by), pace});
  Ring*& known = rings_[stream.spec.name + "\n" + key];
  if (known) return known;
  StreamState::RingUse use;
  use.selection = selection;
  LabelIndex* labels = nullptr;
  if (!spec.by.empty()) {
    for (use.index = 0; use.index < stream.indexes.size(); ++use.index)
      if (stream.indexes[use.index]->names() == spec.by) break;
    if (use.index == stream.indexes.size()) stream.indexes.push_back(std::make_unique<LabelIndex>(spec.by, columns));
    labels = stream.indexes[use.index].get();
  }
  PaneClock clock = by_day ? PaneClock(spec.window.zone) : PaneClock(is_rows ? days(1) : spec.step);
  const auto key_column = stream.spec.key.empty() ? std::nullopt : stream.column(stream.spec.key);
  use.ring = std::make_unique<Ring>(key, std::move(clock), is_rows, labels, key_column);
  if (stream.joined) use.ring->make_revisable();
  stream.rings.push_back(std::move(use));
  return known = stream.rings.back().ring.get();
}

bool MetricEngine::State::LeafBuilder::families(Leaf& leaf, std::size_t selection) {
  const MetricInfo* info = find_metric(leaf.spec.metric);
  std::vector<std::string> columns;
  bool is_every = leaf.spec.columns.size() == 1 && leaf.spec.columns[0] == "*";
  if (is_every && info && info->columns_max >= many_columns) {
    // One answer for the whole table: every column but the times.
    is_every = false;
    leaf.spec.columns.clear();
    for (const ColumnSpec& column : leaf.stream->spec.schema.columns)
      if (column.type != ColumnType::time) leaf.spec.columns.push_back(column.name);
    for (const DerivedSpec& derived : leaf.stream->spec.derived)
      if (derived.previous_of.empty()) leaf.spec.columns.push_back(derived.name);
  }
  if (is_every) {
    columns = leaf.stream->spec.schema.names();
    for (const DerivedSpec& derived : leaf.stream->spec.derived)
      if (derived.previous_of.empty()) columns.push_back(derived.name);
  } else if (info && info->columns_max == 1 && leaf.spec.columns.size() > 1) {
    columns = leaf.spec.columns;
  }
  // An edited span is another reference; a file's rows speak for themselves when they are given.
  std::string reference = leaf.spec.against;
  if (leaf.baseline && leaf.baseline->spec.has_span)
    reference += " " + std::to_string(leaf.baseline->spec.from.ns) + " " + std::to_string(leaf.baseline->spec.to.ns);
  leaf.is_by_column = !columns.empty();
  if (columns.empty()) columns.emplace_back();
  std::string first_error;
  for (const std::string& column : columns) {
    Leaf::Part part;
    part.column = column;
    part.spec = leaf.spec;
    part.selection = selection;
    if (leaf.is_by_column) part.spec.columns = {column};
    auto family = make_family(part.spec, leaf.stream->spec);
    if (!family) {
      if (first_error.empty()) first_error = family.error().text;
      if (is_every) continue;  // "*" means every column the metric is made for
      return problem(family.error().text);
    }
    if (!leaf.ring) {
      part.family = std::move(*family);
      part.state = part.family->make();
    } else {
      Ring& ring = *leaf.ring;
      // Two baselines are two references, so two families.
      part.slot = ring.add_slot(family_key(part.spec) + "|" + reference, std::move(*family));
      Ring::Slot& slot = ring.slots()[part.slot];
      slot.most_rows = std::max(slot.most_rows, leaf.spec.window.count + slot.family->extra_rows());
      part.reader = reader(leaf, part.slot);
      if (part.spec.trailing.is_set()) part.past_reader = past_reader(leaf, part.slot);
      part.recorder = ring.add_recorder(part.slot);
      ring.recorder_keys.push_back(leaf.key + column);
    }
    leaf.parts.push_back(std::move(part));
  }
  if (leaf.parts.empty()) return problem(first_error);
  return true;
}

std::size_t MetricEngine::State::LeafBuilder::past_reader(const Leaf& leaf, std::size_t slot) {
  const std::string key = std::to_string(slot) + " " + leaf.spec.window.text() + " before " + leaf.spec.trailing.text();
  const auto [place, is_new] = readers_[leaf.ring].try_emplace(key, 0);
  if (is_new) place->second = leaf.ring->add_reader();
  return place->second;
}

std::size_t MetricEngine::State::LeafBuilder::reader(const Leaf& leaf, std::size_t slot) {
  const std::string key = std::to_string(slot) + " " + leaf.spec.window.text() + " " + leaf.spec.window.calendar +
                          (leaf.spec.read == ReadMode::open ? " open" : "");
  const auto [place, is_new] = readers_[leaf.ring].try_emplace(key, 0);
  if (is_new) place->second = leaf.ring->add_reader();
  return place->second;
}

}  // namespace tidewatch
