// Windows of whole days: business days across a weekend and a holiday, calendar months and days in a zone with summer
// time. The dates are those of the calendars themselves: Good Friday 2024 was 29 March.
#include <catch2/catch.hpp>

#include "engine_fixture.h"

using namespace engine_fixture;

namespace {

double seconds_of(const char* text) { return static_cast<double>(parse_instant(text)->ns / 1'000'000'000); }

HandleSpec sum_over(const char* window, const char* calendar = "weekdays", const char* zone = "UTC") {
  HandleSpec h = metric("sum", window, {"value"});
  h.metric.window.calendar = h.metric.calendar = calendar;
  h.metric.window.zone = h.metric.zone = zone;
  return h;
}

// One row at noon of each day from 18 March to 9 April 2024; its value counts on from 18.
std::vector<Row> days_of_spring() {
  std::vector<Row> rows;
  const double first = seconds_of("2024-03-18T12:00:00Z");
  for (int i = 0; i < 23; ++i) rows.push_back({first + i * 86400.0, static_cast<double>(18 + i)});
  return rows;
}

}  // namespace

TEST_CASE("three business days reach over a weekend, and one further over a holiday") {
  auto engine = engine_of({sum_over("3 business days"), sum_over("3 business days", "XNYS")});
  engine->feed("api", "s", batch_of(days_of_spring()), at(seconds_of("2024-04-10")), false);
  const auto read = [&](HandleId h, const char* end) {
    return engine->read_at(h, LabelSet(), at(seconds_of(end)), at(seconds_of("2024-04-10")));
  };
  // Before Wednesday 27 March: Friday 22, the weekend, Monday 25, Tuesday 26.
  Reading r = read(0, "2024-03-27");
  CHECK((r.value == 22.0 + 23 + 24 + 25 + 26));
  CHECK(r.from == at(seconds_of("2024-03-22")));
  CHECK(r.to == at(seconds_of("2024-03-27")));
  CHECK((read(1, "2024-03-27").value == 22.0 + 23 + 24 + 25 + 26));
  // Before Tuesday 2 April: weekdays Thursday 28, Friday 29, Monday 1; the exchange was closed on the 29th.
  CHECK(read(0, "2024-04-02").from == at(seconds_of("2024-03-28")));
  CHECK((read(0, "2024-04-02").value == 28.0 + 29 + 30 + 31 + 32));
  CHECK(read(1, "2024-04-02").from == at(seconds_of("2024-03-27")));
  CHECK((read(1, "2024-04-02").value == 27.0 + 28 + 29 + 30 + 31 + 32));
}

TEST_CASE("a calendar month closed is the month before, open it is the running one") {
  HandleSpec open = sum_over("calendar month");
  open.metric.read = ReadMode::open;
  HandleSpec closed = sum_over("calendar month");
  closed.metric.metric = "mean";
  auto engine = engine_of({closed, open});
  engine->feed("api", "s", batch_of(days_of_spring()), at(seconds_of("2024-04-10")), false);
  const Instant now = at(seconds_of("2024-04-10"));
  const Reading march = engine->read_one(0, LabelSet(), now);
  CHECK(march.from == at(seconds_of("2024-03-01")));
  CHECK(march.to == at(seconds_of("2024-04-01")));
  CHECK((march.value == (18.0 + 31) / 2));
  CHECK(march.n == 14);
  const Reading april = engine->read_one(1, LabelSet(), now);
  CHECK(april.from == at(seconds_of("2024-04-01")));
  CHECK((april.value == 32.0 + 33 + 34 + 35 + 36 + 37 + 38 + 39 + 40));
}

TEST_CASE("a calendar day in a zone is 23 hours long when summer time begins") {
  HandleSpec h = sum_over("calendar day", "weekdays", "America/New_York");
  h.metric.metric = "count";
  h.metric.columns.clear();
  auto engine = engine_of({h});
  std::vector<Row> rows;  // every hour of four days of UTC around 10 March 2024
  for (int i = 0; i < 96; ++i) rows.push_back({seconds_of("2024-03-09") + i * 3600.0, 1});
  engine->feed("api", "s", batch_of(rows), at(seconds_of("2024-03-13")), false);
  const Reading r =
      engine->read_at(0, LabelSet(), at(seconds_of("2024-03-11T04:00:00Z")), at(seconds_of("2024-03-13")));
  CHECK(r.from == at(seconds_of("2024-03-10T05:00:00Z")));
  CHECK(r.to == at(seconds_of("2024-03-11T04:00:00Z")));
  CHECK((r.value == 23.0));
  const Reading before =
      engine->read_at(0, LabelSet(), at(seconds_of("2024-03-10T05:00:00Z")), at(seconds_of("2024-03-13")));
  CHECK((before.value == 24.0));
}
