// Conditions in words and in truth. A condition over several readings is three-valued (Kleene): a member without a
// verdict decides nothing that another member has not decided already. Hysteresis is judged by the same walk: a
// condition "holds" while it has not been released, so `clear` also works inside any_of and all_of.
#include <algorithm>

#include "base/text.h"
#include "monitors/alert_instance.h"
#include "monitors/threshold.h"

namespace tidewatch {

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::none:
      return "none";
    case Severity::info:
      return "info";
    case Severity::warning:
      return "warning";
    case Severity::critical:
      return "critical";
  }
  return "none";
}

namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string members_text(const std::vector<Condition>& members) {
  std::string out;
  for (const Condition& member : members) out += (out.empty() ? "" : ", ") + member.describe();
  return out;
}

// ", {clear = 20, false_alarms = "1 per month"}"; "" when neither is given.
std::string options_text(const std::string& clear, const std::optional<FalseAlarms>& rate) {
  std::string out = clear.empty() ? "" : "clear = " + clear;
  if (rate) out += (out.empty() ? "" : ", ") + std::string("false_alarms = ") + quoted(rate->text);
  return out.empty() ? "" : ", {" + out + "}";
}

std::string options_text(const std::optional<double>& clear, const std::optional<FalseAlarms>& rate) {
  return options_text(clear ? format_number(*clear) : std::string(), rate);
}

enum class Truth : std::uint8_t { no, yes, none };

// What one walk of a condition found. `cause` is the first thing that kept a member from a verdict.
struct Judged {
  Truth raw = Truth::none;
  Truth holds = Truth::none;
  bool has_clear = false;
};

struct Walk {
  const ConditionInputs& inputs;
  std::vector<ThresholdInForce>& thresholds;
  std::uint8_t severity = 0;
  bool only_no_data = true;  // every missing verdict so far was a lack of data
  std::string status;        // of the first missing verdict that was not

  Judged missing(Status why, bool has_clear) {
    if (why != Status::no_data) {
      if (only_no_data) status = name_of(why);
      only_no_data = false;
    }
    return {Truth::none, Truth::none, has_clear};
  }

  const Reading* reading_of(const Condition& condition) const {
    if (condition.input < 0) return inputs.own;
    for (const auto& [handle, reading] : inputs.others) {
      if (handle == condition.input) return reading;
    }
    return nullptr;
  }

  Judged judge(const Condition& condition) {
    switch (condition.kind) {
      case Condition::Kind::any_of:
        return join(condition, Truth::yes);
      case Condition::Kind::all_of:
        return join(condition, Truth::no);
      case Condition::Kind::absent:
        return leaf(inputs.now - inputs.last_data > condition.span);
      default:
        break;
    }
    const bool has_clear = condition.clear_low.has_value() || condition.clear_high.has_value();
    const Reading* reading = reading_of(condition);
    if (!reading) return missing(Status::no_data, has_clear);
    if (reading->status != Status::ok) return missing(reading->status, has_clear);
    if (!reading->is_ok()) return missing(Status::undefined, has_clear);

    if (condition.kind == Condition::Kind::equals) {
      const bool as_text = !condition.text.empty() || !reading->value;
      return leaf(as_text ? reading->text == condition.text : *reading->value == condition.low);
    }
    if (condition.kind == Condition::Kind::changed) {
      // The first verdict has nothing to differ from: that is calm, not unknown.
      if (reading->value) return leaf(inputs.previous_value && *inputs.previous_value != *reading->value);
      return leaf(!inputs.previous_text.empty() && inputs.previous_text != reading->text);
    }
    if (!reading->value) return missing(Status::undefined, has_clear);
    const double v = *reading->value;
    const bool has_low = condition.kind != Condition::Kind::above, has_high = condition.kind != Condition::Kind::below;
    double low = condition.low, high = condition.high;
    if (condition.false_alarms && reading->chance) {
      // Each of two sides may give half of the false alarms.
      const double share = has_low && has_high ? 0.5 : 1;
      if (has_low) low = in_force(condition, *reading->chance, low, false, share);
      if (has_high) high = in_force(condition, *reading->chance, high, true, share);
    }
    // A threshold that chance moved takes the calm one with it, else the alert would hang on chance.
    const double clear_low = moved(condition.clear_low, condition.low, low);
    const double clear_high = moved(condition.clear_high, condition.high, high);
    const bool raw = (has_low && v < low) || (has_high && v > high);
    const bool is_released = (!has_low || v > clear_low) && (!has_high || v < clear_high);
    Judged out = leaf(raw);
    out.has_clear = has_clear;
    if (has_clear) out.holds = raw || !is_released ? Truth::yes : Truth::no;
    return out;
  }

