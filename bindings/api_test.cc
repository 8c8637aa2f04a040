// What a pack's tests say: drive the virtual clock, feed records, and state what was expected. A failed expectation is
// a Lua error, so the report has its file and line.

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

#include "base/text.h"
#include "bindings/test_run.h"

namespace tidewatch {

namespace {

TestRun& running(Call& call) {
  if (!call.pack.test) throw Misuse("no test is running");
  return *call.pack.test;
}

TestRun& started(Call& call) {
  TestRun& run = running(call);
  if (!run.core)
    if (auto begun = run.begin(*parse_instant("2026-01-05")); !begun) throw Misuse(begun.error().text);
  return run;
}

int declare_test(Call& call) {
  const auto name = call.need_text(1, 1, "a name for the test");
  if (!lua_isfunction(call.state, 2)) {
    call.complain_argument(2, "a function of the test, as in function(t) ... end");
    return 0;
  }
  lua_pushvalue(call.state, 2);
  call.pack.tests.push_back({name.value_or(""), call.place(), Ref(call.state)});
  return 0;
}

int start(Call& call) {
  TestRun& run = running(call);
  if (run.core) throw Misuse("t:start comes first: the clock already stands at " + format_instant(run.now));
  const auto text = call.need_text(2, 1, "an instant such as \"2026-03-02 22:00\"");
  auto at = parse_instant(text.value_or(""));
  if (!at) throw Misuse(at.error().text);
  if (auto begun = run.begin(*at); !begun) throw Misuse(begun.error().text);
  return 0;
}

// The row with its time column filled when the test left it out.
std::string stamped(Call& call, const StreamSpec& stream, int index, Instant at) {
  auto json = row_json(call.state, index);
  if (!json) throw Misuse(json.error().text);
  lua_getfield(call.state, index, stream.time.c_str());
  const bool has_time = !lua_isnil(call.state, -1);
  lua_pop(call.state, 1);
  if (has_time) return *json;
  json->pop_back();
  return *json + (json->size() > 1 ? "," : "") + "\"" + json_escape(stream.time) + "\":\"" + format_instant(at) + "\"}";
}

int feed(Call& call) {
  TestRun& run = started(call);
  lua_State* L = call.state;
  const std::string name = call.need_text(2, 1, "the name of a stream").value_or("");
  const StreamSpec* stream = run.find_stream(name);
  std::vector<std::string> known;
  for (const auto& s : run.declarations.spec.streams)
    if (!s.join) known.push_back(s.name);
  if (!stream) throw Misuse("no stream \"" + name + "\"" + did_you_mean(name, known));
  Fields fields(call, 4, *call.entry, call.place(), "test:feed");
  const auto every = fields.duration("every"), lasting = fields.duration("lasting");
  if (every.has_value() != lasting.has_value()) throw Misuse("t:feed: `every` and `lasting` go together");
  if (every && every->ns <= 0) throw Misuse("t:feed: expected `every` above 0");
  const Instant from = run.now;
  const std::int64_t count = every ? (lasting->ns + every->ns - 1) / every->ns : 1;
  if (count > 1'000'000)
    throw Misuse("t:feed: expected at most 1,000,000 rows, got " + with_thousands(static_cast<std::uint64_t>(count)));
  const auto feed_one = [&](int index, Instant at) {
    if (auto fed = run.feed(name, stamped(call, *stream, index, at), at); !fed) throw Misuse(fed.error().text);
  };
  for (std::int64_t i = 0; i < count; ++i) {
    const Instant at = every ? from + *every * i : from;
    if (lua_isfunction(L, 3)) {
      lua_pushvalue(L, 3);
      push_number(L, static_cast<double>(i + 1));
      lua_call(L, 1, 1);
      if (!lua_isnil(L, -1)) feed_one(lua_gettop(L), at);
      lua_pop(L, 1);
      continue;
    }
    if (!call.is_table(3))
      throw Misuse("t:feed: expected a row, a list of rows or a function(i), got " + call.describe(3));
    lua_rawgeti(L, 3, 1);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      feed_one(3, at);
      continue;
    }
    for (int row = 1; !lua_isnil(L, -1); ++row) {
      feed_one(lua_gettop(L), at);
      lua_pop(L, 1);
      lua_rawgeti(L, 3, row + 1);
    }
    lua_pop(L, 1);
  }
  if (lasting) run.advance(from + *lasting, false);
  return 0;
}

int run_clock(Call& call) {
  TestRun& run = started(call);
  const auto span = call.need_duration(2, 1);
  run.advance(run.now + span.value_or(Duration{}), true);
  return 0;
}

// A name or state nobody has makes an expectation that holds whatever happens.
void check_known(const std::string& what, const std::string& name, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), name) == known.end())
    throw Misuse("no " + what + " \"" + name + "\"" + did_you_mean(name, known));
}

