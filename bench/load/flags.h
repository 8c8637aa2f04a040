// Flags of the load tools: `--name value` pairs, nothing else. A word they do not know ends them with a sentence, so
// that a mistyped flag is never a measurement of something else.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

class Flags {
 public:
  // `known` maps every flag to its default.
  Flags(int count, char** words, std::map<std::string, std::string> known) : values_(std::move(known)) {
    for (int i = 1; i < count; i += 2) {
      const std::string name = words[i];
      if (name.rfind("--", 0) != 0 || values_.count(name.substr(2)) == 0 || i + 1 == count) {
        std::fprintf(stderr, "expected `--name value`, got \"%s\"; the flags are:", name.c_str());
        for (const auto& [flag, value] : values_) std::fprintf(stderr, " --%s (%s)", flag.c_str(), value.c_str());
        std::fputs("\n", stderr);
        std::exit(2);
      }
      values_[name.substr(2)] = words[i + 1];
    }
  }
  const std::string& text(const char* name) const { return values_.at(name); }
  double number(const char* name) const { return std::strtod(values_.at(name).c_str(), nullptr); }
  long whole(const char* name) const { return std::strtol(values_.at(name).c_str(), nullptr, 10); }

 private:
  std::map<std::string, std::string> values_;
};
