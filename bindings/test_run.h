// One running test: a core on a virtual clock, fed by the test and ticked exactly when the core asks for it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bindings/loading.h"
#include "core/core.h"
#include "records/decode.h"

namespace tidewatch {

// The core's questions answered by the functions of one Lua state.
class StateJudge : public Judge, public RowPredicate {
 public:
  explicit StateJudge(Declarations& declarations) : declarations_(declarations) {}
  Judgement judge(int function, const LabelSet& labels,
                  std::span<const std::pair<std::string_view, const Reading*>> inputs, Instant now) override {
    return judge_in(declarations_, function, labels, inputs, now);
  }
  bool test(int function, const Batch& batch, std::vector<std::uint8_t>& out, std::string& reason) override {
    return test_in(declarations_, function, batch, out, reason);
  }

 private:
  Declarations& declarations_;
};

struct TestRun {
  explicit TestRun(Declarations& of) : declarations(of), judge(of) {}

  Declarations& declarations;
  StateJudge judge;
  std::unique_ptr<Core> core;
  CoreOutput out;
  std::map<std::string, Decoder> decoders;
  Instant start{}, now{};

  // Starts the core at an instant; the error is a sentence.
  Done begin(Instant at);
  // Ticks everything due before `to` (and at it when `inclusive`), then stands at `to`.
  void advance(Instant to, bool inclusive);
  // One JSON row at `at`; a row that is refused is an error that says why.
  Done feed(const std::string& stream, const std::string& json, Instant at);
  const StreamSpec* find_stream(const std::string& name) const;
};

}  // namespace tidewatch
