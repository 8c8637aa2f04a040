#include "bindings/problems.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace tidewatch {

std::string Problem::text() const {
  std::string out = file;
  if (line > 0) out += (out.empty() ? "line " : ":") + std::to_string(line);
  if (!out.empty()) out += ": ";
  if (is_warning) out += "warning: ";
  if (!path.empty()) out += path + ": ";
  out += what;
  if (!expected.empty()) {
    if (!what.empty()) out += ": ";
    out += "expected " + expected;
    if (!got.empty()) out += ", got " + got;
  }
  if (!nearest.empty()) out += " (did you mean " + nearest + "?)";
  if (source_line.empty() || line <= 0) return out;
  std::string number = std::to_string(line);
  if (number.size() < 5) number.insert(0, 5 - number.size(), ' ');
  out += "\n" + number + " | " + source_line;
  if (column > 0) {
    // A tab in the source is repeated before the caret, so both lines are indented alike on every terminal.
    std::string pad;
    for (int i = 0; i < column - 1; ++i)
      pad += static_cast<std::size_t>(i) < source_line.size() && source_line[static_cast<std::size_t>(i)] == '\t' ? '\t'
                                                                                                                  : ' ';
    out += "\n" + std::string(number.size(), ' ') + " | " + pad +
           std::string(static_cast<std::size_t>(std::max(1, length)), '^');
  }
  return out;
}

bool ProblemList::has_errors() const {
  return std::any_of(problems_.begin(), problems_.end(), [](const Problem& p) { return !p.is_warning; });
}

std::vector<Problem> ProblemList::take(const std::vector<std::pair<std::string, std::string>>& sources) {
  std::vector<Problem> all = std::move(problems_);
  problems_.clear();
  for (auto& p : all)
    if (p.source_line.empty() && p.line > 0)
      if (const std::string* text = find_source(sources, p.file)) p.source_line = line_of(*text, p.line);
  std::stable_sort(all.begin(), all.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
  });
  std::vector<Problem> out;
  std::set<std::string> seen;
  for (auto& p : all)
    if (seen.insert(p.text()).second) out.push_back(std::move(p));
  return out;
}

Problem problem_of_message(const std::string& message) {
  Problem p;
  p.what = message;
  // A file name may hold a colon; the place is the first ":digits:" of the text.
  for (std::size_t at = message.find(':'); at != std::string::npos; at = message.find(':', at + 1)) {
    std::size_t end = at + 1;
    while (end < message.size() && message[end] >= '0' && message[end] <= '9') ++end;
    if (end == at + 1 || end - at > 8 || end >= message.size() || message[end] != ':') continue;
    p.file = message.substr(0, at);
    if (p.file.find('\n') != std::string::npos || p.file.size() > 300) break;
    p.line = std::stoi(message.substr(at + 1, end - at - 1));
    std::size_t text = end + 1;
    while (text < message.size() && message[text] == ' ') ++text;
    p.what = message.substr(text);
    return p;
  }
  p.file.clear();
  return p;
}

const std::string* find_source(const std::vector<std::pair<std::string, std::string>>& sources,
                               const std::string& file) {
  for (const auto& [name, text] : sources)
    if (name == file) return &text;
  for (const auto& [name, text] : sources)
    if (file.size() > name.size() && file.compare(file.size() - name.size(), name.size(), name) == 0 &&
        file[file.size() - name.size() - 1] == '/')
      return &text;
  return nullptr;
}

std::string line_of(const std::string& text, int line) {
  std::size_t from = 0;
  for (int i = 1; i < line; ++i) {
    from = text.find('\n', from);
    if (from == std::string::npos) return {};
    ++from;
  }
  std::string out = text.substr(from, text.find('\n', from) - from);
  if (!out.empty() && out.back() == '\r') out.pop_back();
  if (out.size() > 200) out.resize(200);
  return out;
}

std::string problems_text(const std::vector<Problem>& problems) {
  std::string out;
  std::size_t errors = 0;
  for (const auto& p : problems) {
    out += p.text() + "\n";
    if (!p.is_warning) ++errors;
  }
  const std::size_t warnings = problems.size() - errors;
  if (problems.empty()) return "no problems\n";
  if (errors) out += std::to_string(errors) + (errors == 1 ? " problem" : " problems");
  if (errors && warnings) out += ", ";
  if (warnings) out += std::to_string(warnings) + (warnings == 1 ? " warning" : " warnings");
  return out + "\n";
}

}  // namespace tidewatch
