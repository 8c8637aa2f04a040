// What a past that moves and a joined stream ask of a metric; each refusal says what to write instead.
#include "base/text.h"
#include "metrics/join_stream.h"
#include "metrics/leaf_builder.h"
#include "metrics/windows/window_span.h"

namespace tidewatch {

bool MetricEngine::State::LeafBuilder::past(const MetricSpec& spec) {
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

bool MetricEngine::State::LeafBuilder::seasons(const MetricSpec& spec) {
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

bool MetricEngine::State::LeafBuilder::joined(Leaf& leaf) {
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

bool MetricEngine::State::LeafBuilder::coverage(Leaf& leaf) {
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
  wanted.key = unambiguous({wanted.where, unambiguous(wanted.by), pace, wanted.score ? spec.columns[0] : ""});
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

}  // namespace tidewatch
