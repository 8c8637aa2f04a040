// Handles combine into handles: arithmetic, ratio, shifts, extremes over time. All computed by the engine; a script
// only says which. A poisoned handle makes poisoned handles and no second complaint.

#include <cmath>

#include "bindings/declarations.h"

namespace tidewatch {

namespace {

int push_handle(Call& call, HandleSpec spec, const Place& place) {
  Object<HandleObject>::push(call, {static_cast<int>(add_handle(call.pack, std::move(spec), place))});
  return 1;
}

int push_poisoned(Call& call) {
  Object<HandleObject>::push(call, {});
  return 1;
}

// A handle or a number at `index` as a handle id; -1 poisoned, -2 neither.
int operand(Call& call, int index, const Place& place) {
  if (const HandleObject* handle = Object<HandleObject>::at(call, index)) return handle->id;
  if (lua_type(call.state, index) != LUA_TNUMBER || !std::isfinite(lua_tonumber(call.state, index))) return -2;
  HandleSpec constant;
  constant.op = HandleSpec::Op::constant;
  constant.constant = lua_tonumber(call.state, index);
  return static_cast<int>(add_handle(call.pack, std::move(constant), place));
}

int combine(Call& call, HandleSpec::Op op, const char* symbol) {
  const Place at = call.place();
  if (call.pack.host.context() != Context::load)
    throw Misuse("handles combine while a pack loads; in a function use their values");
  const int a = operand(call, 1, at), b = operand(call, 2, at);
  if (a == -2 || b == -2) {
    call.complain(at, {}, std::string("handle ") + symbol + " handle", "", "a handle or a number",
                  call.describe(a == -2 ? 1 : 2));
    return push_poisoned(call);
  }
  if (a < 0 || b < 0) return push_poisoned(call);
  HandleSpec spec;
  spec.op = op;
  spec.inputs = {static_cast<HandleId>(a), static_cast<HandleId>(b)};
  return push_handle(call, std::move(spec), at);
}

int add(Call& call) { return combine(call, HandleSpec::Op::add, "+"); }
int subtract(Call& call) { return combine(call, HandleSpec::Op::subtract, "-"); }
int multiply(Call& call) { return combine(call, HandleSpec::Op::multiply, "*"); }
int divide(Call& call) { return combine(call, HandleSpec::Op::divide, "/"); }

int unary(Call& call, HandleSpec::Op op, Duration span) {
  const HandleObject* handle = Object<HandleObject>::at(call, 1);
  if (!handle)
    throw Misuse("write it with a colon, as in p95:" + (call.entry ? call.entry->name : std::string("rate")) + "()");
  if (handle->id < 0) return push_poisoned(call);
  HandleSpec spec;
  spec.op = op;
  spec.span = span;
  spec.inputs = {static_cast<HandleId>(handle->id)};
  return push_handle(call, std::move(spec), call.place());
}

int negate(Call& call) { return unary(call, HandleSpec::Op::negate, {}); }
int rate(Call& call) { return unary(call, HandleSpec::Op::rate, {}); }

// "1 week" or "1 week ago".
int with_span(Call& call, HandleSpec::Op op) {
  lua_State* L = call.state;
  if (call.is_text(2)) {
    std::string text = call.text(2);
    if (text.size() > 4 && text.compare(text.size() - 4, 4, " ago") == 0) {
      push_text(L, std::string_view(text).substr(0, text.size() - 4));
      lua_replace(L, 2);
    }
  }
  const auto span = call.need_duration(2, 1);
  if (!span) return push_poisoned(call);
  if (span->ns <= 0) {
    call.complain_argument(1, "a duration above 0");
    return push_poisoned(call);
  }
  return unary(call, op, *span);
}

int shifted(Call& call) { return with_span(call, HandleSpec::Op::shifted); }
int change(Call& call) { return with_span(call, HandleSpec::Op::change); }
int max_over(Call& call) { return with_span(call, HandleSpec::Op::max_over); }
int min_over(Call& call) { return with_span(call, HandleSpec::Op::min_over); }
int mean_over(Call& call) { return with_span(call, HandleSpec::Op::mean_over); }

int ratio(Call& call) {
  if (!Object<HandleObject>::at(call, 2)) {
    call.complain_argument(1, "a handle");
    return push_poisoned(call);
  }
  return combine(call, HandleSpec::Op::divide, "/");
}

}  // namespace

// The same metric over the rows of a baseline; combinations are rebuilt part by part.
HandleId at_baseline(Declarations& pack, HandleId of, const std::string& baseline, const Place& place) {
  HandleSpec copy = pack.spec.handles[of];
  if (copy.op == HandleSpec::Op::metric) {
    copy.metric.against = baseline;
    copy.metric.at_baseline = true;
  }
  for (auto& input : copy.inputs) input = at_baseline(pack, input, baseline, place);
  return add_handle(pack, std::move(copy), place);
}

// What `value` deviates from: { from = baseline "2019" }, "1 week ago", trailing(...) or seasonal(...); a fraction,
// signed.
HandleId add_deviation(Declarations& pack, HandleId value, const ConditionDraft& draft, const Place& place) {
  HandleId expected;
  if (draft.from == ConditionDraft::From::baseline) {
    expected = at_baseline(pack, value, draft.baseline, place);
  } else if (draft.from == ConditionDraft::From::past) {
    HandleSpec past = draft.past;
    past.inputs = {value};
    expected = add_handle(pack, std::move(past), place);
  } else {
    HandleSpec shift;
    shift.op = HandleSpec::Op::shifted;
    shift.span = draft.ago;
    shift.inputs = {value};
    expected = add_handle(pack, std::move(shift), place);
  }
  HandleSpec deviation;
  deviation.op = HandleSpec::Op::deviation;
  deviation.inputs = {value, expected};
  return add_handle(pack, std::move(deviation), place);
}

namespace {

int deviation(Call& call) {
  const HandleObject* handle = Object<HandleObject>::at(call, 1);
  if (!handle) throw Misuse("write it with a colon, as in p95:deviation { from = \"1 week ago\" }");
  const Place at = call.place();
  Fields fields(call, 2, *call.entry, at, "handle:deviation");
  ConditionDraft draft;
  const bool is_good = read_from(call, fields, draft);
  if (handle->id < 0 || !is_good) return push_poisoned(call);
  Object<HandleObject>::push(
      call, {static_cast<int>(add_deviation(call.pack, static_cast<HandleId>(handle->id), draft, at))});
  return 1;
}

}  // namespace

bool read_from(Call& call, Fields& fields, ConditionDraft& draft) {
  lua_State* L = call.state;
  if (!fields.push("from")) return false;
  const Declarer* baseline = baseline_at(call, lua_gettop(L));
  if (const ReferenceObject* past = Object<ReferenceObject>::at(call, lua_gettop(L))) {
    draft.from = ConditionDraft::From::past;
    draft.past = past->handle;
    const bool is_good = !past->is_poisoned;
    lua_pop(L, 1);
    return is_good;
  }
  const bool is_text = lua_type(L, -1) == LUA_TSTRING;
  std::string text(text_at(L, -1));
  if (baseline) {
    draft.from = ConditionDraft::From::baseline;
    draft.baseline = baseline->name;
    call.pack.baseline_uses.emplace_back(baseline->name, fields.place());
  }
  lua_pop(L, 1);
  if (baseline) return true;
  if (!is_text || text.size() < 5 || text.compare(text.size() - 4, 4, " ago") != 0) {
    fields.wrong("from",
                 "baseline \"name\", a time such as \"1 week ago\", trailing \"28 days\" or seasonal \"1 week\"");
    return false;
  }
  auto ago = parse_duration(text.substr(0, text.size() - 4));
  if (!ago || ago->ns <= 0) {
    fields.wrong_text("from", ago ? "expected a duration above 0" : ago.error().text);
    return false;
  }
  draft.from = ConditionDraft::From::ago;
  draft.ago = *ago;
  return true;
}

void define_handle_operators(lua_State* state) {
  const std::pair<const char*, lua_CFunction> operators[] = {{"__add", guard<add>},
                                                             {"__sub", guard<subtract>},
                                                             {"__mul", guard<multiply>},
                                                             {"__div", guard<divide>},
                                                             {"__unm", guard<negate>}};
  for (const auto& [name, function] : operators) {
    lua_pushcfunction(state, function);
    lua_setfield(state, -2, name);
  }
}

std::vector<Entry> handle_entries() {
  const auto span = [](std::string name, std::string text, std::string example, int (*function)(Call&)) {
    return Entry{std::move(name),
                 "method",
                 "handle",
                 {argument("span", "duration", "How far back in event time.")},
                 "handle",
                 at_load(),
                 "declare",
                 std::move(text),
                 {std::move(example)},
                 function,
                 nullptr};
  };
  return {
      {"ratio",
       "method",
       "handle",
       {argument("other", "handle", "The denominator.")},
       "handle",
       at_load(),
       "declare",
       "This handle over another; division by zero reads `undefined`.",
       {"local cost = api:sum(\"latency_ms\", { over = \"1 day\" }):ratio(api:count { over = \"1 day\" })"},
       ratio,
       nullptr},
      span("shifted", "The same handle as it read this long before.",
           "local before = api:p95(\"latency_ms\", { over = \"5m\", step = \"1m\" }):shifted \"1 week\"", shifted),
      span("change", "(now - then) / |then|, then this long before.",
           "local growth = api:count({ over = \"1 day\" }):change \"1 week\"", change),
      {"rate",
       "method",
       "handle",
       {},
       "handle",
       at_load(),
       "declare",
       "The value per second of its window.",
       {"local per_second = api:sum(\"latency_ms\", { over = \"5m\" }):rate()"},
       rate,
       nullptr},
      span("max_over", "The largest value read at pane ends within the span.",
           "local worst = api:p95(\"latency_ms\", { over = \"5m\" }):max_over \"1h\"", max_over),
      span("min_over", "The smallest value read at pane ends within the span.",
           "local best = api:p95(\"latency_ms\", { over = \"5m\" }):min_over \"1h\"", min_over),
      span("mean_over", "The mean of the values read at pane ends within the span.",
           "local usual = api:p95(\"latency_ms\", { over = \"5m\" }):mean_over \"1h\"", mean_over),
      {"deviation",
       "method",
       "handle",
       {need("from", "baseline, text or reference",
             "baseline \"2019\", \"1 week ago\", trailing \"28 days\" or seasonal \"1 week\".", {"against"})},
       "handle",
       at_load(),
       "declare",
       "(value - expected) / |expected|, signed; expected 0 reads `undefined`.",
       {"local drop = api:count({ over = \"1 day\" }):deviation { from = \"1 week ago\" }"},
       deviation,
       nullptr},
  };
}

}  // namespace tidewatch
