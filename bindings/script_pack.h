// A loaded pack: its Lua state under budgets, its declarations as a PackSpec, and its functions as the core's Judge
// and RowPredicate. The only header of bindings/ that the app needs to load and run packs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/pack.h"
#include "metrics/metric_engine.h"
#include "monitors/judge.h"

namespace tidewatch {

// One sentence for the author: file:line: what, expected, got, nearest name.
struct Problem {
  std::string file;                      // as people say it: vix-spx/pack.lua
  int line = 0, column = 0, length = 1;  // columns from 1; length is the caret's
  bool is_warning = false;
  std::string path;  // monitor "drift".critical
  std::string what, expected, got, nearest;
  std::string text() const;  // with the source line and a caret when known
  std::string source_line;
};

// The last component of a folder's path: "packs/vix-spx/" -> "vix-spx".
std::string pack_name(const std::string& folder);

class ScriptPack : public Judge, public RowPredicate {
 public:
  // Loads `folder`/pack.lua and what it requires, runs every check, and collects all problems. Null when any is an
  // error.
  // `is_live`: budgets are CPU time. Elsewhere they are counted, so that a backtest repeats on any machine.
  static std::unique_ptr<ScriptPack> load(const std::string& folder, std::vector<Problem>& problems,
                                          bool is_live = false);
  ~ScriptPack() override;

  const PackSpec& spec() const;
  // A problem of something declared, at its declaration: ("baseline", "train", "cannot read ...").
  Problem problem_of(const std::string& kind, const std::string& name, const std::string& what) const;

  Judgement judge(int function, const LabelSet& labels,
                  std::span<const std::pair<std::string_view, const Reading*>> inputs, Instant now) override;
  bool test(int function, const Batch& batch, std::vector<std::uint8_t>& out, std::string& reason) override;

  ScriptFacts facts() const override;
  void set_replaying(bool is_replaying) override;
  Duration collect(Duration most) override;

  // print() output and script complaints since the last call, each "file:line: text".
  std::vector<std::string> take_output();
  std::size_t memory_bytes() const;

  struct State;

 private:
  explicit ScriptPack(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// `*_test.lua` of a pack, each test on its own virtual clock, core and Lua state.
struct TestResult {
  std::string name, file;
  int line = 0;
  bool passed = false;
  std::string message;              // why it failed, with file:line, expected and got
  std::vector<std::string> output;  // what print() said while it ran, each "file:line: text"
  double seconds = 0;               // filled by the caller's clock; 0 otherwise
};
std::vector<TestResult> run_pack_tests(const std::string& folder, const std::string& filter,
                                       std::vector<Problem>& problems);

// A simulator declared by a pack (`simulator "market" {...}` in simulator.lua): seeded, on the virtual clock.
class Simulator {
 public:
  struct Fault {
    std::string name;
    Instant from, to;
  };
  struct Emitted {
    std::string stream;
    std::string json;
  };
  static Result<std::unique_ptr<Simulator>> open(const std::string& pack_folder, std::uint64_t seed, Instant from,
                                                 std::vector<Fault> faults, std::vector<Problem>& problems);
  ~Simulator();
  Duration step() const;
  Instant start() const;  // `from`, or the simulator's own `start` when `from` was far_past
  const std::string& name() const;
  // The records of the step that begins at `at`; call with ascending multiples of step from `from`.
  Result<std::vector<Emitted>> at(Instant at);
  std::vector<std::string> fault_names() const;
  // Emits only these streams from now on; `sim:wants` lets the script skip the work for others. Empty = all.
  void only(std::vector<std::string> streams);

 private:
  struct State;
  explicit Simulator(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tidewatch
