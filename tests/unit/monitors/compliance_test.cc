// Prometheus's alert-generator compliance groups (prometheus/compliance), the states at their ticks. Samples come every
// 15 s and rules are judged every 30 s; "AxB" means B more samples, each A higher than the one before.
#include <catch2/catch.hpp>
#include <map>
#include <sstream>

#include "timeline.h"

using namespace tidewatch;
using namespace tidewatch::test;

namespace {

std::vector<double> expand(const std::string& text) {
  std::vector<double> out;
  std::istringstream in(text);
  std::string word;
  while (in >> word) {
    const auto x = word.find('x');
    if (x == std::string::npos) {
      out.push_back(std::stod(word));
      continue;
    }
    const double rise = std::stod(word.substr(0, x));
    for (int i = std::stoi(word.substr(x + 1)); i > 0; --i) out.push_back(out.back() + rise);
  }
  return out;
}

using Changes = std::vector<std::pair<int, char>>;

// Every change of the letter with its instant in seconds; a series ends with its last sample plus 5 minutes of
// lookback.
Changes changes_of(const std::string& samples, const InstanceRules& rules) {
  const auto values = expand(samples);
  Timeline t{rules, {}, {}, {}};
  Changes out;
  char last = 'o';
  const int last_sample = 15 * static_cast<int>(values.size() - 1);
  for (int second = 0; second <= last_sample + 600; second += 30) {
    std::optional<double> value;
    if (second <= last_sample + 300) value = values[static_cast<std::size_t>(std::min(second, last_sample) / 15)];
    const std::string letter = t.feed({value});
    if (letter[0] != last) out.emplace_back(second, letter[0]);
    last = letter[0];
  }
  return out;
}

InstanceRules rule(double threshold, Duration length) {
  return like_prometheus(lasting(above(threshold), length), seconds(30));
}

}  // namespace

TEST_CASE("compliance group PendingAndFiringAndResolved") {
  CHECK(changes_of("3 5 0x2 9 0x3 11 0x12 15 0x11 0x20 19 0x15 9 0x19 15 0x24 0x20 8 0x15", rule(10, minutes(6))) ==
        Changes{{120, 'P'}, {480, 'C'}, {1050, 'o'}, {1350, 'P'}, {1710, 'C'}, {2010, 'o'}});
}

TEST_CASE("compliance group PendingAndResolved_AlwaysInactive") {
  const std::string samples = "3 5 0x2 9 0x3 11 0x10 9";
  CHECK(changes_of(samples, rule(10, minutes(3))) == Changes{{120, 'P'}, {300, 'o'}});
  CHECK(changes_of(samples, rule(99, minutes(3))).empty());
}

TEST_CASE("compliance group ZeroFor_SmallFor") {
  const std::string samples = "3 5 0x2 9 0x3 15 0x12 9 0x71 11 0x12 9";
  CHECK(changes_of(samples, rule(10, seconds(0))) == Changes{{120, 'C'}, {330, 'o'}, {1410, 'C'}, {1590, 'o'}});
  CHECK(changes_of(samples, rule(13, seconds(15))) == Changes{{120, 'P'}, {150, 'C'}, {330, 'o'}});
}

TEST_CASE("compliance group NewAlerts_OrderCheck") {
  CHECK(changes_of("1 0x7 11 0x64 9 0x20", rule(10, minutes(3))) == Changes{{120, 'P'}, {300, 'C'}, {1110, 'o'}});
  CHECK(changes_of("1 0x31 11 0x32 9 0x20", rule(10, minutes(3))) == Changes{{480, 'P'}, {660, 'C'}, {990, 'o'}});
}
