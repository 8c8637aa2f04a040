// Problems of a pack, collected: an author sees all mistakes at once, by file and line, each with its source line and
// a caret. Raising the first one instead was decided against: five mistakes would cost five runs of `check`.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bindings/script_pack.h"

namespace tidewatch {

// A line of a script as people say it. `call` and `name` let the source map find the call on that line again:
// monitor "drift" { ... } is call `monitor`, name `drift`; api:p95("latency_ms") is call `p95`.
struct Place {
  std::string file;
  int line = 0;
  std::string call, name;
};

class ProblemList {
 public:
  void add(Problem problem) { problems_.push_back(std::move(problem)); }
  bool has_errors() const;
  std::size_t size() const { return problems_.size(); }
  // Sorted by file, line, column and text, repeats removed; fills source_line from the files read.
  std::vector<Problem> take(const std::vector<std::pair<std::string, std::string>>& sources);

 private:
  std::vector<Problem> problems_;
};

// "vix-spx/pack.lua:41: text" taken apart; line 0 and the whole text when there is no such beginning.
Problem problem_of_message(const std::string& message);

// The text of the file people call `file` among sources named either "vix-spx/pack.lua" or "pack.lua"; nullptr when
// unknown.
const std::string* find_source(const std::vector<std::pair<std::string, std::string>>& sources,
                               const std::string& file);

std::string line_of(const std::string& text, int line);

// All problems as check prints them, then the count: "2 problems in 1 file" or "no problems".
std::string problems_text(const std::vector<Problem>& problems);

}  // namespace tidewatch
