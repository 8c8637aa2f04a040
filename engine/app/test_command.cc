#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/text.h"

namespace tidewatch {

namespace {

std::string junit(const std::vector<TestResult>& results, std::size_t failed) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"tidewatch\" tests=\"" +
                    std::to_string(results.size()) + "\" failures=\"" + std::to_string(failed) + "\">\n";
  for (const auto& r : results) {
    out += "  <testcase classname=\"" + markup_escape(r.file) + "\" name=\"" + markup_escape(r.name) + "\"";
    out += r.passed ? "/>\n" : ">\n    <failure>" + markup_escape(r.message) + "</failure>\n  </testcase>\n";
  }
  return out + "</testsuite>\n";
}

}  // namespace

int test_command(const TestArguments& arguments) {
  std::vector<TestResult> results;
  bool is_broken = false;
  const auto start = std::chrono::steady_clock::now();
  for (const auto& folder : arguments.packs) {
    std::vector<Problem> problems;
    auto ran = run_pack_tests(folder, arguments.filter, problems);
    for (const auto& p : problems) {
      std::fprintf(stderr, "%s\n", p.text().c_str());
      is_broken |= !p.is_warning;
    }
    for (auto& r : ran) results.push_back(std::move(r));
  }
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::size_t failed = 0;
  for (const auto& r : results) failed += !r.passed;
  const bool color = may_color(STDOUT_FILENO);
  if (arguments.json) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const auto& r : results)
      all.push_back({{"name", r.name},
                     {"file", r.file},
                     {"line", r.line},
                     {"passed", r.passed},
                     {"message", r.message},
                     {"output", r.output}});
    std::printf("%s\n", all.dump(2).c_str());
  } else {
    for (const auto& r : results) {
      std::printf("%s %s\n",
                  r.passed ? (color ? "\033[32mok\033[0m  " : "ok  ") : (color ? "\033[31mFAIL\033[0m" : "FAIL"),
                  r.name.c_str());
      for (const auto& line : r.output) std::printf("     %s\n", line.c_str());
      if (!r.passed) std::printf("     %s\n", r.message.c_str());
    }
    std::printf("%zu tests, %zu failed, %.2f s\n", results.size(), failed, took);
  }
  if (!arguments.junit.empty()) {
    std::ofstream file(arguments.junit);
    file << junit(results, failed);
    if (!file) return complain("cannot write " + arguments.junit, 1);
  }
  if (results.empty())
    return complain("no tests ran: expected test(\"name\", function(t) ... end) in *_test.lua beside pack.lua", 1);
  return failed || is_broken ? 1 : 0;
}

}  // namespace tidewatch
