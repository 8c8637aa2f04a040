// Monitors, and the verdicts a `when` function gives.

#include <algorithm>

#include "base/text.h"
#include "bindings/declarations.h"
#include "monitors/template.h"

namespace tidewatch {

namespace {

// The draft with its value: rises and drops become a condition on a deviation handle of their own.
Condition settle(Call& call, const ConditionDraft& draft, HandleId value, const Place& place) {
  Declarations& pack = call.pack;
  Condition out = draft.condition;
  if (draft.from != ConditionDraft::From::none) {
    const HandleId id = add_deviation(pack, value, draft, place);
    out.input = static_cast<int>(id);
    pack.read_handles.insert(id);
  }
  if (out.false_alarms) {
    const bool is_below = out.kind != Condition::Kind::above;
    const HandleId judged = out.input >= 0 ? static_cast<HandleId>(out.input) : value;
    if (const Done known = calibrate(pack.spec.handles, judged, is_below); !known) {
      const Span span = call.source_map(place).call(place.line, place.call);
      call.complain(place, span, place.call + ".false_alarms", known.error().text);
    }
  }
  for (const auto& member : draft.members) out.members.push_back(settle(call, member, value, place));
  return out;
}

bool uses_a_reference(const ConditionDraft& draft) {
  return draft.from != ConditionDraft::From::none ||
         std::any_of(draft.members.begin(), draft.members.end(), uses_a_reference);
}

// Labels of the first grouped metric below a handle.
std::vector<std::string> by_of(const PackSpec& spec, int handle) {
  if (handle < 0) return {};
  const HandleSpec& h = spec.handles[static_cast<std::size_t>(handle)];
  if (h.op == HandleSpec::Op::metric) return h.metric.by;
  for (const HandleId input : h.inputs)
    if (auto by = by_of(spec, static_cast<int>(input)); !by.empty()) return by;
  return {};
}

int declare_monitor(Call& call, const Declarer& declarer, int table) {
  lua_State* L = call.state;
  const Place& at = declarer.place;
  const std::string path = "monitor \"" + declarer.name + "\"";
  bool is_good = declare_name(call, "monitor", declarer.name, at);
  Fields fields(call, table, *declarer.entry, at, path);
  MonitorSpec m;
  m.name = declarer.name;
  m.pack = call.pack.spec.name;
  m.id = m.pack + "/" + m.name;
  m.file = at.file;
  m.line = at.line;
  m.was = fields.text("was").value_or("");
  m.layer = fields.text("layer").value_or("");
  m.team = fields.text("team").value_or("");
  m.runbook = fields.text("runbook").value_or("");

  bool is_poisoned = false;
  if (fields.push("value")) {
    const HandleObject* handle = Object<HandleObject>::at(call, lua_gettop(L));
    if (handle) m.value = handle->id;
    is_poisoned = handle && handle->id < 0;
    lua_pop(L, 1);
    if (!handle) fields.wrong("value", "a metric such as api:p95(\"latency_ms\", { over = \"5m\" })");
  }
  if (fields.push("when")) {
    if (lua_isfunction(L, -1)) {
      m.judge = static_cast<int>(call.pack.functions.size());
      call.pack.functions.emplace_back(L);
    } else {
      lua_pop(L, 1);
      fields.wrong("when", "a function of the inputs");
    }
  }
  if (fields.push("inputs")) {
    const int inputs = lua_gettop(L);
    bool is_table = lua_istable(L, inputs);
    if (is_table) {
      lua_pushnil(L);
      while (lua_next(L, inputs)) {
        const HandleObject* handle = Object<HandleObject>::at(call, lua_gettop(L));
        if (!handle || lua_type(L, -2) != LUA_TSTRING)
          is_table = false;
        else if (handle->id < 0)
          is_poisoned = true;
        else
          m.inputs.emplace_back(std::string(text_at(L, -2)), static_cast<std::uint32_t>(handle->id));
        lua_pop(L, 1);
      }
    }
    lua_pop(L, 1);
    std::sort(m.inputs.begin(), m.inputs.end());
    if (!is_table) fields.wrong("inputs", "named metrics such as { n = api:count { over = \"1h\" } }");
  }
  const bool has_value = fields.has("value"), has_when = fields.has("when");
  const auto head = [&] { return call.source_map(at).call(at.line, at.call, at.name); };  // reads the file again
  if (has_value == has_when) {
    call.complain(at, head(), path,
                  has_value ? "has both `value` and `when`; give one"
                            : "needs `value` (a metric) or `when` (a function with inputs)");
    is_good = false;
  }
  if (has_when && !fields.has("inputs")) {
    call.complain(at, head(), path, "`when` needs `inputs`, as in inputs = { n = api:count { over = \"1h\" } }");
    is_good = false;
  }

  bool has_rule = false;
  for (const Severity severity : {Severity::info, Severity::warning, Severity::critical}) {
    const std::string name(name_of(severity));
    if (!fields.push(name.c_str())) continue;
    has_rule = true;
    const int top = lua_gettop(L);
    const ConditionObject* found = Object<ConditionObject>::at(call, top);
    const std::string got = call.describe(top);
    std::string near;
    if (lua_type(L, top) == LUA_TNUMBER) near = "above(" + format_number(lua_tonumber(L, top)) + ")";
    if (found) {
      const ConditionObject condition = *found;
      lua_pop(L, 1);
      if (condition.is_poisoned) {
        is_poisoned = true;
      } else if (m.value >= 0) {
        SeverityRule rule;
        rule.condition = settle(call, condition.draft, static_cast<HandleId>(m.value), condition.place);
        rule.lasting = condition.lasting;
        rule.times = condition.times;
        rule.times_of = condition.times_of;
        rule.keep_firing = condition.keep_firing;
        m.rules[static_cast<std::size_t>(severity)] = rule;
      }
      if (has_when && uses_a_reference(condition.draft))
        fields.wrong(name.c_str(), "no condition beside `when`: the function says the severity");
      else if (has_when)
        fields.wrong(name.c_str(), "", "no condition beside `when`: the function says the severity", got);
      continue;
    }
    lua_pop(L, 1);
    fields.wrong(name.c_str(), "", "a condition such as above(0.3)", got, near);
  }
  if (has_value && !has_rule && is_good) {
    call.complain(at, head(), path,
                  "needs a condition for `info`, `warning` or `critical`, such as warning = above(10)");
    is_good = false;
  }

  if (fields.push("every")) {
    const bool is_arrival = text_at(L, -1) == "arrival";
    lua_pop(L, 1);
    m.on_arrival = is_arrival;
    if (!is_arrival) {
      m.every = fields.duration("every").value_or(Duration{});
      if (m.every.ns != 0 && m.every < milliseconds(100)) fields.wrong("every", "at least \"100ms\"");
    }
  }
  const std::string policy = fields.text("on_no_data").value_or("no_data");
  m.on_no_data = policy == "ok"      ? NoDataPolicy::ok
                 : policy == "keep"  ? NoDataPolicy::keep
                 : policy == "alert" ? NoDataPolicy::alert
                                     : NoDataPolicy::no_data;
  if (const auto after = fields.duration("no_data_after")) m.no_data_after = *after;
  if (const auto limit = fields.whole("limit", 1, 1'000'000)) m.limit = static_cast<std::uint32_t>(*limit);
  m.flapping = fields.boolean("flapping").value_or(true);
  if (const auto forget = fields.duration("forget_after")) m.forget_after = *forget;
  m.labels = fields.text_map("labels");
  m.annotations = fields.text_map("annotations");
  const auto by = by_of(call.pack.spec, m.value);
  for (const auto& [name, value] : m.labels) {
    static const std::vector<std::string> reserved = {"alertname", "alertstate", "severity", "pack", "layer", "team"};
    const bool is_reserved =
        std::find(reserved.begin(), reserved.end(), name) != reserved.end() || name.rfind("__", 0) == 0;
    if (is_reserved)
      fields.wrong_text("labels", "label \"" + name + "\" is set by the engine; choose another name");
    else if (std::find(by.begin(), by.end(), name) != by.end())
      fields.wrong_text("labels", "label \"" + name + "\" is already one of the metric's `by` columns");
  }
  if (is_good && !is_poisoned && fields.is_good()) {
    std::vector<std::string> names = by;
    for (const auto& [input, id] : m.inputs)
      for (std::string& name : by_of(call.pack.spec, static_cast<int>(id)))
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    for (const auto& [name, text] : m.annotations)
      if (const Done known = check_template(text, names); !known)
        fields.wrong_text("annotations", name + ": " + known.error().text);
  }
  if (!is_good || is_poisoned || !fields.is_good()) {
    // What it reads is known to be used, so no warning follows from its own mistake.
    if (m.value >= 0) call.pack.read_handles.insert(static_cast<HandleId>(m.value));
    for (const auto& [name, id] : m.inputs) call.pack.read_handles.insert(id);
    return 0;
  }
  if (m.value >= 0) call.pack.read_handles.insert(static_cast<HandleId>(m.value));
  for (const auto& [name, id] : m.inputs) call.pack.read_handles.insert(id);
  call.pack.spec.monitors.push_back(std::move(m));
  return 0;
}

// critical("losing %.2f a trade", x): formatted by the script's own string.format.
int verdict(Call& call, Judgement::Kind kind, Severity severity) {
  lua_State* L = call.state;
  Judgement judgement;
  judgement.kind = kind;
  judgement.severity = severity;
  if (call.count() >= 1) {
    if (!call.is_text(1)) call.complain_argument(1, "a text");
    if (call.count() > 1) {
      const int arguments = call.count();
      push_text(L, "");
      lua_getfield(L, -1, "format");
      lua_insert(L, 1);
      lua_pop(L, 1);
      lua_call(L, arguments, 1);
    }
    judgement.message = std::string(text_at(L, 1)).substr(0, 1000);
  }
  Object<VerdictObject>::push(call, {std::move(judgement)});
  return 1;
}

int unknown(Call& call) { return verdict(call, Judgement::Kind::unknown, Severity::none); }
int info(Call& call) { return verdict(call, Judgement::Kind::fires, Severity::info); }
int warning(Call& call) { return verdict(call, Judgement::Kind::fires, Severity::warning); }
int critical(Call& call) { return verdict(call, Judgement::Kind::fires, Severity::critical); }

}  // namespace

std::vector<Entry> monitor_entries() {
  const auto rule = [](std::string name, std::vector<std::string> aliases) {
    return may(name, "condition", "", "What must hold for severity " + name + ".", std::move(aliases));
  };
  const auto say = [](std::string name, std::string text, std::string example, int (*function)(Call&)) {
    return Entry{std::move(name),
                 "function",
                 "",
                 {argument("text", "text", "May hold string.format's %; values follow.")},
                 "verdict",
                 {Context::monitor},
                 "pure",
                 std::move(text),
                 {std::move(example)},
                 function,
                 nullptr};
  };
  const std::string conversion =
      "monitor \"conversion\" {\n  every = \"5m\", inputs = { n = api:count { over = \"1h\" } },\n  when = "
      "function(now)\n"
      "    if now.n.value < 100 then return unknown \"fewer than 100 requests\" end\n    if now.n.value > 10000 then "
      "return critical(\"%d requests\", now.n.value) end\n  end,\n}";
  return {
      {"monitor",
       "declaration",
       "",
       {may("value", "handle", "", "The metric that is judged.", {"expr", "metric", "query"}), rule("info", {}),
        rule("warning", {"warn"}), rule("critical", {"crit", "page", "alert"}),
        may("when", "function", "", "Judgement in Lua: gets a reading per input, gives a verdict or nothing.",
            {"condition", "check"}),
        may("inputs", "table of handles", "", "What `when` reads, by name."),
        may("every", "duration or \"arrival\"", "by the window",
            "How often it is judged; \"arrival\": after each batch.", {"interval", "frequency"}),
        may("on_no_data", "text", "no_data", "What silence means.", {"no_data", "missing"},
            {"no_data", "ok", "keep", "alert"}),
        may("no_data_after", "duration", "2 x every", "How long without data before that.", {}),
        may("layer", "text", "", "data, model, system or business."),
        may("team", "text", "", "Who owns it.", {"owner"}),
        may("runbook", "text", "", "What to do when it fires.", {"runbook_url"}),
        may("labels", "table of texts", "", "Added to every alert."),
        may("annotations", "table of texts", "", "Templates: {value}, {endpoint}.",
            {"summary", "description", "message"}),
        may("limit", "whole number", "1000", "Most label sets.", {"max_series"}),
        may("flapping", "boolean", "true", "Whether flapping is damped."),
        may("forget_after", "duration", "7 days", "A label set without records for this long is dropped."),
        may("was", "text", "", "The former name, whose state moves here.", {"renamed_from"})},
       "",
       at_load(),
       "declare",
       "Says what must hold, for whom, and how long it may not.",
       {"monitor \"high-latency\" {\n  value    = api:p95(\"latency_ms\", { over = \"5m\", by = \"endpoint\" }),\n  "
        "warning  = above(10),\n  critical = above(25, { clear = 20 }):lasting \"2m\",\n}"},
       nullptr,
       declare_monitor},
      say("unknown", "No verdict, with the reason.", conversion, unknown),
      say("info", "Severity info holds.", conversion, info),
      say("warning", "Severity warning holds.", conversion, warning),
      say("critical", "Severity critical holds.", conversion, critical),
  };
}

}  // namespace tidewatch