void check_monitor(const TestRun& run, const std::string& name) {
  std::vector<std::string> known;
  for (const auto& m : run.declarations.spec.monitors) known.push_back(m.name);
  check_known("monitor", name, known);
}

int alert(Call& call) {
  TestRun& run = started(call);
  const std::string name = call.need_text(2, 1, "the name of a monitor").value_or("");
  check_monitor(run, name);
  Object<AlertObject>::push(call, {name, {}});
  return 1;
}

std::string monitor_id(const TestRun& run, const std::string& name) { return run.declarations.spec.name + "/" + name; }

// t:simulate { lasting = "30 days", faults = { { name = "nulls", from = "2 days", to = "3 days" } }, seed = 7 }.
int simulate(Call& call) {
  TestRun& run = started(call);
  lua_State* L = call.state;
  const int table = call.is_text(2) ? 3 : 2;
  Fields fields(call, table, *call.entry, call.place(), "test:simulate");
  const Duration lasting = fields.duration("lasting").value_or(Duration{});
  const std::uint64_t seed = fields.whole("seed", 0, 1'000'000'000).value_or(1);
  std::vector<Simulator::Fault> faults;
  if (fields.push("faults")) {
    const int list = lua_gettop(L);
    if (!lua_istable(L, list)) throw Misuse("t:simulate: expected a list of faults, got " + call.describe(list));
    for (int i = 1;; ++i) {
      lua_rawgeti(L, list, i);
      if (lua_isnil(L, -1)) break;
      const int item = lua_gettop(L);
      if (!lua_istable(L, item))
        throw Misuse("t:simulate: expected { name = \"nulls\", from = \"2 days\", to = \"3 days\" }");
      const auto field = [&](const char* name) {
        lua_getfield(L, item, name);
        std::string text(text_at(L, -1));
        lua_pop(L, 1);
        return text;
      };
      const auto at = [&](const char* name, Instant missing) {
        const std::string text = field(name);
        if (text.empty()) return missing;
        if (auto offset = parse_duration(text)) return run.now + *offset;
        auto instant = parse_instant(text);
        if (!instant) throw Misuse(std::string("t:simulate: ") + name + ": " + instant.error().text);
        return *instant;
      };
      faults.push_back({field("name"), at("from", run.now), at("to", run.now + lasting)});
      lua_pop(L, 1);
    }
    lua_pop(L, 2);
  }
  std::vector<Problem> problems;
  auto simulator = Simulator::open(run.declarations.spec.folder, seed, run.now, std::move(faults), problems);
  if (!simulator) throw Misuse(problems.empty() ? simulator.error().text : problems[0].text());
  (*simulator)->only(fields.texts("streams"));
  const Instant from = run.now, to = from + lasting;
  for (Instant at = from; at < to; at = at + (*simulator)->step()) {
    auto emitted = (*simulator)->at(at);
    if (!emitted) throw Misuse(emitted.error().text);
    run.advance(at, false);
    for (const auto& row : *emitted)
      if (auto fed = run.feed(row.stream, row.json, at); !fed) throw Misuse(fed.error().text);
    run.advance(at, true);
  }
  run.advance(to, false);
  return 0;
}

// Notifications as a list of tables, filtered by { to =, monitor =, event = }.
int list_notifications(Call& call, const char* only_event) {
  TestRun& run = started(call);
  lua_State* L = call.state;
  Fields fields(call, 2, *call.entry, call.place(), "test:" + call.entry->name);
  const auto to = fields.text("to"), monitor = fields.text("monitor"), event = fields.text("event");
  if (monitor) check_monitor(run, *monitor);
  if (event) check_known("event", *event, {"firing", "severity", "resolved", "flapping", "unknown"});
  if (to) {
    std::vector<std::string> known;
    for (const NotifierSpec& each : run.core->pack().notifiers) known.push_back(each.name);
    check_known("notifier", *to, known);
  }
  lua_newtable(L);
  int count = 0;
  for (const auto& n : run.out.notifications) {
    const std::string name = n.monitor.rfind(n.pack + "/", 0) == 0 ? n.monitor.substr(n.pack.size() + 1) : n.monitor;
    if ((to && n.notifier != *to) || (monitor && name != *monitor) || (event && n.event != *event)) continue;
    if (only_event && n.event != only_event) continue;
    lua_newtable(L);
    const std::pair<const char*, std::string> texts[] = {{"to", n.notifier},
                                                         {"event", n.event},
                                                         {"monitor", name},
                                                         {"severity", std::string(name_of(n.severity))},
                                                         {"reason", n.reason}};
    for (const auto& [key, value] : texts) {
      push_text(L, value);
      lua_setfield(L, -2, key);
    }
    push_number(L, (n.at - run.start).seconds());
    lua_setfield(L, -2, "after_seconds");
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

int notifications(Call& call) { return list_notifications(call, nullptr); }
int pages(Call& call) { return list_notifications(call, "firing"); }

int reading(Call& call) {
  TestRun& run = started(call);
  AlertObject* object = Object<AlertObject>::at(call, 2);
  const std::string name = object ? object->monitor : call.need_text(2, 1, "the name of a monitor").value_or("");
  check_monitor(run, name);
  const AlertInstance* instance = run.core->instance(name, object ? object->labels : LabelSet{});
  push_reading(call.state, instance ? instance->last_reading() : Reading{});
  return 1;
}

int expect(Call& call) {
  lua_settop(call.state, 1);
  Object<ExpectObject>::push(call, {Ref(call.state)});
  return 1;
}

struct Stretch {
  std::string state;  // "critical" when firing, else the state's name
  Instant from;
  std::optional<Instant> to;
};

// What an instance went through, from the journal.
std::vector<Stretch> history(const TestRun& run, const AlertObject& alert) {
  std::vector<Stretch> out;
  for (const auto& row : run.out.journal) {
    if (row.kind != "transition" || row.monitor != monitor_id(run, alert.monitor) || row.labels != alert.labels)
      continue;
    const std::string state = row.to == "firing" ? row.severity_to : row.to;
    if (!out.empty() && !out.back().to) {
      if (out.back().state == state) continue;
      out.back().to = row.at;
    }
    out.push_back({state, row.at, std::nullopt});
  }
  return out;
}

std::string history_text(const TestRun& run, const std::vector<Stretch>& stretches) {
  std::string out;
  for (const auto& s : stretches)
    out += (out.empty() ? "" : ", ") + s.state + " from " + format_duration(s.from - run.start) +
           (s.to ? " to " + format_duration(*s.to - run.start) : "");
  return out.empty() ? "no transition" : out;
}

// The expected value is pushed; the expectation's own index stays 1.
ExpectObject& expected(Call& call) {
  ExpectObject* object = Object<ExpectObject>::at(call, 1);
  if (!object) throw Misuse("write it with a colon, as in expect(x):" + call.entry->name + "(...)");
  object->value.push();
  return *object;
}

AlertObject& expected_alert(Call& call) {
  expected(call);
  AlertObject* alert = Object<AlertObject>::at(call, lua_gettop(call.state));
  if (!alert)
    throw Misuse("expect(...):" + call.entry->name + " takes an alert, as in expect(t:alert \"x\"), got " +
                 call.describe(lua_gettop(call.state)));
  return *alert;
}

std::string alert_name(const AlertObject& alert) {
  return "alert \"" + alert.monitor + "\"" + (alert.labels.empty() ? "" : " " + alert.labels.text());
}

// A severity or state there is; "firing" stands for any severity.
std::string known_state(Call& call) {
  const std::string state = call.need_text(2, 1, "a severity or state").value_or("");
  check_known("state", state, {"info", "warning", "critical", "firing", "pending", "ok", "no_data", "unknown"});
  return state;
}

bool is_state(const std::string& wanted, const std::string& got) {
  return got == wanted || (wanted == "firing" && (got == "info" || got == "warning" || got == "critical"));
}

// An alert of labels that its monitor does not have, while it has others, is a mistake of the test.
void check_labels(const TestRun& run, const AlertObject& alert, const std::vector<Stretch>& stretches) {
  if (!stretches.empty() || run.core->instance(alert.monitor, alert.labels)) return;
  std::set<LabelSet> known;
  for (const auto& row : run.out.journal)
    if (row.kind == "transition" && row.monitor == monitor_id(run, alert.monitor)) known.insert(row.labels);
  const std::size_t count = known.size();
  if (count == 0) return;
  std::string others;
  for (auto each = known.begin(); each != known.end() && std::distance(known.begin(), each) < 3; ++each)
    others += (others.empty() ? "" : ", ") + (each->empty() ? "none" : each->text());
  throw Misuse(alert_name(alert) + ": there is no alert with these labels; " + with_thousands(count) +
               (count == 1 ? " has " : " have ") + others + (count > 3 ? ", ..." : ""));
}

// Why a script or a reading gives no verdict, "" when that is not so.
std::string why_unjudged(const TestRun& run, const AlertObject& alert) {
  for (auto row = run.out.journal.rbegin(); row != run.out.journal.rend(); ++row) {
    if (row->monitor != monitor_id(run, alert.monitor) || row->reason.empty()) continue;
    if (row->kind == "script_error" || row->kind == "script_quarantine") return "; " + row->reason;
    if (row->kind == "transition" && row->labels == alert.labels)
      return row->to == "unknown" ? "; " + row->reason : std::string();
  }
  return "";
}

int was(Call& call) {
  TestRun& run = started(call);
  Fields fields(call, 3, *call.entry, call.place(), "expect:was");
  const std::string state = known_state(call);
  const AlertObject& alert = expected_alert(call);
  const auto instant = [&](const char* name) -> std::optional<Instant> {
    const auto text = fields.text(name);
    if (!text) return std::nullopt;
    if (auto offset = parse_duration(*text)) return run.start + *offset;
    auto at = parse_instant(*text);
    if (!at) throw Misuse(std::string(name) + ": " + at.error().text);
    return *at;
  };
  const auto from = instant("from"), to = instant("to");
  const auto stretches = history(run, alert);
  for (const auto& s : stretches)
    if (is_state(state, s.state) && (!from || s.from == *from) && (!to || (s.to && *s.to == *to))) {
      lua_settop(call.state, 1);
      return 1;
    }
  check_labels(run, alert, stretches);
  std::string wanted = state;
  if (from) wanted += " from " + format_duration(*from - run.start);
  if (to) wanted += " to " + format_duration(*to - run.start);
  throw Misuse(alert_name(alert) + ": expected " + wanted + ", got " + history_text(run, stretches));
}

int was_never(Call& call) {
  TestRun& run = started(call);
  const std::string state = known_state(call);
  const AlertObject& alert = expected_alert(call);
  const auto stretches = history(run, alert);
  check_labels(run, alert, stretches);
  for (const auto& s : stretches)
    if (is_state(state, s.state))
      throw Misuse(alert_name(alert) + ": expected never " + state + ", got " + history_text(run, stretches));
  return 0;
}

int is(Call& call) {
  TestRun& run = started(call);
  const std::string state = known_state(call);
  const AlertObject& alert = expected_alert(call);
  const AlertInstance* instance = run.core->instance(alert.monitor, alert.labels);
  const std::string got = !instance                                 ? "nothing"
                          : instance->state() == AlertState::firing ? std::string(name_of(instance->severity()))
                                                                    : std::string(name_of(instance->state()));
  if (is_state(state, got)) return 0;
  if (!instance) check_labels(run, alert, history(run, alert));
  throw Misuse(alert_name(alert) + ": expected " + state + " at " + format_duration(run.now - run.start) + ", got " +
               got + " (" + history_text(run, history(run, alert)) +
               (got == "unknown" ? why_unjudged(run, alert) : std::string()) + ")");
}

int equals(Call& call) {
  if (call.count() < 2) lua_pushnil(call.state);
  expected(call);
  const int top = lua_gettop(call.state);
  if (lua_rawequal(call.state, 2, top)) return 0;
  throw Misuse("expected " + call.describe(2) + ", got " + call.describe(top));
}

int count(Call& call) {
  const double wanted = call.need_number(2, 1).value_or(0);
  expected(call);
  const int top = lua_gettop(call.state);
  if (!lua_istable(call.state, top)) throw Misuse("expect(...):count takes a list, got " + call.describe(top));
  const auto got = static_cast<double>(compat_rawlen(call.state, top));
  if (got == wanted) return 0;
  throw Misuse("expected " + format_number(wanted) + ", got " + format_number(got));
}

int near(Call& call) {
  const double wanted = call.need_number(2, 1).value_or(0);
  const double tolerance = call.count() >= 3 ? call.need_number(3, 2).value_or(0) : 1e-9;
  expected(call);
  int top = lua_gettop(call.state);
  if (lua_istable(call.state, top)) lua_getfield(call.state, top, "value");
  top = lua_gettop(call.state);
  if (lua_type(call.state, top) == LUA_TNUMBER && std::fabs(lua_tonumber(call.state, top) - wanted) <= tolerance)
    return 0;
  throw Misuse("expected " + format_number(wanted) + " within " + format_number(tolerance) + ", got " +
               call.describe(top));
}

}  // namespace

// t:alert "x" { endpoint = "/score" }: the same alert with labels.
int call_alert(Call& call) {
  AlertObject* alert = Object<AlertObject>::at(call, 1);
  if (!alert || !call.is_table(2))
    throw Misuse("expected labels such as { endpoint = \"/score\" }, got " + call.describe(2));
  std::vector<std::pair<std::string, std::string>> labels;
  lua_pushnil(call.state);
  while (lua_next(call.state, 2)) {
    if (lua_type(call.state, -2) != LUA_TSTRING || lua_type(call.state, -1) != LUA_TSTRING)
      throw Misuse("labels are texts, as in { endpoint = \"/score\" }");
    labels.emplace_back(text_at(call.state, -2), text_at(call.state, -1));
    lua_pop(call.state, 1);
  }
  Object<AlertObject>::push(call, {alert->monitor, LabelSet(std::move(labels))});
  return 1;
}

std::vector<Entry> test_entries() {
  const auto on_test = [](std::string name, std::vector<Param> params, std::string returns, std::string text,
                          std::string example, int (*function)(Call&)) {
    return Entry{std::move(name),      "method",   "test", std::move(params),
                 std::move(returns),   in_tests(), "act",  std::move(text),
                 {std::move(example)}, function,   nullptr};
  };
  const auto on_expect = [](std::string name, std::vector<Param> params, std::string text, std::string example,
                            int (*function)(Call&)) {
    return Entry{std::move(name), "method",        "expectation",        std::move(params), "",     in_tests(),
                 "read",          std::move(text), {std::move(example)}, function,          nullptr};
  };
  const std::vector<Param> filters = {may("to", "text", "", "A notifier's name."),
                                      may("monitor", "text", "", "A monitor's name."),
                                      may("event", "text", "", "firing, severity, resolved, flapping or unknown.")};
  return {
      {"test",
       "function",
       "",
       {argument("name", "text", "A sentence."), argument("body", "function", "Gets the test.")},
       "",
       at_load(),
       "declare",
       "Declares a test; it runs on its own virtual clock, core and Lua state.",
       {"test(\"nothing pages at rest\", function(t) t:run \"1h\" end)"},
       declare_test,
       nullptr},
      {"expect",
       "function",
       "",
       {argument("value", "any", "What is looked at.")},
       "expectation",
       in_tests(),
       "pure",
       "Begins an expectation.",
       {"expect(t:pages()):count(0)"},
       expect,
       nullptr},
      on_test("start", {argument("at", "instant", "Where the clock begins; 2026-01-05 when not called.")}, "",
              "Sets the virtual clock.", "t:start \"2026-03-02 22:00\"", start),
      on_test("feed",
              {argument("stream", "text", "Its name."),
               argument("row", "row, list of rows or function(i)", "The time column is filled when absent."),
               may("every", "duration", "", "One row (or list) each."),
               may("lasting", "duration", "", "For this long; the clock moves along.")},
              "", "Feeds records at the virtual clock.",
              "t:feed(\"api\", { endpoint = \"/score\", status = 200, latency_ms = 8 }, { every = \"1s\", lasting = "
              "\"1m\" })",
              feed),
      on_test("run", {argument("span", "duration", "How long.")}, "", "Lets time pass without records.",
              "t:run \"20m\"", run_clock),
      on_test("alert", {argument("monitor", "text", "Its name; call the result with labels when grouped.")}, "alert",
              "The alert of a monitor.", "local a = t:alert \"high-latency\" { endpoint = \"/score\" }", alert),
      on_test("pages", filters, "list", "Notifications that began an alert.", "expect(t:pages()):count(0)", pages),
      on_test("notifications", filters, "list", "Everything that was sent.",
              "expect(t:notifications { event = \"resolved\" }):count(0)", notifications),
      on_test("reading", {argument("monitor", "text or alert", "Whose newest reading.")}, "reading",
              "The newest reading a monitor judged.", "local r = t:reading \"errors\"", reading),
      on_test(
          "simulate",
          {need("lasting", "duration", "How long."),
           may("faults", "list of { name, from, to }", "", "Offsets from now, or instants."),
           may("seed", "whole number", "1", "Of the simulator."),
           may("streams", "list of texts", "", "Only these streams.")},
          "", "Runs the pack's simulator on the virtual clock.",
          "t:simulate { lasting = \"30 days\", faults = { { name = \"nulls\", from = \"2 days\", to = \"3 days\" } } }",
          simulate),
      on_expect("was",
                {argument("state", "text", "A severity, firing (any of them), pending, ok, no_data or unknown."),
                 may("from", "duration or instant", "", "Exactly when it began, from the start."),
                 may("to", "duration or instant", "", "Exactly when it ended.")},
                "The alert was in this state at some time.",
                "expect(t:alert \"errors\"):was(\"critical\", { from = \"12m 20s\" })", was),
      on_expect("was_never", {argument("state", "text", "A severity or state.")}, "The alert was never in this state.",
                "expect(t:alert \"errors\"):was_never \"critical\"", was_never),
      on_expect("is", {argument("state", "text", "A severity or state.")}, "The alert is in this state now.",
                "expect(t:alert \"errors\"):is \"ok\"", is),
      on_expect("equals", {argument("value", "any", "What it must be.")}, "The value is exactly this.",
                "expect(2):equals(2)", equals),
      on_expect("count", {argument("number", "whole number", "How many.")}, "The list has this many items.",
                "expect(t:pages()):count(0)", count),
      on_expect("near",
                {argument("value", "number", "About what."), argument("tolerance", "number", "How far off at most.")},
                "The number, or the reading's value, is this close.", "expect(0.3):near(0.1 + 0.2, 1e-12)", near),
  };
}

}  // namespace tidewatch
