// What a joined stream looks like, and rows of its two sides on their way into its rings.
#include "metrics/join_stream.h"

#include <algorithm>

#include "base/text.h"
#include "metrics/engine_state.h"
#include "records/expression_tokens.h"

namespace tidewatch {
namespace {

std::vector<ColumnSpec> columns_of(const StreamSpec& stream) {
  std::vector<ColumnSpec> out = stream.schema.columns;
  for (const DerivedSpec& derived : stream.derived) out.push_back({derived.name, ColumnType::number, true});
  return out;
}

bool same_kind(ColumnType a, ColumnType b) {
  const auto is_text = [](ColumnType t) { return t == ColumnType::string || t == ColumnType::category; };
  return a == b || (is_text(a) && is_text(b));
}

bool has(const std::vector<ColumnSpec>& columns, const std::string& name) {
  return std::any_of(columns.begin(), columns.end(), [&](const ColumnSpec& c) { return c.name == name; });
}

}  // namespace

Result<StreamSpec> joined_stream(const JoinSpec& join, const StreamSpec& predictions, const StreamSpec& labels) {
  const std::string where = predictions.name + ":join(" + labels.name + ")";
  const auto fault = [&](std::string text) { return invalid(where + ": " + std::move(text)); };
  for (const StreamSpec* side : {&predictions, &labels})
    if (side->join) return fault("expected two plain streams, got the joined stream " + side->name);
  if (predictions.name == labels.name)
    return fault("expected two streams; one that carries both columns needs no join, its metrics take them directly");
  if (join.on.empty()) return fault("expected on = \"column\", the key both streams have");
  for (const std::string& key : join.on) {
    for (const StreamSpec* side : {&predictions, &labels})
      if (!side->schema.find(key))
        return fault("on: stream \"" + side->name + "\" has no column \"" + key + "\"" +
                     did_you_mean(key, side->schema.names()));
    const ColumnType ours = predictions.schema.columns[*predictions.schema.find(key)].type;
    const ColumnType theirs = labels.schema.columns[*labels.schema.find(key)].type;
    if (!same_kind(ours, theirs))
      return fault("on: expected \"" + key + "\" to have one type on both sides, got " + std::string(name_of(ours)) +
                   " in \"" + predictions.name + "\" and " + std::string(name_of(theirs)) + " in \"" + labels.name +
                   "\"");
  }
  if (join.within.ns <= 0) return fault("expected within = \"2 days\" or another span longer than 0s");
  if (join.early.ns < 0) return fault("expected early to be 0s or longer");
  if (!(join.coverage >= 0 && join.coverage <= 1))
    return fault("expected coverage from 0 to 1, got " + format_number(join.coverage));
  if (join.most_pending == 0) return fault("expected most_pending of at least 1");

  StreamSpec out;
  out.name = where;
  out.join = join;
  out.zone = predictions.zone;
  out.disorder = predictions.disorder;
  out.idle = predictions.idle;
  out.future = predictions.future;
  const std::vector<ColumnSpec> ours = columns_of(predictions), theirs = columns_of(labels);
  const auto add = [&](ColumnSpec column, const std::vector<ColumnSpec>& other, const char* prefix, bool nullable) {
    if (has(other, column.name)) column.name = prefix + column.name;
    column.nullable = column.nullable || nullable;
    out.schema.columns.push_back(std::move(column));
  };
  for (const ColumnSpec& column : ours) add(column, theirs, "predicted.", false);
  for (const ColumnSpec& column : theirs) add(column, ours, "actual.", true);
  const StreamSpec& timed = join.is_over_label_time ? labels : predictions;
  const std::size_t first = join.is_over_label_time ? ours.size() : 0;
  out.time = out.schema.columns[first + *timed.schema.find(timed.time)].name;
  out.key = out.schema.columns[*predictions.schema.find(join.on.front())].name;
  return out;
}

std::string prediction_part(const std::string& where, const StreamSpec& joined, std::size_t predicted_columns) {
  if (where.empty()) return {};
  auto tokens = tokens_of(where);
  if (!tokens) return {};
  std::vector<std::pair<std::size_t, std::size_t>> parts;
  std::size_t from = 0;
  int depth = 0;
  for (const Token& token : *tokens) {
    if (token.kind == Token::Kind::symbol && token.word == "(") ++depth;
    if (token.kind == Token::Kind::symbol && token.word == ")") --depth;
    if (depth > 0 || token.kind == Token::Kind::text) continue;
    if (token.kind == Token::Kind::name && token.word == "or") {
      parts.clear();  // `or` binds loosest: the whole is one part
      from = 0;
      break;
    }
    if (token.kind != Token::Kind::name || token.word != "and") continue;
    parts.emplace_back(from, token.from);
    from = token.to;
  }
  parts.emplace_back(from, where.size());
  std::string out;
  for (const auto& [begin, end] : parts) {
    const std::string part = where.substr(begin, end - begin);
    const auto compiled = Expression::compile(part, joined);
    if (!compiled || compiled->kind() != ExpressionKind::truth) continue;
    const auto& columns = compiled->columns();
    if (std::all_of(columns.begin(), columns.end(), [&](std::size_t c) { return c < predicted_columns; }))
      out += (out.empty() ? "(" : " and (") + part + ")";
  }
  return out;
}

Instant JoinedStream::settled_watermark(const JoinSpec& spec) const {
  const Instant predicted = predictions->watermark.value(), labelled = labels->watermark.value();
  if (predicted == far_past || labelled == far_past) return join->last_evicted();
  const Instant both = std::min(predicted, labelled - spec.within);
  if (spec.is_over_label_time) return both - spec.early;
  return std::max(both, join->last_evicted() == far_past ? far_past : join->last_evicted() + lateness);
}

void MetricEngine::State::join_land(StreamState& stream) {
  JoinedStream& joined = *stream.joined;
  JoinChanges& changes = joined.changes;
  if (changes.empty()) return;
  for (auto& panes : joined.coverage) panes->take(changes);
  const std::size_t own = stream.spec.schema.columns.size();
  std::vector<std::uint32_t> rows;
  std::vector<std::uint32_t> chosen, ids;
  const auto to_rings = [&](Batch& batch, const std::vector<JoinFacts>& facts, bool is_added) {
    rows.clear();
    for (std::uint32_t i = 0; i < facts.size(); ++i)
      if (facts[i].kind == JoinFacts::Kind::matched && !facts[i].is_same_pair) rows.push_back(i);
    if (rows.empty()) return;
    batch.columns.resize(own);
    for (const Expression& derived : joined.derived) {
      batch.columns.emplace_back();
      derived.compute(batch, batch.columns.back());
    }
    for (auto& selection : stream.selections) selection->test(batch, predicates);
    for (auto& use : stream.rings) {
      Selection& selection = *stream.selections[use.selection];
      if (is_added) use.ring->mark(batch, rows, runs_of(batch, rows, use.ring->clock()), selection.failure);
      if (!selection.failure.empty()) continue;
      chosen.clear();
      for (const std::uint32_t row : rows)
        if (selection.truth.empty() || selection.truth[row] == truth_true) chosen.push_back(row);
      if (use.index != SIZE_MAX) stream.indexes[use.index]->number(batch, ids);
      if (is_added)
        use.ring->land(batch, chosen, ids, far_past);
      else
        use.ring->retract(batch, chosen, ids);
    }
    batch.columns.resize(own);
  };
  to_rings(changes.added, changes.added_facts, true);
  to_rings(changes.removed, changes.removed_facts, false);
  for (auto& use : stream.rings) use.ring->coverage_moved();
  for (Batch* batch : {&changes.added, &changes.removed}) {
    for (Column& column : batch->columns) column.clear();
    batch->rows = 0;
  }
  changes.added_facts.clear();
  changes.removed_facts.clear();
}

void MetricEngine::State::join_feed(StreamState& from, const Batch& batch, std::span<const std::uint32_t> rows) {
  for (StreamState* stream : from.joins) {
    JoinedStream& joined = *stream->joined;
    if (joined.predictions == &from) {
      joined.join->predictions(batch, rows, joined.changes);
      if (!stream->spec.join->is_over_label_time) stream->first_row = from.first_row;
    } else {
      joined.join->labels(batch, rows, joined.changes);
      if (stream->spec.join->is_over_label_time) stream->first_row = from.first_row;
    }
    join_land(*stream);
  }
}

void MetricEngine::State::join_advance(StreamState& stream, Instant now) {
  JoinedStream& joined = *stream.joined;
  const JoinSpec& spec = *stream.spec.join;
  const Instant predicted = joined.predictions->watermark.value();
  const Instant labelled = joined.labels->watermark.value();
  stream.watermark = spec.is_over_label_time ? joined.labels->watermark : joined.predictions->watermark;
  stream.counters.watermark = stream.watermark.value();
  stream.counters.newest_event = stream.watermark.newest();
  stream.counters.last_arrival = stream.watermark.last_arrival();
  joined.join->watermarks(predicted, labelled, joined.changes);
  join_land(stream);
  Instant bound = joined.join->settled();
  if (bound == far_past) return;
  if (spec.is_over_label_time) bound = bound - spec.early;
  const Instant reached = joined.settled_watermark(spec);
  if (!stream.trailing.empty()) advance_cuts(stream);  // while the rows they need are there
  settle_detectors(stream, now);
  for (auto& use : stream.rings) {
    use.ring->settle(bound);
    use.ring->forget(reached);
  }
  for (auto& panes : joined.coverage) panes->forget(reached);
}

}  // namespace tidewatch
