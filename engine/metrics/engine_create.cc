// From handle specs to leaves and rings: what create() checks and what it shares. Every problem is collected, so an
// author sees all mistakes of a pack at once.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "metrics/engine_state.h"
#include "metrics/windows/window_span.h"

namespace tidewatch {
namespace {

constexpr std::int64_t most_panes = 20'000;

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += std::to_string(part.size()) + ":" + part;
  return out;
}

bool is_extensive(const std::string& metric) {
  return metric == "count" || metric == "sum" || metric == "rate" || metric == "distinct" || metric == "increase";
}

}  // namespace

std::string identity(const MetricSpec& m) {
  std::vector<std::string> parts = {
      m.metric,
      m.stream,
      join(m.columns),
      m.expression,
      m.where,
      std::to_string(m.predicate),
      m.window.text(),
      m.window.calendar,
      m.window.zone,
      join(m.by),
      std::to_string(m.step.ns),
      std::to_string(m.lateness.ns),
      std::to_string(m.min_n),
      std::to_string(m.most_series),
      std::to_string(m.full),
      std::to_string(static_cast<int>(m.read)),
      m.against,
      m.trailing.is_set() ? m.trailing.text() + " " + std::to_string(m.trailing.rebin.ns) : std::string(),
      std::to_string(m.at_baseline),
      m.bins,
      std::to_string(m.smoothing_floor),
      std::to_string(m.point_masses),
      std::to_string(m.nulls_bin),
      std::to_string(m.reverse),
      format_number(m.q),
      std::to_string(m.exact),
      format_number(m.threshold),
      m.positive,
      m.unit,
      m.of,
      m.calendar,
      m.zone,
      std::to_string(m.ordered),
      format_number(m.false_positive_cost),
      format_number(m.false_negative_cost),
      std::to_string(m.per_prediction),
      m.method,
      std::to_string(m.scaled),
      m.test,
      m.schedule,
      std::to_string(m.within.ns),
      m.covers,
      std::to_string(m.holds.ns),
      m.side,
      m.control,
      m.candidate,
      format_number(m.least),
      m.worse,
      std::to_string(m.is_calibrated)};
  return join(parts);
}

namespace {

// Makes leaves; one object a create(), so that the checks read in order.
template <typename State>
class Builder {
 public:
  Builder(State& state, std::vector<MetricEngine::Problem>& problems) : state_(state), problems_(problems) {}

