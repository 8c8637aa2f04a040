// Detectors against figures of the reference implementations and by hand; their state survives a checkpoint anywhere.
#include <catch2/catch.hpp>
#include <random>

#include "base/calendar.h"
#include "metrics/detectors/detector.h"

using namespace tidewatch;

namespace {

std::unique_ptr<Detector> made(const DetectorSpec& spec) {
  auto detector = make_detector(spec);
  REQUIRE(detector.ok());
  return std::move(*detector);
}

std::vector<Detection> run(const DetectorSpec& spec, const std::vector<double>& values) {
  auto detector = made(spec);
  std::vector<Detection> out;
  Instant at{};
  for (const double value : values) out.push_back(detector->add(value, at = at + minutes(1)));
  return out;
}

std::vector<std::size_t> fired_at(const DetectorSpec& spec, const std::vector<double>& values) {
  std::vector<std::size_t> out;
  const auto answers = run(spec, values);
  for (std::size_t i = 0; i < answers.size(); ++i)
    if (answers[i].has_fired) out.push_back(i);
  return out;
}

// numpy's legacy randint: the generator's words, masked.
std::vector<double> jump_at_a_thousand() {
  std::mt19937 words(12345);
  std::vector<double> out;
  for (int i = 0; i < 2000; ++i) out.push_back(words() & (i < 1000 ? 1 : 7));
  return out;
}

DetectorSpec of(DetectorSpec::Kind kind) {
  DetectorSpec spec;
  spec.kind = kind;
  return spec;
}

using Kind = DetectorSpec::Kind;
const std::vector<Kind> all_kinds = {Kind::ewma,         Kind::mad,   Kind::seasonal, Kind::cusum,
                                     Kind::page_hinkley, Kind::adwin, Kind::kswin};

DetectorSpec small(Kind kind) {
  DetectorSpec spec = of(kind);
  spec.over = minutes(10);
  spec.period = minutes(7);
  spec.periods = 5;
  spec.warm = kind == Kind::ewma ? 5 : 0;
  spec.limit = 20;
  spec.size = 60;
  spec.recent = 20;
  return spec;
}

}  // namespace

TEST_CASE("ewma scores by the moments before the value") {
  DetectorSpec spec = of(Kind::ewma);
  spec.decay = 0.1;
  spec.warm = 5;
  const auto got = run(spec, {10, 11, 9, 10, 10, 10, 12, 10, 30, 10});
  for (int i = 0; i < 5; ++i) CHECK_FALSE(got[i].score.has_value());
  const double expected[] = {0, 3.333333, -.241825, 25.187681, -.360774};
  for (int i = 0; i < 5; ++i) CHECK(*got[5 + i].score == Approx(expected[i]).margin(5e-7));
}

TEST_CASE("a jump off a flat line is finite and huge") {
  DetectorSpec spec = of(Kind::ewma);
  spec.warm = 10;
  std::vector<double> values(20, 5.0);
  values.push_back(6.0);
  CHECK(*run(spec, values).back().score == Approx(1 / (1e-9 * 5)).epsilon(1e-6));
  DetectorSpec mad = of(Kind::mad);
  mad.over = hours(1);
  CHECK(*run(mad, values).back().score == Approx(1 / (1e-9 * 5)).epsilon(1e-6));
}

TEST_CASE("mad scores against the window before the value") {
  DetectorSpec spec = of(Kind::mad);
  spec.over = minutes(7);
  CHECK(*run(spec, {10, 12, 11, 13, 12, 11, 12, 40}).back().score == Approx(18.885741).margin(5e-7));
  // More than half equal: the mean absolute deviation is the scale. |x - 5| of 5 5 5 5 5 9 has mean 2/3.
  spec.over = minutes(6);
  CHECK(*run(spec, {5, 5, 5, 5, 5, 9, 10}).back().score == Approx(5 / (1.2533 * 4 / 6)).epsilon(1e-12));
}

TEST_CASE("seasonal compares with the same slot of the periods before") {
  DetectorSpec spec = of(Kind::seasonal);
  spec.period = minutes(10);
  spec.periods = 8;
  std::vector<double> values;
  for (int i = 0; i < 100; ++i) values.push_back(i % 10 * 100 + i / 10 % 3);
  values[97] = 800;  // slot 7 is 700, 701 or 702
  const auto got = run(spec, values);
  CHECK_FALSE(got[39].score.has_value());
  CHECK(got[40].score.has_value());
  // Slots 17 27 ... 87: 701 702 700 701 702 700 701 702; median 701, deviations 0 1 1 0 1 1 0 1 with median 1.
  CHECK(*got[97].score == Approx(99 / 1.4826).epsilon(1e-12));
}

