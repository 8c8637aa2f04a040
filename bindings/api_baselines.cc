// Baselines: rows that stand still, to compare the present with. baseline "train" alone, without a table, refers to
// one.

#include <algorithm>

#include "bindings/declarations.h"

namespace tidewatch {

namespace {

int declare_baseline(Call& call, const Declarer& declarer, int table) {
  BaselineSpec spec;
  spec.name = declarer.name;
  const std::string path = "baseline \"" + spec.name + "\"";
  const bool is_new = declare_name(call, "baseline", spec.name, declarer.place);
  Fields fields(call, table, *declarer.entry, declarer.place, path);
  std::string zone = "UTC";
  bool is_poisoned = false;
  if (fields.push("stream")) {
    const StreamObject* stream = Object<StreamObject>::at(call, lua_gettop(call.state));
    lua_pop(call.state, 1);
    if (stream && stream->index >= 0) {
      const StreamSpec& s = call.pack.spec.streams[static_cast<std::size_t>(stream->index)];
      spec.stream = s.name;
      zone = s.zone;
      if (s.join) fields.wrong("stream", "", "a stream that records arrive for", s.name + ", which its two sides feed");
    } else if (stream) {
      is_poisoned = true;
    } else if (const auto name = fields.text("stream")) {
      const auto& streams = call.pack.spec.streams;
      const auto it = std::find_if(streams.begin(), streams.end(), [&](const auto& s) { return s.name == *name; });
      if (it == streams.end()) {
        fields.wrong("stream", "", "a stream declared above", "\"" + *name + "\"");
      } else {
        spec.stream = *name;
        zone = it->zone;
      }
    }
  }
  spec.file = fields.text("file").value_or("");
  const auto from = fields.instant("from", zone), to = fields.instant("to", zone);
  const bool has_span = fields.has("from") || fields.has("to");
  const Span head = call.source_map(declarer.place).call(declarer.place.line, "baseline", spec.name);
  bool is_good = is_new && fields.is_good();
  if (has_span == !spec.file.empty() || (has_span && !(fields.has("from") && fields.has("to")))) {
    call.complain(declarer.place, head, path, "needs either `file`, or both `from` and `to`");
    is_good = false;
  } else if (from && to && *to <= *from) {
    fields.wrong("to", "", "an instant after `from`", format_instant(*to));
    is_good = false;
  }
  spec.has_span = has_span;
  spec.from = from.value_or(Instant{});
  spec.to = to.value_or(Instant{});
  if (is_good && !is_poisoned) call.pack.spec.baselines.push_back(std::move(spec));
  return 0;
}

// Nothing is declared yet: what the past is of is known only where the reference is used.
int push_reference(Call& call, HandleSpec spec, bool is_good) {
  Object<ReferenceObject>::push(call, {std::move(spec), !is_good});
  return 1;
}

int trailing(Call& call) {
  HandleSpec spec;
  spec.op = HandleSpec::Op::trailing;
  bool is_good = true;
  const auto rows = call.is_text(1) ? parse_window(call.text(1)) : Result<WindowSpec>(WindowSpec());
  if (rows && rows->kind == WindowSpec::Kind::rows) {
    spec.rows = rows->count;
  } else {
    const auto span = call.need_duration(1, 1);
    spec.span = span.value_or(Duration{});
    is_good = span.has_value();
  }
  Fields fields(call, 2, *call.entry, call.place(), "trailing");
  spec.gap = fields.duration("gap").value_or(spec.gap);
  spec.rebin = fields.duration("rebin").value_or(spec.rebin);
  spec.is_median = fields.text("statistic").value_or("mean") == "median";
  return push_reference(call, std::move(spec), is_good && fields.is_good());
}

int seasonal(Call& call) {
  HandleSpec spec;
  spec.op = HandleSpec::Op::seasonal;
  const auto span = call.need_duration(1, 1);
  spec.span = span.value_or(Duration{});
  Fields fields(call, 2, *call.entry, call.place(), "seasonal");
  spec.periods = static_cast<std::uint32_t>(fields.whole("periods", 4, 100).value_or(spec.periods));
  spec.rebin = fields.duration("rebin").value_or(spec.rebin);
  return push_reference(call, std::move(spec), span.has_value() && fields.is_good());
}

}  // namespace

std::vector<Entry> baseline_entries() {
  return {
      {"baseline",
       "declaration",
       "",
       {need("stream", "stream", "Whose schema the rows have."),
        may("file", "text", "", "Frozen rows, relative to the pack."),
        may("from", "instant", "", "First event time of the stream's own history."),
        may("to", "instant", "", "One past the last.")},
       "baseline",
       at_load(),
       "declare",
       "Reference rows: a file, or a pinned span of the stream's history. Without a table it refers to one.",
       {"baseline \"2019\" { stream = api, from = \"2019-01-01\", to = \"2020-01-01\" }",
        "local drift = api:psi(\"latency_ms\", { over = \"1 day\", against = baseline \"2019\" })"},
       nullptr,
       declare_baseline},
      {"trailing",
       "function",
       "",
       {argument("span", "duration or rows",
                 "It ends where the window that is judged begins: \"28 days\", or \"252 rows\" of windows of rows."),
        may("gap", "duration", "0s", "Left out between the span and the window."),
        may("statistic", "text", "mean", "Of the windows of the same length in the span; not for distributions.", {},
            {"mean", "median"}),
        may("rebin", "duration", "30d", "How long the bins of a drift metric stay before they are cut anew.")},
       "reference",
       at_load(),
       "pure",
       "The time before a window. A value rises, drops or deviates from the mean or median of its earlier windows "
       "there; "
       "under half of them ok reads `insufficient`. A drift metric takes it as `against` and compares the window's "
       "rows "
       "with the rows of that time, in bins that stay for `rebin`.",
       {"local moved = api:psi(\"latency_ms\", { over = \"1 day\", against = trailing \"28 days\" })",
        "local drop = api:count({ over = \"1h\", step = \"30m\" }):deviation { from = trailing(\"28 days\", { "
        "statistic = \"median\" }) }"},
       trailing,
       nullptr},
      {"seasonal",
       "function",
       "",
       {argument("period", "duration", "How far apart the windows compared with are."),
        may("periods", "whole number", "8", "How many of them, from 4 to 100."),
        may("rebin", "duration", "30d", "How long the bins of a drift metric stay before they are cut anew.")},
       "reference",
       at_load(),
       "pure",
       "The same slot of earlier periods: the median of the windows one, two ... periods before. Under 4 of them ok "
       "reads `insufficient`. A drift metric takes it as `against` and compares the window's rows with all rows of "
       "these slots, at the same local time where the metric or its stream has a `zone`, in bins of the slot's own.",
       {"local moved = api:psi(\"latency_ms\", { over = \"6h\", step = \"1h\", against = seasonal \"1 week\" })",
        "local odd = api:count({ over = \"1h\", step = \"30m\" }):deviation { from = seasonal(\"1 day\", { periods "
        "= 7 }) }"},
       seasonal,
       nullptr}};
}

}  // namespace tidewatch
