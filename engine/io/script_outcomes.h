// Scripts while the engine is live, and the same scripts while it recovers. What only a clock decided (a budget that
// ran out, a call that found the quarter of a tick used up) is written down by its place among the calls of its input
// and logged in front of that input; recovery answers from there and calls nothing for it. Everything else a script
// does follows from its inputs and is simply done again.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/bytes.h"
#include "metrics/metric_engine.h"
#include "monitors/judge.h"

namespace tidewatch {

// CPU time for the Lua of all packs: a quarter of real time, saved up for at most a second. A pack below its even part
// of that may call even when others have used the rest.
class ScriptShare {
 public:
  void set_packs(std::size_t packs) { packs_ = packs == 0 ? 1 : packs; }
  void refill(std::int64_t monotonic_ns);

 private:
  friend class ScriptOutcomes;
  static constexpr std::int64_t most = 250'000'000;  // ns: a quarter of a second
  std::int64_t credit_ = most, filled_at_ = -1;
  std::int64_t given_ = 0;  // since the beginning, to each pack's even part
  std::size_t packs_ = 1;
};

std::int64_t monotonic_now();

class ScriptOutcomes final : public Judge, public RowPredicate {
 public:
  // All borrowed; `judge` and `predicates` may be null.
  ScriptOutcomes(Judge* judge, RowPredicate* predicates, ScriptShare& share);

  // Before an input is applied, at this instant of a clock that never goes back (ns).
  void begin_live(std::int64_t monotonic);
  // What the clock decided in it; "" = nothing.
  std::string take_record();
  // Before a logged input is applied again; `record` is what take_record() answered ("" = nothing).
  void begin_replay(std::string_view record);
  void end_replay();

  Judgement judge(int function, const LabelSet& labels,
                  std::span<const std::pair<std::string_view, const Reading*>> inputs, Instant now) override;
  bool test(int function, const Batch& batch, std::vector<std::uint8_t>& out, std::string& reason) override;
  ScriptFacts facts() const override;
  Duration collect(Duration most) override;

  std::uint64_t deferred() const { return deferred_; }
  // CPU time of late, halved at each input: the packs that used least go first in the next tick.
  std::int64_t used_ns() const { return used_; }

 private:
  struct Recorded {
    int function = -1;
    Judgement::Failure failure = Judgement::Failure::none;
    std::string message;
  };
  bool may_call();
  void spend(std::int64_t ns);
  const Recorded* recorded(int function) const;

  Judge* judge_;
  RowPredicate* predicates_;
  ScriptShare& share_;
  std::int64_t own_credit_ = 0, own_given_ = 0, used_ = 0;
  std::uint64_t call_ = 0;  // of this input, from 1
  std::uint64_t deferred_ = 0;
  std::map<std::uint64_t, Recorded> record_;       // by call
  std::map<std::uint64_t, std::uint64_t> missed_;  // first call -> calls in a row that were not made
  bool is_replaying_ = false;
};

}  // namespace tidewatch
