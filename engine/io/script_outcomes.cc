// See script_outcomes.h.
#include "io/script_outcomes.h"

#include <time.h>

#include <algorithm>

namespace tidewatch {

namespace {

constexpr std::uint8_t record_version = 1;

std::int64_t cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

std::int64_t monotonic_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

void ScriptShare::refill(std::int64_t monotonic_ns) {
  const std::int64_t passed = filled_at_ < 0 ? 0 : std::max<std::int64_t>(0, monotonic_ns - filled_at_);
  filled_at_ = monotonic_ns;
  credit_ = std::min(most, credit_ + passed / 4);
  given_ += passed / 4;
}

ScriptOutcomes::ScriptOutcomes(Judge* judge, RowPredicate* predicates, ScriptShare& share)
    : judge_(judge), predicates_(predicates), share_(share), own_credit_(ScriptShare::most), own_given_(share.given_) {}

void ScriptOutcomes::begin_live(std::int64_t monotonic) {
  share_.refill(monotonic);
  const auto packs = static_cast<std::int64_t>(share_.packs_);
  own_credit_ = std::min(ScriptShare::most / packs, own_credit_ + (share_.given_ - own_given_) / packs);
  own_given_ = share_.given_;
  call_ = 0;
  used_ /= 2;
  record_.clear();
  missed_.clear();
}

std::string ScriptOutcomes::take_record() {
  if (record_.empty() && missed_.empty()) return {};
  ByteWriter out;
  out.put(record_version);
  out.put(static_cast<std::uint64_t>(record_.size()));
  for (const auto& [call, r] : record_) {
    out.put(call);
    out.put(static_cast<std::int32_t>(r.function));
    out.put(r.failure);
    out.text(r.message);
  }
  out.put(static_cast<std::uint64_t>(missed_.size()));
  for (const auto& [first, count] : missed_) {
    out.put(first);
    out.put(count);
  }
  record_.clear();
  missed_.clear();
  return out.take();
}

void ScriptOutcomes::begin_replay(std::string_view record) {
  if (!is_replaying_ && judge_ != nullptr) judge_->set_replaying(true);
  is_replaying_ = true;
  call_ = 0;
  record_.clear();
  missed_.clear();
  ByteReader in(record);
  if (record.empty() || in.get<std::uint8_t>() != record_version) return;
  const auto calls = in.count(8);
  for (std::size_t i = 0; i < calls && in.good(); ++i) {
    const auto call = in.get<std::uint64_t>();
    Recorded& r = record_[call];
    r.function = in.get<std::int32_t>();
    r.failure = in.get<Judgement::Failure>();
    r.message = in.text();
  }
  const auto spans = in.count(16);
  for (std::size_t i = 0; i < spans && in.good(); ++i) {
    const auto first = in.get<std::uint64_t>();
    missed_[first] = in.get<std::uint64_t>();
  }
}

void ScriptOutcomes::end_replay() {
  if (is_replaying_ && judge_ != nullptr) judge_->set_replaying(false);
  is_replaying_ = false;
}

bool ScriptOutcomes::may_call() {
  if (is_replaying_) {
    auto after = missed_.upper_bound(call_);
    return after == missed_.begin() || call_ >= std::prev(after)->first + std::prev(after)->second;
  }
  if (share_.credit_ > 0 || own_credit_ > 0) return true;
  ++deferred_;
  if (!missed_.empty() && missed_.rbegin()->first + missed_.rbegin()->second == call_)
    ++missed_.rbegin()->second;
  else
    missed_[call_] = 1;
  return false;
}

void ScriptOutcomes::spend(std::int64_t ns) {
  used_ += ns;
  share_.credit_ = std::max(-ScriptShare::most, share_.credit_ - ns);
  own_credit_ = std::max(-ScriptShare::most, own_credit_ - ns);
}

const ScriptOutcomes::Recorded* ScriptOutcomes::recorded(int function) const {
  if (!is_replaying_) return nullptr;
  const auto found = record_.find(call_);
  // Another function in its place: the pack was edited since, and what its clock once decided says nothing.
  return found == record_.end() || found->second.function != function ? nullptr : &found->second;
}

Judgement ScriptOutcomes::judge(int function, const LabelSet& labels,
                                std::span<const std::pair<std::string_view, const Reading*>> inputs, Instant now) {
  ++call_;
  Judgement out;
  if (!may_call()) {
    out.kind = Judgement::Kind::missed;
    out.message = "the Lua of all packs had used its quarter of the tick";
    return out;
  }
  if (const Recorded* r = recorded(function)) {
    out.kind = Judgement::Kind::error;
    out.failure = r->failure;
    out.message = r->message;
    return out;
  }
  out = judge_->judge(function, labels, inputs, now);
  if (is_replaying_) return out;
  spend(out.used.ns);
  if (out.failure == Judgement::Failure::budget || out.failure == Judgement::Failure::memory)
    record_[call_] = {function, out.failure, out.message};
  return out;
}

// A `where` is never put off: its rows would be lost. What it used is paid for by the calls that can wait.
bool ScriptOutcomes::test(int function, const Batch& batch, std::vector<std::uint8_t>& out, std::string& reason) {
  ++call_;
  if (const Recorded* r = recorded(function)) {
    out.assign(batch.rows, 0);
    reason = r->message;
    return false;
  }
  if (is_replaying_) return predicates_->test(function, batch, out, reason);
  const std::int64_t start = cpu_ns();
  const bool is_good = predicates_->test(function, batch, out, reason);
  spend(cpu_ns() - start);
  if (!is_good) record_[call_] = {function, Judgement::Failure::error, reason};
  return is_good;
}

ScriptFacts ScriptOutcomes::facts() const { return judge_ == nullptr ? ScriptFacts() : judge_->facts(); }
Duration ScriptOutcomes::collect(Duration most) { return judge_ == nullptr ? Duration{0} : judge_->collect(most); }

}  // namespace tidewatch
