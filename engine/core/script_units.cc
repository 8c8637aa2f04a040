// A strike of an error counts once an instant, however many label sets failed at it, and not at all when one was
// judged: a monitor that fails for three of a hundred is not silenced. Budget and memory count each time: they cost
// everybody.
#include "core/script_units.h"

#include <algorithm>

namespace tidewatch {

Duration ScriptUnits::pause_before_trial(int failed_trials) {
  switch (failed_trials) {
    case 0:
      return minutes(1);
    case 1:
      return minutes(5);
    case 2:
      return minutes(30);
    default:
      return hours(1);
  }
}

ScriptUnits::ScriptUnits(const PackSpec& pack, Judge* judge, RowPredicate* predicates)
    : hash_(pack.hash), judge_(judge), predicates_(predicates) {
  const auto add = [&](int function, std::string name, bool is_predicate) {
    if (function < 0) return;
    const auto at = static_cast<std::size_t>(function);
    if (unit_of_function_.size() <= at) unit_of_function_.resize(at + 1, -1);
    if (unit_of_function_[at] >= 0) return;
    unit_of_function_[at] = static_cast<int>(units_.size());
    ScriptUnit unit;
    unit.name = std::move(name);
    unit.function = function;
    unit.is_predicate = is_predicate;
    units_.push_back(std::move(unit));
  };
  for (const auto& m : pack.monitors) add(m.judge, m.name, false);
  for (const auto& h : pack.handles)
    if (h.op == HandleSpec::Op::metric && h.metric.predicate >= 0)
      add(h.metric.predicate, "where of " + describe(h, pack.handles), true);
}

ScriptUnit* ScriptUnits::unit_of(int function) {
  const auto at = static_cast<std::size_t>(function);
  if (function < 0 || at >= unit_of_function_.size() || unit_of_function_[at] < 0) return nullptr;
  return &units_[static_cast<std::size_t>(unit_of_function_[at])];
}

const ScriptUnit* ScriptUnits::find(int function) const { return const_cast<ScriptUnits*>(this)->unit_of(function); }

std::size_t ScriptUnits::quarantined() const {
  return static_cast<std::size_t>(
      std::count_if(units_.begin(), units_.end(), [](const ScriptUnit& u) { return u.is_quarantined; }));
}

void ScriptUnits::note(const ScriptUnit& unit, ScriptChange::Kind kind) {
  changes_.push_back({static_cast<std::size_t>(&unit - units_.data()), kind});
}

std::string ScriptUnits::barred_text(const ScriptUnit& unit) const {
  return "quarantined, next try at " + format_instant(unit.next_trial) + ": " + unit.complaint;
}

void ScriptUnits::quarantine(ScriptUnit& unit, Instant now) {
  if (unit.is_quarantined) {
    ++unit.trials;
  } else {
    unit.is_quarantined = true;
    unit.trials = 0;
    note(unit, ScriptChange::Kind::quarantined);
  }
  unit.next_trial = now + pause_before_trial(unit.trials);
}

void ScriptUnits::succeeded(ScriptUnit& unit) {
  unit.last_good = now_;
  unit.strikes = 0;
  if (unit.is_quarantined) {
    unit.is_quarantined = false;
    unit.trials = 0;
    note(unit, ScriptChange::Kind::restored);
  }
  if (std::exchange(unit.is_failing, false)) note(unit, ScriptChange::Kind::well);
}

void ScriptUnits::failed(ScriptUnit& unit, const std::string& text, bool counts_each) {
  unit.complaint = text;
  if (!std::exchange(unit.is_failing, true)) note(unit, ScriptChange::Kind::failing);
  if (unit.is_quarantined) return quarantine(unit, now_);
  if (!counts_each && (unit.last_strike == now_ || unit.last_good == now_)) return;
  unit.last_strike = now_;
  if (++unit.strikes >= strikes_to_quarantine) quarantine(unit, now_);
}

Judgement ScriptUnits::judge(int function, const LabelSet& labels,
                             std::span<const std::pair<std::string_view, const Reading*>> inputs, Instant now) {
  Judgement out;
  out.kind = Judgement::Kind::error;
  ScriptUnit* unit = unit_of(function);
  if (unit == nullptr || judge_ == nullptr) {
    out.message = "this pack's functions are not loaded";
    return out;
  }
  if (is_barred(*unit)) {
    out.failure = Judgement::Failure::quarantined;
    out.message = barred_text(*unit);
    return out;
  }
  out = judge_->judge(function, labels, inputs, now);
  if (out.kind == Judgement::Kind::missed) return out;
  if (out.kind != Judgement::Kind::error) {
    succeeded(*unit);
    return out;
  }
  unit->traceback = out.traceback;
  unit->used = out.used;
  const bool is_costly = out.failure == Judgement::Failure::budget || out.failure == Judgement::Failure::memory;
  failed(*unit, out.message, is_costly);
  if (out.failure == Judgement::Failure::memory)  // the pack's functions share one heap
    for (auto& other : units_)
      if (&other != unit && !other.is_quarantined && ++other.strikes >= strikes_to_quarantine) {
        other.complaint = out.message;
        quarantine(other, now_);
      }
  return out;
}

bool ScriptUnits::test(int function, const Batch& batch, std::vector<std::uint8_t>& out, std::string& reason) {
  ScriptUnit* unit = unit_of(function);
  if (unit == nullptr || predicates_ == nullptr) {
    reason = "this pack's functions are not loaded";
    return false;
  }
  if (is_barred(*unit)) {
    out.assign(batch.rows, 0);
    reason = barred_text(*unit);
    return false;
  }
  if (predicates_->test(function, batch, out, reason)) {
    if (batch.rows > 0) succeeded(*unit);
    return true;
  }
  unit->traceback.clear();
  unit->used = {};
  failed(*unit, reason, true);  // a batch is lost whole
  return false;
}

void ScriptUnits::quarantine_all(const std::string& why, Instant now) {
  for (auto& unit : units_) {
    unit.complaint = why;
    if (!std::exchange(unit.is_failing, true)) note(unit, ScriptChange::Kind::failing);
    quarantine(unit, now);
  }
}

void ScriptUnits::release_all() {
  for (auto& unit : units_) {
    unit.strikes = 0;
    unit.trials = 0;
    if (std::exchange(unit.is_quarantined, false)) note(unit, ScriptChange::Kind::restored);
  }
}

void ScriptUnits::save(ByteWriter& out) const {
  out.text(hash_);
  out.put(static_cast<std::uint64_t>(units_.size()));
  for (const auto& u : units_) {
    out.text(u.name);
    out.put(static_cast<std::uint8_t>(u.is_predicate));
    out.put(static_cast<std::int32_t>(u.strikes));
    out.put(static_cast<std::uint8_t>(u.is_quarantined));
    out.put(static_cast<std::int32_t>(u.trials));
    for (const Instant at : {u.next_trial, u.last_good, u.last_strike}) out.put(at.ns);
    out.put(static_cast<std::uint8_t>(u.is_failing));
    out.text(u.complaint);
  }
}

Done ScriptUnits::restore(ByteReader& in) {
  const bool is_same = in.text() == hash_;
  const auto count = in.count();
  for (std::size_t i = 0; i < count && in.good(); ++i) {
    ScriptUnit kept;
    kept.name = in.text();
    kept.is_predicate = in.get<std::uint8_t>() != 0;
    kept.strikes = in.get<std::int32_t>();
    kept.is_quarantined = in.get<std::uint8_t>() != 0;
    kept.trials = in.get<std::int32_t>();
    for (Instant* at : {&kept.next_trial, &kept.last_good, &kept.last_strike}) *at = {in.nanoseconds()};
    kept.is_failing = in.get<std::uint8_t>() != 0;
    kept.complaint = in.text();
    for (auto& unit : units_) {
      if (unit.name != kept.name || unit.is_predicate != kept.is_predicate) continue;
      unit.last_good = kept.last_good;
      unit.is_failing = kept.is_failing;  // an alert that is out must hear when it is well again
      if (!is_same) continue;
      kept.function = unit.function;
      unit = kept;
    }
  }
  if (!in.good()) return invalid("the checkpoint's script units: expected more bytes than there are");
  return done();
}

}  // namespace tidewatch