  void add(HandleId id) {
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

  // Rings know how long to keep panes only when every handle has been seen.
  void size(Leaf& leaf) {
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
  void at(HandleId id) { id_ = id; }

 private:
  bool problem(std::string text) {
    problems_.push_back({id_, std::move(text)});
    return false;
  }

  bool fill(Leaf& leaf) {
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
      fine = problem(spec.metric +
                     " needs a window: over = \"5m\", \"252 rows\", \"5 business days\" or \"calendar day\"");
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

  // A past that moves must be of the window's own kind: time before a window of time, rows before a window of rows.
  bool past(const MetricSpec& spec) {
    const TrailingSpec& trailing = spec.trailing;
    const bool has_rows = spec.window.kind == WindowSpec::Kind::rows;
    if (trailing.rows > 0 && !has_rows)
      return problem(spec.metric + " against " + trailing.text() + ": rows before a window are for windows of rows " +
                     "such as over = \"20 rows\"; here it is a span such as trailing \"28 days\"");
    if (trailing.rows > 0 && (trailing.rows < 20 || trailing.rows > 100'000))
      return problem(spec.metric + " against " + trailing.text() + ": expected 20 to 100,000 rows");
    if (trailing.is_seasonal()) return seasons(spec);
    if (trailing.span.ns < 0 || trailing.gap.ns < 0 || trailing.rebin.ns <= 0)
      return problem(spec.metric + " against " + trailing.text() + ": expected a span and a rebin above 0s");
    return true;
  }

  // The window must have a slot in each period, of whole panes.
  bool seasons(const MetricSpec& spec) {
    const TrailingSpec& trailing = spec.trailing;
    const WindowSpec& window = spec.window;
    const std::string what = spec.metric + " against " + trailing.text() + ": ";
    if (trailing.period.ns <= 0 || trailing.rebin.ns <= 0 || trailing.periods < 4 || trailing.periods > 100)
      return problem(what + "expected a period and a rebin above 0s, and 4 to 100 periods");
    if (window.kind == WindowSpec::Kind::none) return true;  // said already
    if (window.kind == WindowSpec::Kind::rows)
      return problem(what + "a window of rows has no place in a period; compare it with trailing \"250 rows\"");
    if (window.kind == WindowSpec::Kind::sliding) {
      const Duration step = spec.step.ns > 0 ? spec.step : default_step(window.over);
      if (trailing.period < window.over)
        return problem(what + "the period is shorter than the window of " + window.text());
      if (trailing.period.ns % step.ns == 0) return true;
      std::string better = "no step does";
      for (std::int64_t n = 60; n > 0; --n) {
        if (window.over.ns % n != 0 || trailing.period.ns % (window.over.ns / n) != 0) continue;
        better = "try step = \"" + format_duration(window.over / n) + "\"";
        break;
      }
      return problem(what + "expected a step that divides the period too, got \"" + format_duration(step) + "\"; " +
                     better);
    }
    using Unit = WindowSpec::Unit;
    const bool has_slot =
        window.kind == WindowSpec::Kind::business_days || window.unit == Unit::day || window.unit == Unit::week;
    if (!has_slot)
      return problem(what + "months are not of one length, so a " + window.text() +
                     " has no slot a fixed time earlier; take a calendar day or week, or trailing \"365 days\"");
    const Duration least = window.kind == WindowSpec::Kind::business_days ? days((window.count + 4) / 5 * 7)
                           : window.unit == Unit::week                    ? days(7)
                                                                          : days(1);
    if (trailing.period.ns % days(1).ns != 0 || trailing.period < least)
      return problem(what + "a window of " + window.text() + " asks for a period of whole days, at least " +
                     format_duration(least));
    return true;
  }

  // What only joined streams have, and what they have not.
  bool joined(Leaf& leaf) {
    MetricSpec& spec = leaf.spec;
    const StreamState& stream = *leaf.stream;
    if (!stream.joined)
      return problem(spec.read >= ReadMode::mature
                         ? "read = \"mature\" and \"latest\" are for joined streams; here it is \"closed\" or \"open\""
                         : spec.metric +
                               " is of a joined stream: predictions:join(labels, { on = \"id\", within = "
                               "\"2 days\" }):" +
                               spec.metric + "(...)");
    const bool over_labels = stream.spec.join->is_over_label_time;
    if (spec.read == ReadMode::closed) spec.read = ReadMode::mature;
    if (is_stream_metric(spec.metric))
      return problem(spec.metric + " is of the streams that arrive: ask it of \"" + stream.spec.join->predictions +
                     "\" or \"" + stream.spec.join->labels + "\"");
    if (spec.read == ReadMode::open)
      return problem("a joined stream is read \"mature\" or \"latest\": its running pane has no labels to speak of");
    if (spec.window.kind == WindowSpec::Kind::rows)
      return problem("a joined stream has windows of time: the last rows of it are those whose labels are still out");
    if (leaf.baseline || spec.at_baseline)
      return problem(
          "a baseline is rows of one stream, and pairs of a joined stream are in none: compare with the "
          "pairs before, against = trailing \"28 days\" or seasonal \"1 week\", or a column of \"" +
          stream.spec.join->predictions + "\" with a baseline of that stream");
    if (is_join_metric(spec.metric) && !spec.by.empty()) return problem(spec.metric + " has no `by`; use where");
    if (is_join_metric(spec.metric) && over_labels)
      return problem(spec.metric + " counts predictions by their own time, which time = \"actual\" does not keep");
    return true;
  }

  // The panes that count the predictions this leaf's windows wait for.
  bool coverage(Leaf& leaf) {
    StreamState& stream = *leaf.stream;
    if (stream.spec.join->is_over_label_time) return true;
    JoinedStream& joined = *stream.joined;
    const MetricSpec& spec = leaf.spec;
    CoveragePanes::Spec wanted;
    wanted.where = spec.predicate >= 0 ? "" : prediction_part(spec.where, stream.spec, joined.predicted_columns);
    for (const std::string& name : spec.by) {
      const auto column = stream.column(name);
      if (!column || *column >= joined.predicted_columns) continue;
      wanted.by.push_back(name);
      wanted.by_columns.push_back(*column);
    }
    if (spec.metric == "coverage" && !spec.columns.empty()) {
      wanted.score = stream.column(spec.columns[0]);
      if (!wanted.score || *wanted.score >= joined.predicted_columns)
        return problem("coverage: expected a score column of the predictions, got \"" + spec.columns[0] + "\"");
      if (const auto type = stream.type_of(*wanted.score);
          type != ColumnType::number && type != ColumnType::integer && type != ColumnType::boolean)
        return problem("coverage: expected a number in column \"" + spec.columns[0] + "\"");
    }
    const bool by_day = spec.window.kind != WindowSpec::Kind::sliding;
    const std::string pace = by_day ? "days " + spec.window.zone : std::to_string(spec.step.ns);
    wanted.key = join({wanted.where, join(wanted.by), pace, wanted.score ? spec.columns[0] : ""});
    for (auto& panes : joined.coverage)
      if (panes->key() == wanted.key) leaf.coverage = panes.get();
    if (!leaf.coverage) {
      std::optional<Expression> where;
      if (!wanted.where.empty()) {
        auto compiled = Expression::compile(wanted.where, stream.spec);
        if (!compiled) return problem(compiled.error().text);
        where.emplace(std::move(*compiled));
      }
      joined.coverage.push_back(std::make_unique<CoveragePanes>(
          std::move(wanted), by_day ? PaneClock(spec.window.zone) : PaneClock(spec.step), std::move(where)));
      leaf.coverage = joined.coverage.back().get();
    }
    leaf.coverage->needs_series(spec.most_series);
    if (spec.metric == "label_delay") leaf.coverage->keep_delays();
    return true;
  }

  // Step, panes and lateness.
  bool pace(Leaf& leaf) {
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

  bool select(StreamState& stream, const MetricSpec& spec, std::size_t& selection) {
    const std::string key = join({stream.spec.name, spec.where, std::to_string(spec.predicate)});
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

  Ring* ring(Leaf& leaf, std::size_t selection) {
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
    const std::string key = join({spec.where, std::to_string(spec.predicate), join(spec.by), pace});
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

  bool families(Leaf& leaf, std::size_t selection) {
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

  std::size_t past_reader(const Leaf& leaf, std::size_t slot) {
    const std::string key =
        std::to_string(slot) + " " + leaf.spec.window.text() + " before " + leaf.spec.trailing.text();
    const auto [place, is_new] = readers_[leaf.ring].try_emplace(key, 0);
    if (is_new) place->second = leaf.ring->add_reader();
    return place->second;
  }

  std::size_t reader(const Leaf& leaf, std::size_t slot) {
    const std::string key = std::to_string(slot) + " " + leaf.spec.window.text() + " " + leaf.spec.window.calendar +
                            (leaf.spec.read == ReadMode::open ? " open" : "");
    const auto [place, is_new] = readers_[leaf.ring].try_emplace(key, 0);
    if (is_new) place->second = leaf.ring->add_reader();
    return place->second;
  }

  State& state_;
  std::vector<MetricEngine::Problem>& problems_;
  HandleId id_ = 0;
  std::map<const Ring*, std::map<std::string, std::size_t>> readers_;
  // What is there already: a pack may have a hundred thousand handles, so nothing is looked for by walking.
  std::unordered_map<std::string, Leaf*> leaves_;
  std::unordered_map<std::string, std::size_t> selections_;
  std::unordered_map<std::string, Ring*> rings_;
};

// What tells one handle from another in a checkpoint: as it is written, and every option of the metrics below it.
std::string key_of(const HandleSpec& handle, const std::vector<HandleSpec>& all, const std::vector<Leaf*>& leaves) {
  std::vector<std::string> parts = {describe(handle, all)};
  for (const Leaf* leaf : leaves) parts.push_back(leaf->key);
  return join(parts);
}

constexpr std::int64_t most_values = 100'000;  // that mad and seasonal remember of one label set

template <typename State>
void add_detector(State& state, HandleId id, std::vector<MetricEngine::Problem>& problems) {
  HandleSpec& handle = state.handles[id];
  DetectorSpec& spec = handle.detector;
  const std::string name(name_of(spec.kind));
  const std::vector<Leaf*>& leaves = state.leaves_under[id];
  const auto paced = state.paced_leaf(id);
  if (!paced) return;
  std::vector<HandleId> below = {handle.inputs[0]};
  for (std::size_t i = 0; i < below.size() && i < 10'000; ++i) {
    if (state.handles[below[i]].op == HandleSpec::Op::detector) {
      problems.push_back({id, name + " of a detector's score is not offered: judge the score, as in above(3)"});
      return;
    }
    for (const HandleId input : state.handles[below[i]].inputs) below.push_back(input);
  }
  const Leaf& leaf = *leaves[*paced];
  if (spec.kind == DetectorSpec::Kind::seasonal && spec.zone.empty()) spec.zone = leaf.spec.window.zone;
  if (spec.kind == DetectorSpec::Kind::seasonal && spec.zone == "UTC") spec.zone.clear();
  if (spec.counts_firings() && spec.over.ns <= 0) {
    problems.push_back({id, name + " needs `over`, how long a firing counts, such as over = \"1h\""});
    return;
  }
  if (handle.inputs.size() > 1) spec.reference_mean = 0, spec.reference_deviation = 1;
  if (auto made = make_detector(spec); !made) {
    problems.push_back({id, name + ": " + made.error().text});
    return;
  }
  const bool is_mad = spec.kind == DetectorSpec::Kind::mad;
  if (leaf.kind == Leaf::Kind::window && (is_mad || spec.kind == DetectorSpec::Kind::seasonal)) {
    const Duration span = is_mad ? spec.over : spec.period * spec.periods;
    const Duration step = leaf.ring->clock().step();
    if (span.ns / step.ns > most_values) {
      problems.push_back({id, name + " over " + format_duration(span) + " would remember " +
                                  with_thousands(static_cast<std::uint64_t>(span.ns / step.ns)) + " values, one each " +
                                  format_duration(step) + "; expected at most 100,000: give the metric a longer step"});
      return;
    }
  }
  auto made = std::make_unique<DetectorTracks>();
  made->key = key_of(handle, state.handles, leaves);
  made->paced = *paced;
  std::set<StreamState*> streams;
  std::set<std::pair<const StreamState*, std::int64_t>> paces;
  for (const Leaf* each : leaves) {
    if (!each->ring) continue;
    streams.insert(each->stream);
    paces.emplace(each->stream, each->lateness.ns);
    const Duration within = each->stream->joined ? each->stream->spec.join->within : Duration{0};
    made->patience = std::max(made->patience, nominal(each->spec.window) + each->lateness + within);
  }
  if (paces.size() == 1) made->patience = {0};  // their ends become final together
  for (StreamState* stream : streams) stream->detectors.push_back(id);
  state.tracks[id] = std::move(made);
}

}  // namespace

Result<std::unique_ptr<MetricEngine>> MetricEngine::create(std::vector<StreamSpec> streams,
                                                           std::vector<BaselineSpec> baselines,
                                                           std::vector<HandleSpec> handles, RowPredicate* predicates,
                                                           std::vector<Problem>* problems) {
  auto state = std::make_unique<State>();
  state->predicates = predicates;
  for (StreamSpec& spec : streams) state->streams.push_back(std::make_unique<StreamState>(std::move(spec)));
  for (BaselineSpec& spec : baselines) {
    state->baselines.push_back(std::make_unique<BaselineState>());
    BaselineEvidence evidence;
    evidence.name = spec.name;
    state->baselines.back()->evidence = std::make_shared<const BaselineEvidence>(std::move(evidence));
    state->baselines.back()->spec = std::move(spec);
  }
  std::vector<Problem> found;
  for (auto& stream : state->streams) {
    if (!Sequence::is_needed(stream->spec)) continue;
    auto sequence = Sequence::make(stream->spec);
    if (sequence)
      stream->sequence.emplace(std::move(*sequence));
    else
      found.push_back({0, stream->spec.name + ": " + sequence.error().text});
  }
  state->connect_joins(found);
  state->handles = std::move(handles);
  const std::size_t count = state->handles.size();
  state->leaf_of.assign(count, nullptr);
  state->leaves_under.resize(count);
  state->is_grouped.assign(count, 0);
  state->listings.resize(count);
  state->tracks.resize(count);
  Builder<State> builder(*state, found);
  using Op = HandleSpec::Op;
  for (HandleId id = 0; id < count; ++id) {
    const HandleSpec& handle = state->handles[id];
    if (handle.op == Op::metric) {
      builder.add(id);
      if (Leaf* const leaf = state->leaf_of[id]) {
        state->leaves_under[id] = {leaf};
        const bool is_windowed = leaf->kind == Leaf::Kind::window || leaf->kind == Leaf::Kind::rows;
        state->is_grouped[id] = leaf->is_by_column || (is_windowed && !leaf->spec.by.empty());
      }
      continue;
    }
    const std::size_t wanted = handle.op == Op::constant ? 0
                               : handle.op == Op::add || handle.op == Op::subtract || handle.op == Op::multiply ||
                                       handle.op == Op::divide || handle.op == Op::deviation
                                   ? 2
                               : handle.op == Op::detector && handle.inputs.size() == 3 ? 3
                                                                                        : 1;
    bool fine = handle.inputs.size() == wanted;
    for (const HandleId input : handle.inputs) fine = fine && input < id;
    if (!fine) {
      found.push_back({id, "expected " + std::to_string(wanted) + " earlier handles as inputs"});
      state->handles[id] = HandleSpec();
      state->handles[id].op = Op::constant;
      continue;
    }
    const bool looks_back = handle.op == Op::shifted || handle.op == Op::change || handle.op == Op::max_over ||
                            handle.op == Op::min_over || handle.op == Op::mean_over || handle.op == Op::trailing ||
                            handle.op == Op::seasonal || handle.op == Op::forecast || handle.op == Op::time_to;
    if (handle.op == Op::trailing && handle.rows > 0) {
      for (const Leaf* leaf : state->leaves_under[handle.inputs[0]]) {
        if (leaf->kind == Leaf::Kind::rows && leaf->spec.window.count <= handle.rows) continue;
        found.push_back({id, "trailing \"" + std::to_string(handle.rows) +
                                 " rows\" is of windows of as many rows or fewer, such as over = \"20 rows\"; here it "
                                 "is a span such as trailing \"28 days\""});
        break;
      }
    } else if (looks_back && handle.span.ns <= 0)
      found.push_back({id, "expected a span longer than 0s"});
    for (const HandleId input : handle.inputs) {
      state->is_grouped[id] = state->is_grouped[id] || state->is_grouped[input];
      for (Leaf* leaf : state->leaves_under[input]) state->leaves_under[id].push_back(leaf);
    }
    const bool walks = handle.op == Op::detector || handle.op == Op::forecast || handle.op == Op::time_to;
    // Without leaves the metric below has a problem of its own.
    if (walks && !state->leaves_under[id].empty() && !state->paced_leaf(id))
      found.push_back(
          {id, "expected a handle with a window, whose ends are walked along; freshness() and its like have none"});
    else if (handle.op == Op::detector)
      add_detector(*state, id, found);
  }
  // Looking back adds up along a chain of handles: walk from each end.
  state->pasts.resize(count);
  for (HandleId id = 0; id < count; ++id) {
    const HandleSpec& handle = state->handles[id];
    if (handle.op == Op::shifted) state->pasts[id] = format_duration(handle.span) + " ago";
    if (handle.op == Op::seasonal) state->pasts[id] = "seasonal " + format_duration(handle.span);
    if (handle.op == Op::trailing) {
      state->pasts[id] = TrailingSpec{handle.span, handle.rows, handle.gap, handle.rebin}.text();
      for (Leaf* leaf : state->leaves_under[id]) leaf->keep_rows = std::max(leaf->keep_rows, handle.rows);
    }
    std::vector<std::pair<HandleId, Duration>> walk = {{id, Duration{0}}};
    for (std::size_t steps = 0; !walk.empty() && steps < 100'000; ++steps) {
      const auto [at, behind] = walk.back();
      walk.pop_back();
      const HandleSpec& step = state->handles[at];
      if (state->tracks[at]) state->tracks[at]->keep = std::max(state->tracks[at]->keep, behind);
      if (Leaf* const leaf = state->leaf_of[at]; leaf && behind.ns > 0) {
        leaf->keep_behind = std::max(leaf->keep_behind, behind);
        leaf->keeps_windows = true;
      }
      const Duration patience = state->tracks[at] ? state->tracks[at]->patience : Duration{0};
      for (const HandleId input : step.inputs) walk.emplace_back(input, behind + reach_of(step) + patience);
    }
  }
  std::set<const Leaf*> sized;
  for (HandleId id = 0; id < count; ++id) {
    Leaf* const leaf = state->leaf_of[id];
    if (!leaf || !sized.insert(leaf).second) continue;
    builder.at(id);
    builder.size(*leaf);
  }
  for (const auto& leaf : state->leaves) {
    const std::string& metric = leaf->spec.metric;
    using Quiet = Leaf::Quiet;
    leaf->quiet = leaf->kind == Leaf::Kind::baseline || metric == "schema_hash" ? Quiet::always
                  : metric == "freshness" || metric == "arrival_age"            ? Quiet::never
                  : leaf->kind == Leaf::Kind::rows                              ? Quiet::rows
                                                                                : Quiet::window;
    leaf->quiet_after = nominal(leaf->spec.window) + leaf->lateness + leaf->keep_behind +
                        std::max(leaf->spec.step, days(leaf->panes == 0 ? 1 : 0));
  }
  for (auto& stream : state->streams)
    if (stream->joined) make_join(*stream);
  if (!found.empty()) {
    Error error = invalid(found.front().text);
    if (problems) *problems = std::move(found);
    return error;
  }
  return std::unique_ptr<MetricEngine>(new MetricEngine(std::move(state)));
}

}  // namespace tidewatch