  double in_force(const Condition& condition, const Chance& chance, double asked, bool is_above, double share) {
    const double alpha = share * alpha_of(*condition.false_alarms, chance, inputs.series);
    const std::size_t place = thresholds.size();
    if (inputs.before && place < inputs.before->size()) {
      const ThresholdInForce& before = (*inputs.before)[place];
      if (before.severity == severity && before.is_above == is_above && before.asked == asked &&
          before.alpha == alpha && before.chance == chance) {
        thresholds.push_back(before);
        return before.in_force;
      }
    }
    thresholds.push_back(threshold_in_force(asked, is_above, alpha, chance));
    thresholds.back().severity = severity;
    thresholds.back().false_alarms = condition.false_alarms->text;
    return thresholds.back().in_force;
  }

  static double moved(const std::optional<double>& clear, double asked, double now) {
    if (!clear) return now;
    return now == asked ? *clear : *clear + (now - asked);
  }

  static Judged leaf(bool truth) {
    const Truth t = truth ? Truth::yes : Truth::no;
    return {t, t, false};
  }

  // any_of: one yes decides (`deciding` yes); all_of: one no decides. Otherwise a missing member leaves it open.
  Judged join(const Condition& condition, Truth deciding) {
    const Truth other = deciding == Truth::yes ? Truth::no : Truth::yes;
    Judged out{other, other, false};
    for (const Condition& member : condition.members) {
      const Judged one = judge(member);
      add(out.raw, one.raw, deciding);
      add(out.holds, one.holds, deciding);
      out.has_clear = out.has_clear || one.has_clear;
    }
    return out;
  }

  static void add(Truth& sum, Truth one, Truth deciding) {
    if (sum == deciding) return;
    if (one == deciding || one == Truth::none) sum = one;
  }
};

}  // namespace

std::string Condition::describe() const {
  switch (kind) {
    case Kind::above:
      return "above(" + format_number(high) + options_text(clear_high, false_alarms) + ")";
    case Kind::below:
      return "below(" + format_number(low) + options_text(clear_low, false_alarms) + ")";
    case Kind::outside: {
      std::string clear;
      if (clear_low && clear_high) clear = "{" + format_number(*clear_low) + ", " + format_number(*clear_high) + "}";
      return "outside(" + format_number(low) + ", " + format_number(high) + options_text(clear, false_alarms) + ")";
    }
    case Kind::equals:
      return text.empty() ? "equals(" + format_number(low) + ")" : "equals(" + quoted(text) + ")";
    case Kind::changed:
      return "changed()";
    case Kind::absent:
      return "absent " + quoted(format_duration(span));
    case Kind::any_of:
      return "any_of {" + members_text(members) + "}";
    case Kind::all_of:
      return "all_of {" + members_text(members) + "}";
  }
  return "";
}

std::string SeverityRule::describe() const {
  std::string out = condition.describe();
  if (lasting.ns > 0) out += ":lasting " + quoted(format_duration(lasting));
  if (times > 0) {
    out += ":times(" + std::to_string(times);
    if (times_of > times) out += ", {of = " + std::to_string(times_of) + "}";
    out += ")";
  }
  if (keep_firing.ns > 0) out += ":keep_firing " + quoted(format_duration(keep_firing));
  return out;
}

std::string threshold_text(const Condition& condition) {
  switch (condition.kind) {
    case Condition::Kind::above:
      return format_number(condition.high);
    case Condition::Kind::below:
      return format_number(condition.low);
    case Condition::Kind::outside:
      return format_number(condition.low) + " to " + format_number(condition.high);
    case Condition::Kind::equals:
      return condition.text.empty() ? format_number(condition.low) : condition.text;
    case Condition::Kind::absent:
      return format_duration(condition.span);
    default:
      return condition.describe();
  }
}

Observation judge_condition(const std::array<std::optional<SeverityRule>, 4>& rules, const ConditionInputs& inputs) {
  Observation seen;
  Walk walk{inputs, seen.thresholds, 0, true, {}};
  bool any_rule = false, any_verdict = false, any_missing = false;
  for (std::size_t s = 1; s < rules.size(); ++s) {
    if (!rules[s]) continue;
    any_rule = true;
    walk.severity = static_cast<std::uint8_t>(s);
    const Judged judged = walk.judge(rules[s]->condition);
    seen.has_clear[s] = judged.has_clear;
    if (judged.raw == Truth::none) {
      seen.unjudged[s] = true;
      any_missing = true;
      continue;
    }
    any_verdict = true;
    seen.raw[s] = judged.raw == Truth::yes;
    // A hold that cannot be judged is not a release.
    seen.released[s] = judged.holds == Truth::no;
  }
  if (any_missing) {
    seen.status = walk.only_no_data ? std::string(name_of(Status::no_data)) : walk.status;
    if (any_rule && !any_verdict) {
      seen.kind = walk.only_no_data ? Observation::Kind::no_data : Observation::Kind::no_verdict;
    }
  }
  return seen;
}

}  // namespace tidewatch
