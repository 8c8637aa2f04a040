// One evaluation of one label set, in the order of the rules: stop or run the clocks, take the truths, find the target
// severity, move, and last of all see whether it flaps. Clocks are absolute instants that are pushed along by gaps
// instead of counters that tick, because a sleeping monitor is not evaluated and must wake up with the same answer.
#include "monitors/alert_instance.h"

#include <algorithm>

namespace tidewatch {

namespace {

std::size_t index_of(Severity severity) { return static_cast<std::size_t>(severity); }
Severity severity_at_index(std::size_t s) { return static_cast<Severity>(s); }

std::uint32_t ring_length(const SeverityRule& rule) { return std::max(rule.times, rule.times_of); }
// `of` larger than n: some of the m may be false, so a single false evaluation decides nothing.
bool has_of(const SeverityRule& rule) { return rule.times > 0 && rule.times_of > rule.times; }

std::uint32_t trues_in(const std::vector<std::uint8_t>& ring, std::uint32_t newest) {
  const std::size_t n = std::min<std::size_t>(ring.size(), newest);
  return static_cast<std::uint32_t>(std::count(ring.end() - static_cast<std::ptrdiff_t>(n), ring.end(), 1));
}

Severity highest_declared(const InstanceRules& rules) {
  for (std::size_t s = 3; s >= 1; --s) {
    if (rules.rules[s]) return severity_at_index(s);
  }
  return Severity::none;
}

std::string cause_text(const Observation& seen) {
  switch (seen.kind) {
    case Observation::Kind::no_data:
      return "no data";
    case Observation::Kind::error:
      return "error";
    default:
      break;
  }
  if (seen.status == name_of(Status::no_data)) return "no data";
  return seen.status.empty() ? "unknown" : seen.status;
}

bool lacks_data(const Observation& seen) {
  return seen.kind == Observation::Kind::no_data ||
         (seen.kind == Observation::Kind::verdict && seen.status == name_of(Status::no_data));
}

}  // namespace

std::string_view name_of(AlertState state) {
  switch (state) {
    case AlertState::ok:
      return "ok";
    case AlertState::pending:
      return "pending";
    case AlertState::firing:
      return "firing";
    case AlertState::no_data:
      return "no_data";
    case AlertState::unknown:
      return "unknown";
  }
  return "unknown";
}

InstanceRules InstanceRules::of(const MonitorSpec& spec, Duration every) {
  InstanceRules out;
  out.rules = spec.rules;
  const bool declares_none = std::none_of(out.rules.begin() + 1, out.rules.end(), [](const auto& r) { return !!r; });
  if (spec.judge >= 0 && declares_none) {
    for (std::size_t s = 1; s < out.rules.size(); ++s) out.rules[s] = SeverityRule{};
  }
  out.every = every;
  out.no_data_after = spec.no_data_after.value_or(every * 2);
  out.on_no_data = spec.on_no_data;
  out.flapping = spec.flapping;
  return out;
}

struct AlertInstance::Verdict {
  Flags raw{}, on{}, met{}, waits{};
  Flags blind{};  // this severity has no verdict
  bool is_partial = false;
};

void AlertInstance::say(Instant now, AlertState from, Severity severity_from, std::string reason, bool notify,
                        std::vector<Transition>& out) {
  Transition row;
  row.at = now;
  row.from = from;
  row.to = state_;
  row.severity_from = severity_from;
  row.severity_to = severity_;
  row.reason = std::move(reason);
  row.notify = notify;
  row.is_resolve = from == AlertState::firing && state_ != AlertState::firing;
  out.push_back(std::move(row));
}

void AlertInstance::stop_clock(std::size_t s, Instant now) {
  if (!stopped_since_[s]) stopped_since_[s] = now;
}

void AlertInstance::run_clock(std::size_t s, Instant now) {
  if (!stopped_since_[s]) return;
  const Duration gap = now - *stopped_since_[s];
  stopped_since_[s].reset();
  if (since_[s]) since_[s] = *since_[s] + gap;
  if (keep_since_ && index_of(severity_) == s) keep_since_ = *keep_since_ + gap;
}

void AlertInstance::fire(Instant now, Severity severity) {
  if (state_ != AlertState::pending) active_at_ = now;
  state_ = AlertState::firing;
  severity_ = peak_ = severity;
  fired_at_ = severity_at_ = now;
  resolved_at_.reset();
  keep_since_.reset();
}

void AlertInstance::finish(Instant now) {
  state_ = AlertState::ok;
  severity_ = Severity::none;
  resolved_at_ = now;
  keep_since_.reset();
  held_.clear();
  for (auto& ring : rings_) ring.clear();
}

bool AlertInstance::has_nothing_running() const {
  if (!seen_ || state_ != AlertState::ok || no_verdict_since_ || keep_since_ || !held_.empty()) return false;
  for (std::size_t s = 0; s < since_.size(); ++s)
    if (since_[s] || stopped_since_[s] || !rings_[s].empty()) return false;
  return true;
}

// A verdict that is false throughout, for an alert on which nothing runs: every step of the rules would leave it as it
// is. Rings of `times` are left to the rules, since a false evaluation enters them.
bool AlertInstance::stays_calm(const Observation& seen, const InstanceRules& rules) const {
  if (!is_calm_ || seen.kind != Observation::Kind::verdict) return false;
  for (std::size_t s = 1; s < seen.raw.size(); ++s) {
    if (seen.raw[s] || seen.unjudged[s]) return false;
    if (rules.rules[s] && rules.rules[s]->times > 0) return false;
  }
  return true;
}

void AlertInstance::observe(Instant now, const Observation& seen, const InstanceRules& rules,
                            std::vector<Transition>& out) {
  if (!stays_calm(seen, rules)) {
    observe_in_full(now, seen, rules, out);
    return;
  }
  last_reading_ = seen.reading;
  last_observed_ = now;
  update_flapping(now, rules, severity_, peak_, out.size(), out);
}

void AlertInstance::observe_in_full(Instant now, const Observation& seen, const InstanceRules& rules,
                                    std::vector<Transition>& out) {
  const Severity peak_before = peak_;
  const Severity level_before = severity_;
  if (!seen_) {
    seen_ = true;
    say(now, AlertState::ok, Severity::none, "first seen", false, out);
  }
  const std::size_t first_row = out.size();

  const bool has_verdict = seen.kind == Observation::Kind::verdict;
  const bool is_partial =
      has_verdict && std::any_of(seen.unjudged.begin(), seen.unjudged.end(), [](bool b) { return b; });
  if (has_verdict && !is_partial) {
    no_verdict_since_.reset();
  } else if (!no_verdict_since_) {
    no_verdict_since_ = now;
  }
  const bool is_over = no_verdict_since_ && now - *no_verdict_since_ >= rules.no_data_after;
  const bool missing_is_false = is_over && rules.on_no_data == NoDataPolicy::ok && lacks_data(seen);

  if (!has_verdict && !missing_is_false) {
    without_verdict(now, seen, rules, out);
    if (state_ != AlertState::firing) last_reading_ = seen.reading;
  } else {
    const Verdict verdict = take_truths(now, seen, rules, missing_is_false);
    if (state_ == AlertState::firing) {
      while_firing(now, verdict, seen, rules, out);
    } else {
      while_calm(now, verdict, cause_text(seen), rules, out);
    }
    last_reading_ = seen.reading;
  }
  last_observed_ = now;
  update_flapping(now, rules, level_before, peak_before, first_row, out);
  is_calm_ = has_nothing_running();
}

void AlertInstance::update_flapping(Instant now, const InstanceRules& rules, Severity level_before,
                                    Severity peak_before, std::size_t first_row, std::vector<Transition>& out) {
  const bool was_flapping = flapping_.is_on();
  const auto change = rules.flapping ? flapping_.update(now, rules.every, severity_ != level_before) : flapping_.stop();
  if (was_flapping || flapping_.is_on()) {
    // One notice says that it flaps; after it only a severity nobody has been told of is worth another.
    const bool is_new_peak = was_flapping && severity_ > flapping_peak_;
    for (std::size_t i = first_row; i < out.size(); ++i) out[i].notify = out[i].notify && is_new_peak;
    flapping_peak_ = was_flapping ? std::max(flapping_peak_, severity_) : std::max(peak_before, severity_);
  }
  if (change == Flapping::Change::started) say(now, state_, severity_, "flapping started", true, out);
  if (change == Flapping::Change::ended) say(now, state_, severity_, "flapping ended", true, out);
}

void AlertInstance::without_verdict(Instant now, const Observation& seen, const InstanceRules& rules,
                                    std::vector<Transition>& out) {
  for (std::size_t s = 1; s < since_.size(); ++s) stop_clock(s, now);
  const bool lacks = lacks_data(seen);
  const bool is_over = now - *no_verdict_since_ >= rules.no_data_after;
  const AlertState from = state_;
  const Severity severity_from = severity_;

  if (lacks && is_over && rules.on_no_data == NoDataPolicy::alert) {
    const Severity highest = highest_declared(rules);
    if (state_ != AlertState::firing && highest != Severity::none) {
      fire(now, highest);
      held_ = "held: no data";
      say(now, from, severity_from, "no data", true, out);
      return;
    }
    if (state_ == AlertState::firing && severity_ < highest) {
      severity_ = highest;
      peak_ = std::max(peak_, highest);
      severity_at_ = now;
      keep_since_.reset();
      held_ = "held: no data";
      say(now, from, severity_from, "no data", true, out);
      return;
    }
  }
  if (state_ == AlertState::firing) {
    // Policy "ok" takes the lack of data as calm once no_data_after is over; until then nothing changes.
    if (lacks && rules.on_no_data == NoDataPolicy::ok) return;
    std::string held = "held: " + cause_text(seen);
    if (held == held_) return;
    held_ = std::move(held);
    say(now, from, severity_from, held_, false, out);
    return;
  }
  if (!is_over || (lacks && rules.on_no_data == NoDataPolicy::keep)) return;
  const AlertState to = lacks ? AlertState::no_data : AlertState::unknown;
  if (state_ == to) return;
  if (state_ == AlertState::pending) active_at_.reset();
  state_ = to;
  say(now, from, severity_from, cause_text(seen), false, out);
}

AlertInstance::Verdict AlertInstance::take_truths(Instant now, const Observation& seen, const InstanceRules& rules,
                                                  bool missing_is_false) {
  const bool all_missing = seen.kind != Observation::Kind::verdict;
  Verdict out;
  for (std::size_t s = 1; s < since_.size(); ++s) {
    if (!rules.rules[s]) {
      since_[s].reset();
      stopped_since_[s].reset();
      rings_[s].clear();
      continue;
    }
    const SeverityRule& rule = *rules.rules[s];
    const bool is_missing = all_missing || seen.unjudged[s];
    out.blind[s] = is_missing && !missing_is_false;
    auto& ring = rings_[s];
    if (out.blind[s]) {
      out.is_partial = true;
      stop_clock(s, now);
    } else {
      run_clock(s, now);
      out.raw[s] = seen.raw[s] && !is_missing;
      if (!out.raw[s]) {
        since_[s].reset();
      } else if (!since_[s]) {
        since_[s] = now;
      }
      if (rule.times > 0 && seen.saw_new_rows) ring.push_back(out.raw[s] ? 1 : 0);
    }
    const std::uint32_t length = ring_length(rule);
    if (ring.size() > length) ring.erase(ring.begin(), ring.end() - static_cast<std::ptrdiff_t>(length));

    const std::uint32_t trues = trues_in(ring, length);
    const bool count_reached = rule.times == 0 || trues >= rule.times;
    const bool of_holds = has_of(rule) && trues >= rule.times;
    const bool lasted = rule.lasting.ns == 0 || (since_[s] && now - *since_[s] >= rule.lasting);
    const bool is_kept_by_clear = !is_missing && seen.has_clear[s] && !seen.released[s];

    out.on[s] = out.raw[s] || out.blind[s] || is_kept_by_clear || of_holds;
    out.met[s] = !out.blind[s] && lasted && count_reached && (out.raw[s] || has_of(rule));
    out.waits[s] = out.raw[s] || (out.blind[s] && since_[s]) || (has_of(rule) && trues > 0);
  }
  return out;
}

void AlertInstance::while_firing(Instant now, const Verdict& verdict, const Observation& seen,
                                 const InstanceRules& rules, std::vector<Transition>& out) {
  const std::size_t carried = index_of(severity_);
  const Severity severity_from = severity_;
  const auto& rule = rules.rules[carried];

  if (!verdict.blind[carried] && !held_.empty()) {
    held_.clear();
    // Policy "ok" can end a hold (of an error, say) by a lack of data, which is no data.
    const bool has_data = seen.kind == Observation::Kind::verdict;
    say(now, AlertState::firing, severity_, has_data ? "data back" : "no data", false, out);
  }

  const bool was_keeping = keep_since_.has_value();
  const Duration keep = rule ? rule->keep_firing : Duration{0};
  bool stays = verdict.on[carried];
  if (!stays) {
    if (!keep_since_) keep_since_ = now;
    stays = now - *keep_since_ < keep;
  } else if (!verdict.blind[carried]) {
    keep_since_.reset();
  }

  std::size_t target = stays ? carried : 0;
  for (std::size_t s = 1; s < verdict.met.size(); ++s) {
    if (verdict.met[s]) target = std::max(target, s);
  }
  if (target < carried) {
    // A fall lands on what is true now; a blind severity that was true when last seen has not been seen to end.
    for (std::size_t s = target + 1; s < carried; ++s) {
      if (verdict.raw[s] || (verdict.blind[s] && since_[s])) target = s;
    }
  }

  const std::string held = "held: " + cause_text(seen);
  if (target == carried) {
    if (verdict.blind[carried] && held_ != held) {
      held_ = held;
      say(now, AlertState::firing, severity_, held_, false, out);
    }
    if (was_keeping && !keep_since_) say(now, AlertState::firing, severity_, "condition true again", false, out);
    if (!was_keeping && keep_since_) say(now, AlertState::firing, severity_, "keep firing", false, out);
    return;
  }
  const bool was_edited = !rule;
  const std::string edited = "edited: " + std::string(name_of(severity_from));
  if (target == 0) {
    const bool has_kept = was_keeping && keep.ns > 0;
    finish(now);
    say(now, AlertState::firing, severity_from,
        was_edited ? edited
        : has_kept ? "keep firing elapsed"
                   : "condition cleared",
        true, out);
    return;
  }
  severity_ = severity_at_index(target);
  severity_at_ = now;
  keep_since_.reset();
  held_ = verdict.blind[target] ? held : "";
  peak_ = std::max(peak_, severity_);
  const bool is_raise = severity_ > severity_from;
  say(now, AlertState::firing, severity_from,
      is_raise     ? "severity raised"
      : was_edited ? edited
                   : "severity lowered",
      true, out);
}

void AlertInstance::while_calm(Instant now, const Verdict& verdict, const std::string& status,
                               const InstanceRules& rules, std::vector<Transition>& out) {
  const AlertState from = state_;
  const bool was_blind = from == AlertState::no_data || from == AlertState::unknown;
  std::size_t target = 0;
  bool waits = false;
  for (std::size_t s = 1; s < verdict.met.size(); ++s) {
    if (verdict.met[s]) target = s;
    waits = waits || verdict.waits[s];
  }
  if (target > 0) {
    const SeverityRule& rule = *rules.rules[target];
    std::string reason = "fired";
    if (from == AlertState::pending && rule.lasting.ns > 0) reason = "lasting elapsed";
    if (from == AlertState::pending && rule.times > 0 && rule.lasting.ns == 0) reason = "times reached";
    if (was_blind) reason = "data back";
    fire(now, severity_at_index(target));
    say(now, from, Severity::none, std::move(reason), true, out);
    return;
  }
  if (waits) {
    if (from == AlertState::pending) return;
    state_ = AlertState::pending;
    active_at_ = now;
    fired_at_.reset();
    severity_at_.reset();
    resolved_at_.reset();
    peak_ = Severity::none;
    say(now, from, Severity::none, was_blind ? "data back" : "condition true", false, out);
    return;
  }
  if (verdict.is_partial) {
    // Calm where it sees, blind elsewhere: as good as no verdict.
    const bool lacks = status == "no data";
    const bool is_over = now - *no_verdict_since_ >= rules.no_data_after;
    const AlertState blind = lacks ? AlertState::no_data : AlertState::unknown;
    if (is_over && !(lacks && rules.on_no_data == NoDataPolicy::keep)) {
      if (from == blind) return;
      if (from == AlertState::pending) active_at_.reset();
      state_ = blind;
      say(now, from, Severity::none, status, false, out);
      return;
    }
    if (was_blind) return;
  }
  if (from == AlertState::ok) return;
  if (from == AlertState::pending) active_at_.reset();
  state_ = AlertState::ok;
  const bool by_policy = no_verdict_since_.has_value();
  say(now, from, Severity::none, !was_blind ? "condition false" : by_policy ? "no data" : "data back", false, out);
}

void AlertInstance::restarted(Instant now, Duration down, std::vector<Transition>& out, std::string_view what) {
  if (!seen_) return;
  is_calm_ = false;
  const auto shift = [&](std::optional<Instant>& clock) {
    if (clock) clock = std::min(*clock + down, now);
  };
  const bool starts_over = state_ == AlertState::pending && down > hours(1);
  for (std::size_t s = 1; s < since_.size(); ++s) {
    shift(since_[s]);
    shift(stopped_since_[s]);
    if (starts_over) {
      since_[s].reset();
      rings_[s].clear();
    }
  }
  shift(keep_since_);
  shift(no_verdict_since_);
  if (starts_over) active_at_ = now;
  last_observed_.reset();
  if (state_ == AlertState::ok) return;
  if (state_ == AlertState::firing && held_.empty()) held_ = "held: restarted";
  say(now, state_, severity_, std::string(what) + format_duration(down), false, out);
}

void AlertInstance::end(Instant now, const std::string& reason, std::vector<Transition>& out) {
  const AlertState from = state_;
  const Severity severity_from = severity_;
  is_calm_ = false;
  for (auto& since : since_) since.reset();
  for (auto& stopped : stopped_since_) stopped.reset();
  no_verdict_since_.reset();
  last_observed_.reset();
  if (from == AlertState::firing) {
    finish(now);
    // Told even while flapping: nothing will say it later.
    say(now, from, severity_from, reason, true, out);
  } else {
    for (auto& ring : rings_) ring.clear();
    if (from == AlertState::pending) active_at_.reset();
    state_ = AlertState::ok;
    if (from != AlertState::ok) say(now, from, severity_from, reason, false, out);
  }
  flapping_.stop();
}

Instant AlertInstance::next_deadline(Instant now, const InstanceRules& rules) const {
  if (!last_observed_) return now;
  Instant next = flapping_.next_deadline();
  // What lay at or before the last evaluation has had its chance.
  const auto consider = [&](Instant t) {
    if (t > *last_observed_) next = std::min(next, t);
  };
  for (std::size_t s = 1; s < since_.size(); ++s) {
    if (stopped_since_[s] || !rules.rules[s]) continue;
    // A severity below the carried one may be met or not: the target is the same.
    if (since_[s] && severity_at_index(s) > severity_) consider(*since_[s] + rules.rules[s]->lasting);
    if (keep_since_ && severity_at_index(s) == severity_) consider(*keep_since_ + rules.rules[s]->keep_firing);
  }
  if (no_verdict_since_) consider(*no_verdict_since_ + rules.no_data_after);
  return std::max(next, now);
}

bool AlertInstance::is_settled(const InstanceRules& rules) const {
  if (!last_observed_) return false;
  // An alert that has just ended may be about to wait again for a severity not met yet, or to turn out blind.
  if (state_ == AlertState::ok && resolved_at_ == last_observed_) return false;
  for (std::size_t s = 1; s < since_.size(); ++s) {
    if (!rules.rules[s] || stopped_since_[s]) continue;
    const SeverityRule& rule = *rules.rules[s];
    if (rule.times == 0) continue;
    // Pushing one more of the same must leave the ring as it is. All false is the same at any length.
    const std::uint32_t trues = trues_in(rings_[s], ring_length(rule));
    const bool is_steady = since_[s] ? trues == ring_length(rule) : trues == 0;
    if (!is_steady) return false;
  }
  return true;
}

}  // namespace tidewatch