TEST_CASE("seasonal slots keep their local time when the clocks change") {
  DetectorSpec spec = of(Kind::seasonal);
  spec.periods = 5;
  DetectorSpec local = spec;
  local.zone = "America/New_York";
  const Instant start = *parse_instant("2024-01-29"), change = *parse_instant("2024-03-10");
  auto utc = made(spec), there = made(local);
  double furthest = 0, furthest_by_utc = 0;
  int hours_scored = 0;
  for (int hour = 0; hour < 7 * 7 * 24; ++hour) {
    const Instant at = start + hours(hour);
    const std::int64_t local_hour = (at + zone_offset(at, local.zone)).ns / hours(1).ns % 24;
    const double value = (local_hour == 9 ? 1000 : 10) + hour / (7 * 24) % 3;
    const auto a = there->add(value, at), b = utc->add(value, at);
    if (at < change || !a.score || !b.score) continue;
    ++hours_scored;
    furthest = std::max(furthest, std::abs(*a.score));
    furthest_by_utc = std::max(furthest_by_utc, std::abs(*b.score));
  }
  CHECK(hours_scored > 150);
  CHECK(furthest < 3);
  CHECK(furthest_by_utc > 300);
}

TEST_CASE("cusum adds what exceeds the slack and starts over once above its height") {
  DetectorSpec spec = of(Kind::cusum);
  spec.reference_mean = 0;
  spec.reference_deviation = 1;
  const auto got = run(spec, {0, .2, -.1, 1.5, 2, 1.8, 2.2, 1.9});
  const double expected[] = {0, 0, 0, 1, 2.5, 3.8, 5.5, 1.4};
  for (int i = 0; i < 8; ++i) {
    CHECK(*got[i].score == Approx(expected[i]).margin(1e-12));
    CHECK(got[i].has_fired == (i == 6));
  }
}

TEST_CASE("change detectors fire where river's do") {
  const auto values = jump_at_a_thousand();
  using At = std::vector<std::size_t>;
  CHECK(fired_at(of(Kind::page_hinkley), values) == At{1020, 1991});
  CHECK(fired_at(of(Kind::adwin), values) == At{1055, 1087, 1215});
  CHECK(fired_at(of(Kind::kswin), values) == At{1042});
  DetectorSpec small_window = of(Kind::kswin);
  small_window.size = 100;
  small_window.recent = 30;
  CHECK(fired_at(small_window, values) == At{1021});
}

TEST_CASE("a detector written and read back at every value goes on as if nothing had been") {
  std::mt19937 random(7);
  std::normal_distribution<double> noise;
  for (const Kind kind : all_kinds) {
    INFO(name_of(kind));
    const DetectorSpec spec = small(kind);
    auto whole = made(spec), carried = made(spec);
    Instant at{};
    for (int i = 0; i < 400; ++i) {
      const double value = i % 97 == 96 ? 1e300 : (i / 150) * 4 + noise(random);
      at = at + minutes(1);
      const Detection a = whole->add(value, at), b = carried->add(value, at);
      REQUIRE(a.score == b.score);
      REQUIRE(a.has_fired == b.has_fired);
      if (a.score) REQUIRE(std::isfinite(*a.score));
      REQUIRE((a.score.has_value() || !a.why.empty()));
      ByteWriter out;
      carried->write(out);
      carried = i % 2 ? carried->copy() : made(spec);
      if (i % 2 == 0) {
        ByteReader in(out.bytes());
        REQUIRE(carried->read(in));
        REQUIRE(in.at_end());
      }
    }
  }
}

TEST_CASE("numbers a detector cannot work with are refused by name") {
  const auto refusal = [](auto change) {
    DetectorSpec spec;
    change(spec);
    const auto got = make_detector(spec);
    return got.ok() ? std::string() : got.error().text;
  };
  CHECK(refusal([](auto& s) { s.decay = 1; }) == "decay: expected a number between 0 and 1");
  CHECK(refusal([](auto& s) { s.kind = Kind::mad; }).find("over") == 0);
  CHECK(refusal([](auto& s) { s.kind = Kind::seasonal, s.periods = 3; }).find("periods") == 0);
  CHECK(refusal([](auto& s) { s.kind = Kind::cusum, s.height = 0; }).find("h:") == 0);
  CHECK(refusal([](auto& s) { s.kind = Kind::page_hinkley, s.forget = 2; }).find("forget") == 0);
  CHECK(refusal([](auto& s) { s.kind = Kind::adwin, s.delta = 1; }).find("delta") == 0);
  CHECK(refusal([](auto& s) { s.kind = Kind::kswin, s.recent = 150; }).find("size") == 0);
}
