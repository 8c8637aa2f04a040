// A value against its own past: which windows count as the past, what is made of them, and when there are too few.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>

#include "engine_fixture.h"
#include "metrics/expectation.h"

using namespace engine_fixture;

namespace {

// One value a minute, read in windows of that minute.
HandleSpec by_minute(const std::string& name, std::vector<std::string> columns = {"value"}) {
  HandleSpec h = metric(name, "1m", std::move(columns));
  h.metric.step = minutes(1);
  h.metric.min_n = 1;
  return h;
}

std::vector<Row> a_minute_each(const std::vector<double>& values) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < values.size(); ++i) rows.push_back({30.0 + 60.0 * static_cast<double>(i), values[i]});
  rows.push_back({60.0 * static_cast<double>(values.size()) + 1, 0});  // closes the last window
  return rows;
}

}  // namespace

TEST_CASE("the trailing past is the whole windows before the one that is judged") {
  auto engine = engine_of({by_minute("mean"), trailing(0, minutes(5), true), trailing(0, minutes(5), false),
                           trailing(0, minutes(5), false, minutes(1)), combination(HandleSpec::Op::deviation, {0, 1}),
                           trailing(0, minutes(30), false)});
  engine->feed("api", "s", batch_of(a_minute_each({10, 12, 11, 30, 13, 100})), at(361));
  const auto read = [&](HandleId id) { return engine->read_one(id, LabelSet(), at(361)); };
  CHECK((read(0).value == 100.0));
  const Reading median = read(1);
  CHECK((median.value == 12.0));
  CHECK(median.n == 5);
  CHECK(median.from == at(0));
  CHECK(median.to == at(300));
  CHECK(median.error.kind == ErrorBound::Kind::standard);
  CHECK(median.error.bound == Approx(1.4826));  // deviations 2 0 1 18 1
  CHECK(*read(2).value == Approx(15.2).epsilon(1e-15));
  CHECK(*read(3).value == Approx(15.75).epsilon(1e-15));  // 10 12 11 30, and a minute before the first row
  CHECK(read(3).n == 4);
  const Reading off = read(4);
  CHECK(*off.value == Approx(88.0 / 12).epsilon(1e-15));
  CHECK(off.text == "expected 12, z 59.36");
  CHECK(read(5).status == Status::insufficient);  // 5 of 30
}

TEST_CASE("the seasonal past is the same slot of earlier periods, and under four of them are too few") {
  auto engine = engine_of({by_minute("mean"), seasonal(0, minutes(1), 4), seasonal(0, minutes(2), 4)});
  engine->feed("api", "s", batch_of(a_minute_each({10, 12, 11, 30, 13, 100})), at(361));
  CHECK((engine->read_one(1, LabelSet(), at(361)).value == 12.5));  // 13 30 11 12
  const Reading few = engine->read_one(2, LabelSet(), at(361));     // 30 12, and two before the first row
  CHECK(few.status == Status::insufficient);
  CHECK(few.n == 2);
}

TEST_CASE("a day's total is compared with the median of the days before it") {
  HandleSpec day = metric("sum", "calendar day", {"value"});
  auto engine = engine_of({day, trailing(0, days(5), true), combination(HandleSpec::Op::deviation, {0, 1})});
  std::vector<Row> rows;
  const double totals[] = {0, 50, 40, 60, 45, 55, 7};  // of days 0 to 6; the first is not whole
  for (int d = 0; d < 7; ++d)
    for (int part = 0; part < 4; ++part) rows.push_back({86400.0 * d + 3600 * (5 + part), totals[d] / 4});
  rows.push_back({86400.0 * 7 + 1, 0});
  engine->feed("api", "s", batch_of(rows), at(86400.0 * 7 + 1));
  const Reading got = engine->read_one(2, LabelSet(), at(86400.0 * 7 + 1));
  CHECK(*got.value == Approx((7.0 - 50) / 50).epsilon(1e-14));
  CHECK(got.status == Status::ok);
}

TEST_CASE("a compared value is the same for any arrival, and equals the model") {
  const unsigned seed = 77;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 20; ++round) {
    std::vector<double> values;
    for (int i = 0; i < 40; ++i) values.push_back(std::round(std::normal_distribution<>(100, 30)(random)));
    const std::uint32_t span = 2 + random() % 20;
    const std::vector<HandleSpec> handles = {by_minute("sum"), trailing(0, minutes(span), true),
                                             trailing(0, minutes(span), false)};
    auto rows = a_minute_each(values);
    auto plain = engine_of(handles);
    plain->feed("api", "s", batch_of(rows), at(2401));
    auto other = engine_of(handles);
    const auto late = [&](const std::vector<Row>& part) { other->feed("api", "s", batch_of(part), at(2401)); };
    for (std::size_t i = 0; i + 1 < rows.size(); i += 2) {  // neighbours swapped: inside lateness
      if (i + 2 < rows.size()) late({rows[i + 1]});
      late({rows[i]});
      if (random() % 3 == 0) other->read_one(2, LabelSet(), at(2401));
    }
    late({rows.back()});
    std::vector<double> past(values.end() - 1 - span, values.end() - 1);
    double mean = 0;
    for (const double v : past) mean += v / span;
    std::sort(past.begin(), past.end());
    const Reading median = plain->read_one(1, LabelSet(), at(2401)), average = plain->read_one(2, LabelSet(), at(2401));
    CHECK(*median.value == (past[(span - 1) / 2] + past[span / 2]) / 2);
    CHECK(*average.value == Approx(mean).epsilon(1e-12));
    CHECK(average.n == span);
    CHECK(*other->read_one(1, LabelSet(), at(2401)).value == *median.value);
    CHECK(*other->read_one(2, LabelSet(), at(2401)).value == *average.value);
  }
}

TEST_CASE("a past that cannot be averaged is undefined, one that does not vary has no scale") {
  Reading huge, flat;
  huge.value = 1.7e308;
  flat.value = 4.0;
  huge.status = flat.status = Status::ok;
  CHECK(expected_reading(std::vector<SharedReading>(3, huge), 1, false, at(0)).status == Status::undefined);
  const Reading steady = expected_reading(std::vector<SharedReading>(9, flat), 4, true, at(0));
  CHECK((steady.value == 4.0));
  CHECK(steady.error.kind == ErrorBound::Kind::exact);
  CHECK(expected_reading({}, 1, false, at(0)).status == Status::no_data);
}

TEST_CASE("half of the windows are enough, and one less than half is too few") {
  Reading known, absent;
  known.value = 4.0;
  known.status = Status::ok;
  absent.status = Status::no_data;
  const auto status = [&](std::size_t ok, std::size_t all, std::size_t least) {
    std::vector<SharedReading> readings(ok, known);
    readings.resize(all, absent);
    const Reading r = expected_reading(readings, least, false, at(0));
    CHECK(r.n == ok);
    CHECK((r.value == 4.0));
    return r.status;
  };
  CHECK(status(4, 8, 1) == Status::ok);
  CHECK(status(3, 8, 1) == Status::insufficient);
  CHECK(status(4, 9, 1) == Status::insufficient);
  CHECK(status(5, 9, 1) == Status::ok);
  CHECK(status(4, 8, 4) == Status::ok);
  CHECK(status(4, 8, 5) == Status::insufficient);
}
