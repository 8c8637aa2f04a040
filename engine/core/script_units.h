// Which of a pack's functions may be called: strikes, quarantine and its trials. It stands between the core and the
// scripts and is as deterministic as the core: only outcomes and engine time decide, so that live, test, backtest and
// recovery quarantine alike. A quarantine that lasts until somebody looks was turned down: most failures end by
// themselves, with the data that caused them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "core/pack.h"
#include "metrics/metric_engine.h"
#include "monitors/judge.h"

namespace tidewatch {

// One declared thing with a function: a monitor's `when`, or the `where` of metric handles.
struct ScriptUnit {
  std::string name;  // the monitor's, or `where of trades:count{...}`
  int function = -1;
  bool is_predicate = false;
  int strikes = 0;  // in a row
  bool is_quarantined = false;
  int trials = 0;  // failed ones of this quarantine
  Instant next_trial = far_past;
  Instant last_good = far_past, last_strike = far_past;
  bool is_failing = false;  // since the newest outcome
  std::string complaint;    // of the newest failure
  // Of the newest failure, for people; not kept over a restart.
  std::string traceback;
  Duration used{};
};

// What happened to a unit since the last call of take_changes().
struct ScriptChange {
  std::size_t unit;
  enum class Kind : std::uint8_t { quarantined, restored, failing, well } kind;
};

class ScriptUnits final : public Judge, public RowPredicate {
 public:
  static constexpr int strikes_to_quarantine = 3;
  // How long after a quarantine began, or its n-th trial failed, the next call is tried.
  static Duration pause_before_trial(int failed_trials);

  // Both are borrowed and may be null.
  ScriptUnits(const PackSpec& pack, Judge* judge, RowPredicate* predicates);

  // The engine time of the calls that follow.
  void begin(Instant now) { now_ = now; }

  Judgement judge(int function, const LabelSet& labels,
                  std::span<const std::pair<std::string_view, const Reading*>> inputs, Instant now) override;
  bool test(int function, const Batch& batch, std::vector<std::uint8_t>& out, std::string& reason) override;

  const std::vector<ScriptUnit>& units() const { return units_; }
  const ScriptUnit* find(int function) const;
  std::size_t quarantined() const;
  std::vector<ScriptChange> take_changes() { return std::exchange(changes_, {}); }

  // The process died inside the pack: nothing of it is called before a trial. A pack that was quarantined already
  // waits longer.
  void quarantine_all(const std::string& why, Instant now);
  // A reload: whatever was wrong may be mended.
  void release_all();

  void save(ByteWriter& out) const;
  // Keeps what is known by name, when the pack is the same to the letter.
  Done restore(ByteReader& in);

 private:
  ScriptUnit* unit_of(int function);
  bool is_barred(const ScriptUnit& unit) const { return unit.is_quarantined && now_ < unit.next_trial; }
  std::string barred_text(const ScriptUnit& unit) const;
  void succeeded(ScriptUnit& unit);
  void failed(ScriptUnit& unit, const std::string& text, bool counts_each);
  void quarantine(ScriptUnit& unit, Instant now);
  void note(const ScriptUnit& unit, ScriptChange::Kind kind);

  std::string hash_;
  Judge* judge_;
  RowPredicate* predicates_;
  std::vector<ScriptUnit> units_;
  std::vector<int> unit_of_function_;
  std::vector<ScriptChange> changes_;
  Instant now_ = far_past;
};

}  // namespace tidewatch
