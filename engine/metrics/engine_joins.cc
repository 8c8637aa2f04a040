// A joined stream in two steps: its sides and derived columns before any handle is looked at, its buffer once every
// metric has said how late its rows may be.
#include "metrics/engine_state.h"

namespace tidewatch {

void MetricEngine::State::connect_joins(std::vector<Problem>& problems) {
  for (auto& stream : streams) {
    if (!stream->spec.join) continue;
    const JoinSpec& join = *stream->spec.join;
    StreamState *predictions = nullptr, *labels = nullptr;
    for (auto& other : streams) {
      if (other == stream) break;
      if (other->spec.name == join.predictions) predictions = other.get();
      if (other->spec.name == join.labels) labels = other.get();
    }
    if (!predictions || !labels) {
      problems.push_back({0, stream->spec.name + ": no stream \"" + (predictions ? join.labels : join.predictions) +
                                 "\" is declared before it"});
      stream->spec.join.reset();
      continue;
    }
    auto& joined = *(stream->joined = std::make_unique<JoinedStream>());
    joined.predictions = predictions;
    joined.labels = labels;
    joined.predicted_columns = predictions->spec.schema.columns.size() + predictions->spec.derived.size();
    predictions->joins.push_back(stream.get());
    labels->joins.push_back(stream.get());
    StreamSpec so_far = stream->spec;
    so_far.derived.clear();
    for (const DerivedSpec& derived : stream->spec.derived) {
      auto expression = Expression::compile(derived.expression, so_far);
      if (!expression)
        problems.push_back({0, "derived column \"" + derived.name + "\": " + expression.error().text});
      else
        joined.derived.push_back(std::move(*expression));
      so_far.derived.push_back(derived);
    }
  }
}

void make_join(StreamState& stream) {
  JoinedStream& joined = *stream.joined;
  const JoinSpec& spec = *stream.spec.join;
  LabelJoin::Shape shape;
  const auto types_of = [](const StreamSpec& side, std::vector<ColumnType>& out) {
    for (const ColumnSpec& column : side.schema.columns) out.push_back(column.type);
    out.resize(out.size() + side.derived.size(), ColumnType::number);
  };
  types_of(joined.predictions->spec, shape.predicted);
  types_of(joined.labels->spec, shape.actual);
  shape.predicted_time = *joined.predictions->column(joined.predictions->spec.time);
  shape.actual_time = *joined.labels->column(joined.labels->spec.time);
  for (const std::string& key : spec.on) {
    shape.predicted_key.push_back(*joined.predictions->column(key));
    shape.actual_key.push_back(*joined.labels->column(key));
  }
  shape.within = spec.within;
  shape.early = spec.early;
  shape.lateness = joined.lateness;
  shape.most_pending = spec.most_pending;
  shape.is_over_label_time = spec.is_over_label_time;
  joined.join = std::make_unique<LabelJoin>(std::move(shape));
  joined.changes = joined.join->changes();
}

}  // namespace tidewatch
