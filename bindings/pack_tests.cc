// Runs a pack's *_test.lua. The files are read once to learn the tests' names; each test then runs in a state of its
// own, loaded from the start, so that no test sees what another left behind.

#include <algorithm>
#include <filesystem>

#include "bindings/test_run.h"

namespace tidewatch {

namespace {

std::vector<std::string> test_files(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.size() > 9 && name.compare(name.size() - 9, 9, "_test.lua") == 0) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

TestResult run_one(LoadedState& state, std::size_t index) {
  Declarations& d = *state.declarations;
  TestResult result;
  result.name = d.tests[index].name;
  result.file = d.tests[index].place.file;
  result.line = d.tests[index].place.line;
  TestRun run(d);
  d.test = &run;
  struct Frame {
    Declarations* declarations;
    std::size_t index;
  } frame{&d, index};
  const auto body = [](lua_State* L) -> int {
    const Frame& f = *static_cast<Frame*>(lua_touserdata(L, 1));
    f.declarations->tests[f.index].body.push();
    Call call(L, nullptr);
    Object<TestObject>::push(call, {});
    lua_call(L, 1, 0);
    return 0;
  };
  lua_State* L = d.host.state();
  lua_pushcfunction(L, body);
  lua_pushlightuserdata(L, &frame);
  d.host.take_output();  // of loading
  const Outcome outcome = d.host.call(Context::test, 1, 0);
  d.test = nullptr;
  result.output = d.host.take_output();
  result.passed = outcome.ok();
  result.message = outcome.message;
  return result;
}

}  // namespace

std::vector<TestResult> run_pack_tests(const std::string& folder, const std::string& filter,
                                       std::vector<Problem>& problems) {
  std::vector<TestResult> results;
  for (const auto& file : test_files(folder)) {
    const auto load = [&](LoadedState& state, bool keep_problems) {
      state = open_state(folder, StateUse::test, problems);
      if (!state.host) return false;
      bool is_good = run_script(state, "pack.lua");
      if (is_good) check_whole(*state.declarations);
      is_good = is_good && run_script(state, file) && !state.declarations->problems.has_errors();
      if (keep_problems)
        for (auto& p : state.declarations->problems.take(state.host->sources())) problems.push_back(std::move(p));
      return is_good;
    };
    LoadedState first;
    if (!load(first, true)) continue;
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < first.declarations->tests.size(); ++i)
      if (filter.empty() || first.declarations->tests[i].name.find(filter) != std::string::npos) chosen.push_back(i);
    for (const std::size_t index : chosen) {
      LoadedState state;
      if (load(state, false) && index < state.declarations->tests.size()) results.push_back(run_one(state, index));
    }
  }
  return results;
}

}  // namespace tidewatch
