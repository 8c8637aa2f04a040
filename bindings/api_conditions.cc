// Conditions and the words that say how long they must hold. A condition is built apart from its monitor; the monitor
// gives rises and drops the value they compare.

#include <cmath>

#include "bindings/declarations.h"

namespace tidewatch {

namespace {

int push_condition(Call& call, ConditionDraft draft, bool is_good, const Place& place) {
  ConditionObject object;
  object.draft = std::move(draft);
  object.is_poisoned = !is_good;
  object.place = place;
  Object<ConditionObject>::push(call, std::move(object));
  return 1;
}

// false_alarms = "1 per month": the threshold moves out to where chance goes that often.
void read_false_alarms(Fields& fields, Condition& condition) {
  const auto text = fields.text("false_alarms");
  if (!text) return;
  auto rate = parse_false_alarms(*text);
  if (rate)
    condition.false_alarms = std::move(*rate);
  else
    fields.wrong_text("false_alarms", rate.error().text);
}

// above(25, { clear = 20 }) and below(0.6, { clear = 0.7 }).
int one_sided(Call& call, bool is_above) {
  const Place at = call.place();
  const auto limit = call.need_number(1, 1);
  ConditionDraft draft;
  draft.condition.kind = is_above ? Condition::Kind::above : Condition::Kind::below;
  (is_above ? draft.condition.high : draft.condition.low) = limit.value_or(0);
  Fields fields(call, 2, *call.entry, at, call.entry->name);
  const auto clear = fields.number("clear");
  if (clear && limit) {
    if (is_above ? *clear > *limit : *clear < *limit)
      fields.wrong("clear", std::string("a number ") + (is_above ? "at or below " : "at or above ") + "the threshold");
    (is_above ? draft.condition.clear_high : draft.condition.clear_low) = *clear;
  }
  read_false_alarms(fields, draft.condition);
  return push_condition(call, std::move(draft), limit && fields.is_good(), at);
}

int above(Call& call) { return one_sided(call, true); }
int below(Call& call) { return one_sided(call, false); }

int outside(Call& call) {
  const Place at = call.place();
  const auto low = call.need_number(1, 1), high = call.need_number(2, 2);
  ConditionDraft draft;
  draft.condition.kind = Condition::Kind::outside;
  draft.condition.low = low.value_or(0);
  draft.condition.high = high.value_or(0);
  if (low && high && *low > *high) {
    call.complain(at, call.source_map(at).argument(at.line, at.call, 1), call.entry->signature(), "",
                  "the lower limit first", call.describe(1));
    return push_condition(call, std::move(draft), false, at);
  }
  Fields fields(call, 3, *call.entry, at, "outside");
  if (fields.push("clear")) {
    lua_State* L = call.state;
    bool is_good = lua_istable(L, -1);
    if (is_good) {
      lua_rawgeti(L, -1, 1);
      lua_rawgeti(L, -2, 2);
      is_good = lua_type(L, -1) == LUA_TNUMBER && lua_type(L, -2) == LUA_TNUMBER;
      const double a = lua_tonumber(L, -2), b = lua_tonumber(L, -1);
      lua_pop(L, 2);
      is_good = is_good && low && high && a >= *low && b <= *high && a < b;
      draft.condition.clear_low = a;
      draft.condition.clear_high = b;
    }
    lua_pop(L, 1);
    if (!is_good) fields.wrong("clear", "two numbers inside the limits, as in { 2, 8 }");
  }
  read_false_alarms(fields, draft.condition);
  return push_condition(call, std::move(draft), low && high && fields.is_good(), at);
}

int equals(Call& call) {
  const Place at = call.place();
  ConditionDraft draft;
  draft.condition.kind = Condition::Kind::equals;
  bool is_good = true;
  if (call.is_text(1)) {
    draft.condition.text = call.text(1);
  } else if (lua_type(call.state, 1) == LUA_TNUMBER) {
    draft.condition.low = lua_tonumber(call.state, 1);
  } else {
    call.complain_argument(1, "a number or a text");
    is_good = false;
  }
  return push_condition(call, std::move(draft), is_good, at);
}

int changed(Call& call) {
  ConditionDraft draft;
  draft.condition.kind = Condition::Kind::changed;
  return push_condition(call, std::move(draft), true, call.place());
}

int absent(Call& call) {
  const Place at = call.place();
  const auto span = call.need_duration(1, 1);
  ConditionDraft draft;
  draft.condition.kind = Condition::Kind::absent;
  draft.condition.span = span.value_or(Duration{});
  return push_condition(call, std::move(draft), span.has_value(), at);
}

// rises(0.2, { from = baseline "2019" }): the relative change against a reference, judged natively.
int relative(Call& call, bool is_rise) {
  const Place at = call.place();
  const auto by = call.need_number(1, 1);
  ConditionDraft draft;
  bool is_good = by.has_value();
  if (by && *by <= 0) {
    call.complain_argument(1, "a share above 0, such as 0.2 for 20 %");
    is_good = false;
  }
  draft.condition.kind = is_rise ? Condition::Kind::above : Condition::Kind::below;
  (is_rise ? draft.condition.high : draft.condition.low) = is_rise ? by.value_or(0) : -by.value_or(0);
  Fields fields(call, 2, *call.entry, at, call.entry->name);
  is_good = read_from(call, fields, draft) && is_good;
  read_false_alarms(fields, draft.condition);
  is_good = is_good && fields.is_good();
  return push_condition(call, std::move(draft), is_good, at);
}

int rises(Call& call) { return relative(call, true); }
int drops(Call& call) { return relative(call, false); }

int join(Call& call, Condition::Kind kind) {
  const Place at = call.place();
  ConditionDraft draft;
  draft.condition.kind = kind;
  bool is_good = call.is_table(1);
  if (is_good) {
    for (int i = 1;; ++i) {
      lua_rawgeti(call.state, 1, i);
      const int top = lua_gettop(call.state);
      if (lua_isnil(call.state, top)) {
        lua_pop(call.state, 1);
        break;
      }
      if (const ConditionObject* member = Object<ConditionObject>::at(call, top)) {
        if (member->lasting.ns || member->times || member->keep_firing.ns) {
          call.complain(at, call.source_map(at).call(at.line, at.call), call.entry->name,
                        "say :lasting, :times and :keep_firing after the whole " + call.entry->name +
                            " { ... }, not on member " + std::to_string(i));
          draft.members.clear();
          lua_pop(call.state, 1);
          return push_condition(call, std::move(draft), false, at);
        }
        if (member->is_poisoned) is_good = false;
        draft.members.push_back(member->draft);
      } else {
        call.complain(at, call.source_map(at).call(at.line, at.call), call.entry->name, "member " + std::to_string(i),
                      "a condition such as above(0.3)", call.describe(top));
        is_good = false;
      }
      lua_pop(call.state, 1);
    }
  }
  if (!call.is_table(1) || (draft.members.empty() && is_good)) {
    call.complain(at, call.source_map(at).call(at.line, at.call), call.entry->name, "",
                  "a list of conditions such as { above(3), below(1) }",
                  call.is_table(1) ? "an empty one" : call.describe(1));
    is_good = false;
  }
  return push_condition(call, std::move(draft), is_good, at);
}

int any_of(Call& call) { return join(call, Condition::Kind::any_of); }
int all_of(Call& call) { return join(call, Condition::Kind::all_of); }

ConditionObject& self(Call& call) {
  ConditionObject* object = Object<ConditionObject>::at(call, 1);
  if (!object) throw Misuse("write it with a colon, as in above(3):" + call.entry->name + "(...)");
  return *object;
}

// Each word gives a new condition: a shared one may be used by two monitors with different patience.
int push_copy(Call& call, ConditionObject object) {
  Object<ConditionObject>::push(call, std::move(object));
  return 1;
}

int lasting(Call& call) {
  ConditionObject copy = self(call);
  const auto span = call.need_duration(2, 1);
  if (copy.times) {
    const Place at = call.place();
    call.complain(at, call.source_map(at).call(at.line, at.call), "condition:lasting",
                  "a condition has either :lasting or :times, not both");
    copy.is_poisoned = true;
  }
  if (!span) copy.is_poisoned = true;
  copy.lasting = span.value_or(Duration{});
  return push_copy(call, std::move(copy));
}

int keep_firing(Call& call) {
  ConditionObject copy = self(call);
  const auto span = call.need_duration(2, 1);
  if (!span) copy.is_poisoned = true;
  copy.keep_firing = span.value_or(Duration{});
  return push_copy(call, std::move(copy));
}

int times(Call& call) {
  ConditionObject copy = self(call);
  const Place at = call.place();
  const double count = lua_type(call.state, 2) == LUA_TNUMBER ? lua_tonumber(call.state, 2) : 0;
  if (count < 1 || count > 10'000 || count != std::floor(count)) {
    call.complain_argument(1, "a whole number from 1 to 10,000");
    copy.is_poisoned = true;
  } else {
    copy.times = static_cast<std::uint32_t>(count);
  }
  if (copy.lasting.ns) {
    call.complain(at, call.source_map(at).call(at.line, at.call), "condition:times",
                  "a condition has either :lasting or :times, not both");
    copy.is_poisoned = true;
  }
  Fields fields(call, 3, *call.entry, at, "condition:times");
  if (const auto of = fields.whole("of", 1, 10'000)) {
    copy.times_of = static_cast<std::uint32_t>(*of);
    if (copy.times_of < copy.times) fields.wrong("of", "at least as many evaluations as must be true");
  }
  if (!fields.is_good()) copy.is_poisoned = true;
  return push_copy(call, std::move(copy));
}

}  // namespace

std::vector<Entry> condition_entries() {
  const auto clear =
      may("clear", "number", "", "Stays on until the value is past this calm threshold.", {"hysteresis", "reset"});
  const auto from = need("from", "baseline, text or reference",
                         "baseline \"2019\", \"1 week ago\", trailing \"28 days\" or seasonal \"1 week\".",
                         {"against", "baseline", "since"});
  const auto false_alarms = may("false_alarms", "text", "",
                                "The threshold is moved out to where chance alone goes this often: \"1 per month\".");
  const auto make = [](std::string name, std::vector<Param> params, std::string text, std::string example,
                       int (*function)(Call&)) {
    return Entry{std::move(name),      "function", "",     std::move(params),
                 "condition",          at_load(),  "pure", std::move(text),
                 {std::move(example)}, function,   nullptr};
  };
  const auto method = [](std::string name, std::vector<Param> params, std::string text, std::string example,
                         int (*function)(Call&)) {
    return Entry{std::move(name), "method",        "condition",          std::move(params), "condition", at_load(),
                 "pure",          std::move(text), {std::move(example)}, function,          nullptr};
  };
  return {
      make("above", {argument("limit", "number", "Strict: a value equal to it does not hold."), clear, false_alarms},
           "True while the value is above the limit.", "local hot = above(25, { clear = 20 })", above),
      make("below", {argument("limit", "number", "Strict."), clear, false_alarms},
           "True while the value is below the limit.", "local cold = below(0.6)", below),
      make("outside",
           {argument("low", "number", "Strict."), argument("high", "number", "Strict."),
            may("clear", "list of two numbers", "", "Stays on until the value is inside these."), false_alarms},
           "True while the value is below `low` or above `high`.", "local odd = outside(2, 8, { clear = { 3, 7 } })",
           outside),
      make("equals", {argument("value", "number or text", "What the value must be.")},
           "True while the value equals this.", "local bad = equals(0)", equals),
      make("changed", {}, "True when the value differs from the one before.", "local moved = changed()", changed),
      make("absent", {argument("span", "duration", "How long without data.")},
           "True when no record has come for this long.", "local silent = absent \"5m\"", absent),
      make("rises", {argument("by", "number", "A share: 0.2 is 20 %."), from, false_alarms},
           "True while the value is more than this share above the reference.",
           "local worse = rises(0.2, { from = \"1 week ago\" })", rises),
      make("drops", {argument("by", "number", "A share: 0.1 is 10 %."), from, false_alarms},
           "True while the value is more than this share below the reference.",
           "local fewer = drops(0.1, { from = \"1 week ago\" })", drops),
      make("any_of", {argument("conditions", "list of conditions", "At least one.")},
           "True while one of them is; without a verdict when none is true and one has none.",
           "local either = any_of { above(10), below(1) }", any_of),
      make("all_of", {argument("conditions", "list of conditions", "At least one.")}, "True while all of them are.",
           "local both = all_of { above(10), rises(0.2, { from = \"1 day ago\" }) }", all_of),
      method("lasting", {argument("span", "duration", "How long it must hold without a break.")},
             "The severity is reached once the condition has held this long.", "local slow = above(25):lasting \"2m\"",
             lasting),
      method("times",
             {argument("count", "whole number", "Evaluations that must be true."),
              may("of", "whole number", "", "Out of this many; all of them when not given.")},
             "The severity is reached once the condition was true this often.",
             "local often = above(25):times(3, { of = 5 })", times),
      method("keep_firing", {argument("span", "duration", "How long to go on.")},
             "Keeps the alert firing this long after the condition has cleared.",
             "local sticky = above(25):keep_firing \"5m\"", keep_firing),
  };
}

}  // namespace tidewatch
