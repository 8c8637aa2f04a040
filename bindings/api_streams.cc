// Streams and the metric calls on them. Metrics are the catalogue's rows: a new metric needs no line here.

#include <algorithm>

#include "base/calendar.h"
#include "base/text.h"
#include "bindings/declarations.h"
#include "metrics/metric_engine.h"
#include "records/expression.h"

namespace tidewatch {

namespace {

constexpr const char* column_types = "number, integer, boolean, string, category or time, with ? when it may be null";

// "number?" -> the column's type; false when it is none.
bool read_type(std::string text, ColumnSpec& column) {
  if (!text.empty() && text.back() == '?') {
    column.nullable = true;
    text.pop_back();
  }
  const auto type = column_type_named(text);
  if (type) column.type = *type;
  return type.has_value();
}

std::string type_nearest(std::string text) {
  if (!text.empty() && text.back() == '?') text.pop_back();
  static const std::vector<std::string> known = {"number", "integer", "boolean", "string", "category", "time"};
  static const std::vector<std::pair<std::string, std::string>> elsewhere = {
      {"float", "number"}, {"double", "number"}, {"int", "integer"},    {"bool", "boolean"}, {"text", "string"},
      {"str", "string"},   {"datetime", "time"}, {"timestamp", "time"}, {"date", "time"},    {"enum", "category"}};
  for (const auto& [word, ours] : elsewhere)
    if (word == text) return "\"" + ours + "\"";
  const auto near = nearest_names(text, known);
  return near.empty() ? "" : "\"" + near[0] + "\"";
}

// columns = { ts = "time" } (sorted by name) or { { "ts", "time" }, ... } (in the order written).
bool read_columns(Call& call, Fields& fields, Schema& schema) {
  lua_State* L = call.state;
  if (!fields.push("columns")) return false;
  const int table = lua_gettop(L);
  if (!lua_istable(L, table)) {
    lua_pop(L, 1);
    fields.wrong("columns", "a table such as { ts = \"time\", latency_ms = \"number\" }");
    return false;
  }
  bool is_good = true;
  std::vector<ColumnSpec> listed, named;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    const int value = lua_gettop(L);
    ColumnSpec column;
    std::string type;
    const bool is_pair = lua_type(L, value - 1) == LUA_TNUMBER && lua_istable(L, value);
    if (!is_pair && lua_type(L, value - 1) == LUA_TSTRING && lua_type(L, value) == LUA_TSTRING) {
      column.name = std::string(text_at(L, value - 1));
      type = std::string(text_at(L, value));
    }
    lua_pop(L, 1);
    if (is_pair) continue;  // in order, below
    if (column.name.empty() || !read_type(type, column)) {
      const std::string key = lua_type(L, -1) == LUA_TSTRING ? std::string(text_at(L, -1)) : "";
      const Place& at = fields.place();
      Span span = call.source_map(at).value(at.line, at.call, at.name, "columns");
      // The table of columns is often long: look for the column itself inside it.
      if (!key.empty())
        if (const Span inner = call.source_map(at).item(at.line, at.call, at.name, "columns", key); inner.line)
          span = inner;
      call.complain(at, span, fields.path() + ".columns" + (key.empty() ? "" : "." + key), "",
                    key.empty() ? "names and types, such as ts = \"time\"" : column_types,
                    key.empty()    ? "a value without a name"
                    : type.empty() ? "another value"
                                   : "\"" + type + "\"",
                    type.empty() ? "" : type_nearest(type));
      is_good = false;
      continue;
    }
    named.push_back(std::move(column));
  }
  for (int i = 1;; ++i) {
    lua_rawgeti(L, table, i);
    if (!lua_istable(L, -1)) {
      lua_pop(L, 1);
      break;
    }
    lua_rawgeti(L, -1, 1);
    lua_rawgeti(L, -2, 2);
    ColumnSpec column;
    column.name = std::string(text_at(L, -2));
    const std::string type(text_at(L, -1));
    lua_pop(L, 3);
    if (column.name.empty() || !read_type(type, column)) {
      fields.wrong("columns", "item " + std::to_string(i), "{ name, type } with a type of " + std::string(column_types),
                   "\"" + type + "\"", type_nearest(type));
      is_good = false;
      continue;
    }
    listed.push_back(std::move(column));
  }
  lua_pop(L, 1);
  std::sort(named.begin(), named.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  schema.columns = std::move(listed);
  schema.columns.insert(schema.columns.end(), named.begin(), named.end());
  if (is_good && schema.columns.empty()) {
    fields.wrong("columns", "at least one column");
    return false;
  }
  return is_good;
}

int declare_stream(Call& call, const Declarer& declarer, int table) {
  StreamSpec spec;
  spec.name = declarer.name;
  spec.file = declarer.place.file;
  spec.line = std::to_string(declarer.place.line);
  const std::string path = "stream \"" + spec.name + "\"";
  const bool is_new = declare_name(call, "stream", spec.name, declarer.place);
  Fields fields(call, table, *declarer.entry, declarer.place, path);
  bool is_good = is_new && read_columns(call, fields, spec.schema);
  spec.zone = fields.text("zone").value_or("UTC");
  if (auto known = check_zone(spec.zone); !known) {
    fields.wrong_text("zone", known.error().text);
    spec.zone = "UTC";
  }
  spec.time = fields.text("time").value_or("");
  spec.key = fields.text("key").value_or("");
  spec.disorder = fields.duration("disorder").value_or(spec.disorder);
  spec.idle = fields.duration("idle").value_or(spec.idle);
  spec.future = fields.duration("future").value_or(spec.future);
  if (is_good) {
    const auto names = spec.schema.names();
    const auto check = [&](const char* field, const std::string& column) {
      if (column.empty() || spec.schema.find(column)) return true;
      std::string near;
      for (const auto& n : nearest_names(column, names)) near += (near.empty() ? "\"" : " or \"") + n + "\"";
      fields.wrong(field, "", "a column of the stream", "\"" + column + "\"", near);
      return false;
    };
    is_good = check("time", spec.time) && !spec.time.empty();
    if (is_good && spec.schema.columns[*spec.schema.find(spec.time)].type != ColumnType::time) {
      fields.wrong("time", "", "a column of type time",
                   "\"" + spec.time + "\" of type " +
                       std::string(name_of(spec.schema.columns[*spec.schema.find(spec.time)].type)));
      is_good = false;
    }
    is_good = check("key", spec.key) && is_good;
  }
  StreamObject object;
  if (is_good) {
    object.index = static_cast<int>(call.pack.spec.streams.size());
    call.pack.spec.streams.push_back(std::move(spec));
  }
  Object<StreamObject>::push(call, object);
  return 1;
}

// stream:derive { error = "abs(predicted - actual)" }. One may read another of the same table, whatever the order.
int derive(Call& call) {
  lua_State* L = call.state;
  StreamObject* stream = Object<StreamObject>::at(call, 1);
  const Place at = call.place();
  if (!stream || !call.is_table(2)) {
    call.complain(at, {}, call.entry->signature(), "", "a table such as { error = \"abs(predicted - actual)\" }",
                  call.describe(2));
    return 0;
  }
  lua_pushvalue(L, 1);
  if (stream->index < 0) return 1;
  if (const std::string used = joined_with(call.pack, *stream); !used.empty()) {
    call.complain(at, call.source_map(at).call(at.line, "derive"), "stream:derive",
                  "derive columns before " + used + " is made: it has taken the columns there were");
    return 1;
  }
  StreamSpec& spec = call.pack.spec.streams[static_cast<std::size_t>(stream->index)];
  const std::string path = "stream \"" + spec.name + "\":derive";
  std::vector<DerivedSpec> waiting;
  lua_pushnil(L);
  while (lua_next(L, 2)) {
    DerivedSpec d{std::string(text_at(L, -2)), std::string(text_at(L, -1)), {}, {}};
    lua_pop(L, 1);
    if (d.name.empty() || d.expression.empty())
      call.complain(at, {}, path, "", "a column name and an expression", call.describe(lua_gettop(L)));
    else
      waiting.push_back(std::move(d));
  }
  std::sort(waiting.begin(), waiting.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  const auto is_there = [&spec](const std::string& name) {
    return spec.schema.find(name).has_value() ||
           std::any_of(spec.derived.begin(), spec.derived.end(), [&](const auto& d) { return d.name == name; });
  };
  // previous(close) is a column of its own, before the one that reads it.
  const auto add_previous = [&](const DerivedSpec& of) {
    if (spec.join) return;
    for (DerivedSpec& one : Expression::previous_columns(of.expression)) {
      bool is_known = is_there(one.previous_of) && !is_there(one.name);
      for (const std::string& by : one.previous_by) is_known = is_known && is_there(by);
      if (is_known) spec.derived.push_back(std::move(one));
    }
  };
  for (bool any = true; any && !waiting.empty();) {
    any = false;
    for (auto it = waiting.begin(); it != waiting.end();) {
      const bool is_taken =
          spec.schema.find(it->name).has_value() ||
          std::any_of(spec.derived.begin(), spec.derived.end(), [&](const auto& d) { return d.name == it->name; });
      const std::size_t before = spec.derived.size();
      add_previous(*it);
      const bool compiles = !is_taken && Expression::compile(it->expression, spec);
      if (!compiles) spec.derived.resize(before);
      if (compiles) {
        spec.derived.push_back(*it);
        it = waiting.erase(it);
        any = true;
      } else {
        ++it;
      }
    }
  }
  for (const auto& d : waiting) {
    const auto why = Expression::compile(d.expression, spec);
    call.complain(at, call.source_map(at).value(at.line, "derive", {}, d.name), path + "." + d.name,
                  why ? "a column of that name exists already" : why.error().text);
  }
  return 1;
}

const std::vector<Param>& metric_options() {
  static const std::vector<Param> options = {
      may("over", "window", "", "The window: \"5m\", \"252 rows\", \"5 business days\", \"calendar day\".",
          {"window", "range", "period"}),
      may("by", "text or list", "", "Columns whose values make label sets.", {"group_by", "groupby", "labels"}),
      may("where", "expression or function", "", "Only rows for which this is true.", {"filter"}),
      may("step", "duration", "over/60", "Pane width; divides `over`.", {"every"}),
      may("against", "baseline, trailing, seasonal or text", "",
          "What a drift metric compares with: baseline \"train\", trailing \"28 days\", seasonal \"1 week\", \"1 "
          "week ago\".",
          {"reference", "baseline"}),
      may("lateness", "duration", "the larger of step and \"1m\"", "How late a row may land."),
      may("min_n", "whole number", "the metric's own", "Fewer rows than this read `insufficient`.",
          {"min_count", "min_samples"}),
      may("most_series", "whole number", "10000", "Label sets kept apart; rows of further ones share \"(other)\"."),
      may("full", "boolean", "false", "`insufficient` until the window is wholly after the stream's first row."),
      may("read", "text", "closed",
          "\"open\" reads the running pane too. Joined streams: \"mature\" (their default) or \"latest\".", {},
          {"closed", "open", "mature", "latest"}),
      may("actual", "text", "", "The outcome's column, when only the predicted one was given."),
      may("bins", "whole number, list or { equal_width = n }", "10", "Bins of a drift metric."),
      may("smoothing", "text", "half", "\"floor\": none, but a zero share of psi or kl becomes 1e-4.", {},
          {"half", "floor"}),
      may("point_masses", "boolean", "true", "A value that is common in the baseline is a bin of its own."),
      may("nulls", "text", "out", "\"bin\": nulls are a bin.", {}, {"out", "bin"}),
      may("reverse", "boolean", "false", "kl: reference against current."),
      may("q", "number", "0.5", "quantile: 0 to 1."),
      may("exact", "boolean", "false", "Quantiles without a sketch, up to 1,000,000 values."),
      may("threshold", "number", "0.5", "Scores at or above it are positive."),
      may("positive", "text", "", "The category that counts as positive."),
      may("false_positive", "number", "1", "decision_cost: what one costs."),
      may("false_negative", "number", "1", "decision_cost: what one costs."),
      may("per", "text", "", "decision_cost: \"prediction\" divides by the rows.", {}, {"prediction"}),
      may("unit", "text", "", "freshness: \"business days\".", {}, {"business days"}),
      may("of", "text", "", "freshness: a time column other than the stream's."),
      may("calendar", "text", "weekdays", "\"weekdays\", \"every day\" or \"XNYS\"."),
      may("zone", "text", "UTC", "Whose midnights calendar windows use.", {"timezone", "tz"}),
      may("ordered", "boolean", "true", "schema_hash: whether the order of columns counts."),
      may("method", "text", "pearson", "correlation: \"spearman\" is that of ranks. Quantiles: \"nearest_rank\".", {},
          {"pearson", "spearman", "nearest_rank"}),
      may("scaled", "boolean", "false", "wasserstein: over the baseline's standard deviation."),
      may("test", "text", "psi", "drifted_columns: the test of each column.", {},
          {"psi", "chi2", "ks", "kl", "js", "hellinger"}),
      may("schedule", "text", "", "job_success: \"21:00\", \"09:00, 21:00\" or \"every 1h\", on days of `calendar`."),
      may("within", "duration", "", "job_success: how long after its time a run may be answered."),
      may("covers", "text", "", "job_success: a time column that must reach the day that was due."),
      may("holds", "duration", "twice the median gap", "time_share: how long a sample holds at most."),
      may("control", "text", "", "compare: the value of `by` that is known."),
      may("candidate", "text", "", "compare: the value of `by` that is new."),
      may("least", "number", "", "compare: the smallest difference worth knowing."),
      may("worse", "text", "", "compare: only a candidate that is higher, or lower, counts.", {}, {"higher", "lower"}),
      may("columns", "text or list", "", "Columns, when not given before the options.", {"column"}),
  };
  return options;
}

// A window's "where": a text is compiled against the schema, a function is kept for the predicate.
bool read_where(Call& call, Fields& fields, const StreamSpec& stream, MetricSpec& metric) {
  lua_State* L = call.state;
  if (!fields.push("where")) return true;
  if (lua_isfunction(L, -1)) {
    metric.predicate = static_cast<int>(call.pack.functions.size());
    call.pack.functions.emplace_back(L);
    return true;
  }
  const bool is_text = lua_type(L, -1) == LUA_TSTRING;
  metric.where = std::string(text_at(L, -1));
  lua_pop(L, 1);
  if (!is_text) {
    fields.wrong("where", "an expression such as \"status >= 500\", or a function of a row");
    return false;
  }
  auto compiled = Expression::compile(metric.where, stream);
  if (compiled && compiled->kind() == ExpressionKind::truth) return true;
  if (compiled)
    fields.wrong("where", "", "a comparison such as \"status >= 500\"", "an expression that is not true or false");
  else
    fields.wrong_text("where", compiled.error().text);
  return false;
}

void read_bins(Call& call, Fields& fields, MetricSpec& metric) {
  lua_State* L = call.state;
  if (!fields.push("bins")) return;
  const int at = lua_gettop(L);
  bool is_good = true;
  if (lua_type(L, at) == LUA_TNUMBER) {
    metric.bins = format_number(lua_tonumber(L, at));
  } else if (lua_istable(L, at)) {
    lua_getfield(L, at, "equal_width");
    if (lua_type(L, -1) == LUA_TNUMBER) {
      metric.bins = "equal_width " + format_number(lua_tonumber(L, -1));
      lua_pop(L, 1);
    } else {
      lua_pop(L, 1);
      for (int i = 1;; ++i) {
        lua_rawgeti(L, at, i);
        const int type = lua_type(L, -1);
        if (type == LUA_TNUMBER) metric.bins += (i > 1 ? "," : "") + format_number(lua_tonumber(L, -1));
        lua_pop(L, 1);
        if (type == LUA_TNIL) break;
        if (type != LUA_TNUMBER) is_good = false;
      }
      is_good = is_good && !metric.bins.empty();
    }
  } else {
    is_good = false;
  }
  lua_pop(L, 1);
  if (!is_good) fields.wrong("bins", "a whole number, a list of inner edges or { equal_width = 10 }");
}

bool column_exists(const StreamSpec& stream, const std::string& column) {
  return column == "*" || stream.schema.find(column) ||
         std::any_of(stream.derived.begin(), stream.derived.end(), [&](const auto& d) { return d.name == column; });
}

std::string nearest_column(const StreamSpec& stream, const std::string& column) {
  auto names = stream.schema.names();
  for (const auto& d : stream.derived) names.push_back(d.name);
  std::string near;
  for (const auto& n : nearest_names(column, names)) near += (near.empty() ? "\"" : " or \"") + n + "\"";
  return near;
}

// against = trailing "28 days", seasonal "1 week", or "1 week ago": the same window that much earlier.
bool read_past(Fields& fields, const ReferenceObject* past, const std::string& ago, MetricSpec& metric) {
  if (past && past->is_poisoned) return false;
  if (past && past->handle.op == HandleSpec::Op::trailing) {
    metric.trailing = {past->handle.span, past->handle.rows, past->handle.gap, past->handle.rebin};
    return true;
  }
  if (past) {
    metric.trailing.period = past->handle.span;
    metric.trailing.periods = past->handle.periods;
    metric.trailing.rebin = past->handle.rebin;
    return true;
  }
  auto span = parse_duration(std::string_view(ago).substr(0, ago.size() - 4));
  if (!span) {
    fields.wrong_text("against", span.error().text);
    return false;
  }
  if (metric.window.kind != WindowSpec::Kind::sliding || *span < metric.window.over) {
    fields.wrong("against", "", "a time at least one window ago, of a window that is a duration", "\"" + ago + "\"");
    return false;
  }
  metric.trailing.span = metric.window.over;
  metric.trailing.gap = *span - metric.window.over;
  return true;
}

int poisoned_handle(Call& call) {
  Object<HandleObject>::push(call, {});
  return 1;
}

int metric_call(Call& call) {
  lua_State* L = call.state;
  StreamObject* object = Object<StreamObject>::at(call, 1);
  if (!object) throw Misuse(call.entry->name + ": write it with a colon, as in api:" + call.entry->name + "(...)");
  if (object->index < 0) return poisoned_handle(call);
  const StreamSpec& stream = call.pack.spec.streams[static_cast<std::size_t>(object->index)];
  const MetricInfo* info = find_metric(call.entry->name);
  const Place at = call.place();
  const std::string path = stream.name + ":" + call.entry->name;
  bool is_good = true;

  HandleSpec handle;
  MetricSpec& metric = handle.metric;
  metric.metric = call.entry->name;
  metric.stream = stream.name;

  int index = 2, options = 0;
  std::vector<std::string> texts;
  for (; index <= call.count(); ++index) {
    if (call.is_text(index)) {
      texts.push_back(call.text(index));
    } else if (call.is_table(index) && index == call.count()) {
      options = index;
    } else {
      call.complain_argument(index - 1, info->columns_min == -1 ? "an expression and a table of options"
                                                                : "a column name or a table of options");
      is_good = false;
      break;
    }
  }
  const bool takes_expression = info->columns_min == -1;
  if (takes_expression) {
    if (texts.size() == 1) {
      metric.expression = texts[0];
      auto compiled = Expression::compile(metric.expression, stream);
      const auto span = [&] { return call.source_map(at).argument(at.line, at.call, 1); };
      if (!compiled) {
        call.complain(at, span(), path, compiled.error().text);
        is_good = false;
      } else if (compiled->kind() != ExpressionKind::truth && metric.metric != "compare") {
        call.complain(at, span(), path, "", "a comparison such as \"status >= 500\"",
                      "an expression that is not true or false");
        is_good = false;
      }
    } else if (is_good) {
      call.complain(at, call.source_map(at).call(at.line, at.call), path, "",
                    "one expression such as \"status >= 500\"", std::to_string(texts.size()) + " texts");
      is_good = false;
    }
  } else {
    metric.columns = texts;
  }

  Fields fields(call, options ? options : call.count() + 1, *call.entry, at, path);
  is_good = is_good && fields.is_good();
  if (fields.has("columns")) metric.columns = fields.texts("columns");
  if (auto actual = fields.text("actual")) metric.columns.push_back(std::move(*actual));
  // accuracy("direction") of a joined stream: predicted.direction against actual.direction.
  if (info->columns_max == 2 && metric.columns.size() == 1 && stream.join) {
    const std::string predicted = "predicted." + metric.columns[0], outcome = "actual." + metric.columns[0];
    if (stream.schema.find(predicted) && stream.schema.find(outcome)) metric.columns = {predicted, outcome};
  }
  for (std::size_t i = 0; i < metric.columns.size(); ++i)
    if (!column_exists(stream, metric.columns[i])) {
      const Span span = i < texts.size() ? call.source_map(at).argument(at.line, at.call, static_cast<int>(i) + 1)
                                         : call.source_map(at).value(at.line, at.call, {}, "columns");
      call.complain(at, span, path, "", "a column of stream \"" + stream.name + "\"", "\"" + metric.columns[i] + "\"",
                    nearest_column(stream, metric.columns[i]));
      is_good = false;
    }
  const int given = static_cast<int>(metric.columns.size());
  const bool is_list = given == 1 && metric.columns[0] == "*";
  if (!takes_expression && is_good && !is_list && (given < info->columns_min || given > info->columns_max)) {
    call.complain(at, call.source_map(at).call(at.line, at.call), path, "",
                  info->columns_min == info->columns_max
                      ? std::to_string(info->columns_min) + (info->columns_min == 1 ? " column" : " columns")
                      : std::to_string(info->columns_min) + " to " + std::to_string(info->columns_max) + " columns",
                  std::to_string(given));
    is_good = false;
  }

  metric.by = fields.texts("by");
  for (const auto& b : metric.by)
    if (!column_exists(stream, b))
      fields.wrong("by", "", "a column of stream \"" + stream.name + "\"", "\"" + b + "\"", nearest_column(stream, b));
  metric.calendar = fields.text("calendar").value_or(metric.calendar);
  if (auto calendar = Calendar::named(metric.calendar); !calendar) fields.wrong_text("calendar", calendar.error().text);
  metric.zone = fields.text("zone").value_or(stream.zone);
  if (auto zone = check_zone(metric.zone); !zone) fields.wrong_text("zone", zone.error().text);
  if (fields.push("over")) {
    const bool is_number = lua_type(L, -1) == LUA_TNUMBER;
    const double number = lua_tonumber(L, -1);
    lua_pop(L, 1);
    if (is_number) {
      fields.wrong("over", "", "a window such as \"5m\"", "number " + format_number(number),
                   "\"" + format_number(number) + "s\" or \"" + format_number(number) + " rows\"");
    } else if (const auto over = fields.text("over")) {
      auto window = parse_window(*over);
      if (window)
        metric.window = *window;
      else
        fields.wrong_text("over", window.error().text);
      metric.window.calendar = metric.calendar;
      metric.window.zone = metric.zone;
    }
  } else if (info->needs_over && is_good) {
    call.complain(at, call.source_map(at).call(at.line, at.call), path,
                  "missing option \"over\": a window such as over = \"5m\"");
    is_good = false;
  }
  if (!read_where(call, fields, stream, metric)) is_good = false;
  metric.step = fields.duration("step").value_or(metric.step);
  metric.lateness = fields.duration("lateness").value_or(metric.lateness);
  metric.min_n = fields.whole("min_n", 1, 1'000'000'000).value_or(0);
  metric.most_series =
      static_cast<std::uint32_t>(fields.whole("most_series", 1, 10'000'000).value_or(default_most_series));
  metric.full = fields.boolean("full").value_or(false);
  const std::string read = fields.text("read").value_or(stream.join ? "mature" : "closed");
  metric.read = read == "open"     ? ReadMode::open
                : read == "mature" ? ReadMode::mature
                : read == "latest" ? ReadMode::latest
                                   : ReadMode::closed;
  if (fields.push("against")) {
    const Declarer* baseline = baseline_at(call, lua_gettop(L));
    if (baseline) metric.against = baseline->name;
    const ReferenceObject* past = Object<ReferenceObject>::at(call, lua_gettop(L));
    const std::string text(lua_type(L, -1) == LUA_TSTRING ? text_at(L, -1) : "");
    lua_pop(L, 1);
    if (past || (text.size() > 4 && text.compare(text.size() - 4, 4, " ago") == 0)) {
      if (!read_past(fields, past, text, metric)) is_good = false;
    } else if (metric.against.empty()) {
      metric.against = fields.text("against").value_or("");
    }
    if (!metric.against.empty()) {
      Place use = at;
      const Span span = call.source_map(at).value(at.line, at.call, {}, "against");
      if (span.line) use.line = span.line;
      call.pack.baseline_uses.emplace_back(metric.against, use);
    }
  } else if (info->needs_against && is_good) {
    call.complain(at, call.source_map(at).call(at.line, at.call), path,
                  "missing option \"against\": the rows to compare with, as in against = baseline \"train\"");
    is_good = false;
  }
  read_bins(call, fields, metric);
  metric.smoothing_floor = fields.text("smoothing").value_or("") == "floor";
  metric.point_masses = fields.boolean("point_masses").value_or(true);
  metric.nulls_bin = fields.text("nulls").value_or("") == "bin";
  metric.reverse = fields.boolean("reverse").value_or(false);
  metric.q = fields.number("q").value_or(metric.q);
  if (metric.q < 0 || metric.q > 1) fields.wrong("q", "a number from 0 to 1");
  metric.exact = fields.boolean("exact").value_or(false);
  metric.threshold = fields.number("threshold").value_or(metric.threshold);
  metric.positive = fields.text("positive").value_or("");
  metric.false_positive_cost = fields.number("false_positive").value_or(1);
  metric.false_negative_cost = fields.number("false_negative").value_or(1);
  metric.per_prediction = fields.text("per").value_or("") == "prediction";
  metric.unit = fields.text("unit").value_or("");
  metric.of = fields.text("of").value_or("");
  if (!metric.of.empty() && !column_exists(stream, metric.of))
    fields.wrong("of", "", "a column of stream \"" + stream.name + "\"", "\"" + metric.of + "\"",
                 nearest_column(stream, metric.of));
  metric.ordered = fields.boolean("ordered").value_or(true);
  metric.method = fields.text("method").value_or("");
  metric.scaled = fields.boolean("scaled").value_or(false);
  metric.test = fields.text("test").value_or("");
  metric.schedule = fields.text("schedule").value_or("");
  metric.within = fields.duration("within").value_or(metric.within);
  metric.covers = fields.text("covers").value_or("");
  metric.holds = fields.duration("holds").value_or(metric.holds);
  if (metric.metric == "compare") {
    metric.control = fields.text("control").value_or("");
    metric.candidate = fields.text("candidate").value_or("");
    metric.least = fields.number("least").value_or(0);
    metric.worse = fields.text("worse").value_or("");
    // The two sides are one answer: the column makes no label sets.
    if (metric.by.size() == 1) metric.side = metric.by[0];
    metric.by.clear();
    for (const auto& [name, missing, what] :
         {std::tuple("by", metric.side.empty(), "one column that tells control and candidate apart"),
          std::tuple("control", metric.control.empty(), "the value of `by` that is known"),
          std::tuple("candidate", metric.candidate.empty() || metric.candidate == metric.control,
                     metric.candidate.empty() ? "the value of `by` that is new" : "another value of `by` than control"),
          std::tuple("least", !(metric.least > 0), "a number above 0: the smallest difference worth knowing")}) {
      if (!missing || !is_good) continue;
      if (fields.has(name))
        fields.wrong(name, what);
      else
        call.complain(at, call.source_map(at).call(at.line, at.call), path,
                      "missing option \"" + std::string(name) + "\": " + what);
      is_good = false;
    }
  }

  HandleObject out;
  if (is_good && fields.is_good()) out.id = static_cast<int>(add_handle(call.pack, std::move(handle), at));
  Object<HandleObject>::push(call, out);
  return 1;
}

// What an unknown metric's name answers: a function that takes anything and gives a poisoned handle.
int poison(lua_State* state) { return guard<poisoned_handle>(state); }

}  // namespace

HandleId add_handle(Declarations& pack, HandleSpec spec, const Place& place) {
  spec.file = place.file;
  spec.line = place.line;
  pack.spec.handles.push_back(std::move(spec));
  pack.handle_places.push_back(place);
  return static_cast<HandleId>(pack.spec.handles.size() - 1);
}

int missing_metric(Call& call) {
  const StreamObject* stream = Object<StreamObject>::at(call, 1);
  const std::string name = call.is_text(2) ? call.text(2) : call.describe(2);
  const std::string of = stream && stream->index >= 0
                             ? "stream \"" + call.pack.spec.streams[static_cast<std::size_t>(stream->index)].name + "\""
                             : "stream";
  Place at = call.place();
  at.call = name;
  std::string near;
  for (const auto& n : nearest_names(name, names_of("stream"))) near += (near.empty() ? "\"" : " or \"") + n + "\"";
  call.complain(at, call.source_map(at).call(at.line, name), of, "no metric or method \"" + name + "\"", "", "", near);
  lua_pushcfunction(call.state, poison);
  return 1;
}

std::vector<Entry> stream_entries() {
  return {
      {"stream",
       "declaration",
       "",
       {need("columns", "table",
             "Column names and types: number integer boolean string category time; ? after a type allows null.",
             {"schema", "fields"}),
        need("time", "text", "The column of type time that places a record in a window.", {"timestamp", "event_time"}),
        may("key", "text", "", "The column that identifies a record.", {"id"}),
        may("disorder", "duration", "0s", "How far behind the newest event time the watermark stays."),
        may("idle", "duration", "1m", "A source silent for this long holds nobody back."),
        may("future", "duration", "5m", "Rows further ahead of the clock are rejected."),
        may("zone", "text", "UTC", "For times written without an offset.", {"timezone", "tz"})},
       "stream",
       at_load(),
       "declare",
       "Declares what arrives: names and types of the columns of one kind of record.",
       {"local api = stream \"api\" {\n  time = \"ts\",\n  columns = { ts = \"time\", endpoint = \"category\", status "
        "= \"integer\", latency_ms = \"number\" },\n}"},
       nullptr,
       declare_stream},
      {"derive",
       "method",
       "stream",
       {argument("columns", "table", "New column = expression over the others.")},
       "stream",
       at_load(),
       "declare",
       "Adds number columns computed from others as records arrive. previous(column) is its newest value that is not "
       "null in "
       "an earlier row, previous(column, series) in one of the same series; rows of a stream that uses it are counted "
       "in "
       "order, once the watermark has passed them.",
       {"api:derive { error = \"abs(predicted - actual)\" }",
        "api:derive { change = \"latency_ms / previous(latency_ms, endpoint) - 1\" }"},
       derive,
       nullptr},
  };
}

std::vector<Entry> metric_entries() {
  std::vector<Entry> out;
  for (const auto& m : metric_catalogue()) {
    Entry e;
    e.name = std::string(m.name);
    e.kind = "metric";
    e.owner = "stream";
    if (m.columns_min == -1) {
      e.params.push_back(argument("expression", "expression", "True for the rows that count."));
    } else {
      for (int i = 0; i < std::min(m.columns_min, 2) && m.columns_max <= 2; ++i)
        e.params.push_back(argument(m.columns_min == 1 ? "column"
                                    : i == 0           ? "first"
                                                       : "second",
                                    "column", "A column of the stream."));
    }
    const auto& options = metric_options();
    e.params.insert(e.params.end(), options.begin(), options.end());
    e.returns = "handle";
    e.contexts = at_load();
    e.effect = "declare";
    e.text = std::string(m.text);
    if (!m.example.empty()) e.examples.emplace_back(m.example);
    e.function = metric_call;
    out.push_back(std::move(e));
  }
  return out;
}

}  // namespace tidewatch
