// Drift against the same slot of earlier periods, held against a plain recount of the rows: slots, and the window they
// were cut at, counted by hand.
#include <numeric>

#include "base/calendar.h"
#include "metrics/memory_estimate.h"
#include "metrics/statistics/false_discovery.h"
#include "moving_past.h"

using namespace moving_past;

namespace {

struct Asked {
  double over, period;  // seconds
  std::uint32_t periods;
  double rebin;
  double step = 60;
};

HandleSpec seasonal_metric(const std::string& name, const Asked& asked, const std::string& column = "value") {
  HandleSpec h = metric(name, std::to_string(static_cast<int>(asked.over)) + "s", {column});
  h.metric.step = at(asked.step) - at(0);
  h.metric.lateness = minutes(3);
  h.metric.min_n = 1;
  h.metric.trailing.period = at(asked.period) - at(0);
  h.metric.trailing.periods = asked.periods;
  h.metric.trailing.rebin = at(asked.rebin) - at(0);
  return h;
}

// The values of the slots of the window that begins at `from`, and how many of them have a row.
std::vector<double> slots_of(const std::vector<Row>& rows, const Asked& asked, double from, int* with_rows = nullptr) {
  std::vector<double> out;
  for (std::uint32_t k = 1; k <= asked.periods; ++k) {
    const double begin = from - k * asked.period;
    const auto one = values_in(rows, begin, begin + asked.over);
    out.insert(out.end(), one.begin(), one.end());
    if (with_rows)
      *with_rows += std::any_of(rows.begin(), rows.end(),
                                [&](const Row& r) { return r.at >= begin && r.at < begin + asked.over; });
  }
  std::sort(out.begin(), out.end());
  return out;
}

// Rows whose level follows the hour, so that a slot is like its earlier ones and unlike its neighbours.
std::vector<Row> seasons(std::uint64_t seed, double seconds, double every, double period) {
  auto rows = drifting(seed, seconds, every);
  for (Row& r : rows)
    if (r.value != 0) r.value += 5 * std::sin(r.at / period * 6.283185307179586);
  return rows;
}

}  // namespace

TEST_CASE("psi against the same slot of earlier periods is that of a plain recount, each slot in bins of its own") {
  for (const Asked asked : {Asked{600, 3600, 6, 7200}, Asked{300, 1800, 8, 1}, Asked{600, 3600, 5, 6 * 3600}}) {
    const double seconds = 16 * 3600;
    const auto rows = seasons(11, seconds, 9, asked.period);
    const double first = std::floor(rows.front().at / asked.step) * asked.step;
    const auto readings = run(seasonal_metric("psi", asked), rows, seconds);
    const auto every = static_cast<std::int64_t>(std::max(1.0, std::ceil(asked.rebin / asked.period)));
    int compared = 0, early = 0, recut = 0;
    for (const auto& [end, reading] : readings) {
      CAPTURE(asked.over, asked.period, asked.periods, asked.rebin, end, reading.reason);
      const double from = end - asked.over;
      // The first window of this slot with four slots behind it, then each `every` periods.
      const auto since = static_cast<std::int64_t>(std::floor((from - first) / asked.period)) - 4;
      if (since < 0) {
        CHECK(reading.status == Status::insufficient);
        ++early;
        continue;
      }
      const double cut = from - static_cast<double>(since % every) * asked.period;
      recut += since % every == 0;
      const auto reference = slots_of(rows, asked, from), current = values_in(rows, from, end);
      const NumberBins bins = NumberBins::cut(slots_of(rows, asked, cut), BinRule());
      REQUIRE(reading.status == Status::ok);
      REQUIRE(reading.value);
      CHECK(reading.n == current.size());
      CHECK(reading.baseline_n == reference.size());
      CHECK(reading.baseline->from == at(from - asked.periods * asked.period));
      CHECK(reading.baseline->to == at(from - asked.period + asked.over));
      CHECK(*reading.value == Approx(psi_of(reference, current, bins)).epsilon(1e-12));
      ++compared;
    }
    CHECK(compared > 500);
    CHECK(early > 10);
    CHECK(recut > 50);
  }
}

TEST_CASE("the same slots read the same bits after restarts, in other batches and shuffled within the lateness") {
  const Asked asked{600, 1800, 5, 4000};
  const double seconds = 5 * 3600;
  for (const char* name : {"psi", "js", "ks", "wasserstein"}) {
    CAPTURE(name);
    const HandleSpec handle = seasonal_metric(name, asked);
    const auto rows = seasons(5, seconds, 11, asked.period);
    auto plain = run(handle, rows, seconds);
    const auto same = [&](const std::map<int, Reading>& other, int within) {
      int compared = 0;
      const int last = std::max(plain.rbegin()->first, other.rbegin()->first);
      for (const auto& [end, reading] : other) {
        if (within > 0 && end < last - within) continue;
        if (!plain.count(end)) continue;
        CAPTURE(end);
        Reading a = plain[end], b = reading;
        a.late = b.late = a.revision = b.revision = 0;
        a.is_final = b.is_final = false;
        CHECK((bits(a) == bits(b)));
        compared += a.status == Status::ok;
      }
      CHECK(compared > 3);
    };
    same(run(handle, rows, seconds, 60, 3), 0);
    same(run(handle, rows, seconds, 60, 0, 64), 0);
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      auto order = rows;
      std::mt19937_64 random(seed);
      for (std::size_t i = 0; i + 8 <= order.size(); i += 8)  // eight rows are a minute and a half
        std::shuffle(order.begin() + static_cast<std::ptrdiff_t>(i), order.begin() + static_cast<std::ptrdiff_t>(i + 8),
                     random);
      same(run(handle, order, seconds, 60, seed % 2 ? 4 : 0), 280);
    }
  }
}

TEST_CASE("under four slots with rows there is no verdict, and the reason counts them") {
  const Asked asked{600, 3600, 6, 5 * 3600};
  const double seconds = 14 * 3600;
  auto rows = seasons(3, seconds, 9, asked.period);
  rows.erase(std::remove_if(rows.begin(), rows.end(),  // three hours of nothing
                            [](const Row& r) { return r.at >= 8 * 3600 && r.at < 11 * 3600; }),
             rows.end());
  const auto readings = run(seasonal_metric("psi", asked), rows, seconds);
  int short_of = 0, fine = 0;
  for (const auto& [end, reading] : readings) {
    if (reading.n == 0 || end - asked.over < 4 * asked.period) continue;
    CAPTURE(end, reading.reason);
    int with_rows = 0;
    slots_of(rows, asked, end - asked.over, &with_rows);
    CHECK((reading.status == Status::ok) == (with_rows >= 4));
    fine += with_rows >= 4;
    if (with_rows >= 4) continue;
    ++short_of;
    CHECK(reading.reason.find("has rows in " + std::to_string(with_rows) + " of its 6 slots") != std::string::npos);
  }
  CHECK(short_of > 100);
  CHECK(fine > 100);
}

TEST_CASE("where a zone is set slots are at the same local time, whatever the clock did in between") {
  // New York sets its clock forward in the night to 2026-03-08. A row a minute, whose value says its hour in UTC.
  const double from = 1'772'150'400;  // 2026-02-27T00:00Z
  std::vector<Row> rows;
  for (double t = from; t < from + 12.5 * 86'400 + 3700; t += 60) rows.push_back({t, std::floor((t - from) / 3600)});
  for (const bool is_local : {false, true}) {
    HandleSpec handle = seasonal_metric("psi", {3600, 86'400, 7, 86'400, 1800});
    if (is_local) handle.metric.zone = "America/New_York";
    auto engine = engine_of({handle});
    for (std::size_t i = 0; i < rows.size(); i += 500)
      engine->feed("api", "s",
                   batch_of({rows.begin() + static_cast<std::ptrdiff_t>(i),
                             rows.begin() + static_cast<std::ptrdiff_t>(std::min(rows.size(), i + 500))}),
                   at(rows.back().at), false);
    // Noon of 2026-03-11 UTC: seven days before it is 13:00 UTC by New York's clock.
    const Reading r = engine->read_at(0, LabelSet(), at(from + 12.5 * 86'400 + 3600), at(rows.back().at));
    REQUIRE(r.status == Status::ok);
    CHECK(r.from == at(from + 12.5 * 86'400));
    const double moved = is_local ? 3600 : 0;
    CHECK(r.baseline->from == at(from + 5.5 * 86'400 + moved));
    CHECK(r.baseline->to == at(from + 11.5 * 86'400 + 3600));
    CHECK(r.baseline_n == 420);
    // Days of whole panes: each day's hours are other values, so only the bins say which slots were read.
    HandleSpec days_handle = handle;
    days_handle.metric.window = *parse_window("calendar day");
    days_handle.metric.step = {0};
    days_handle.metric.window.zone = is_local ? "America/New_York" : "UTC";
    auto by_day = engine_of({days_handle});
    for (std::size_t i = 0; i < rows.size(); i += 500)
      by_day->feed("api", "s",
                   batch_of({rows.begin() + static_cast<std::ptrdiff_t>(i),
                             rows.begin() + static_cast<std::ptrdiff_t>(std::min(rows.size(), i + 500))}),
                   at(rows.back().at), false);
    const Reading day = by_day->read_one(0, LabelSet(), at(rows.back().at));
    REQUIRE(day.status == Status::ok);
    // Seven days before a day after the change, one of them an hour short.
    CHECK(day.baseline_n == (is_local ? 7 * 1440 - 60 : 7 * 1440));
  }
}

TEST_CASE("a rule on drift against the past knows what chance does to it") {
  HandleSpec seasonal = seasonal_metric("psi", {600, 3600, 6, 7200}), trailing = seasonal;
  trailing.metric.trailing = {};
  trailing.metric.trailing.span = hours(2);
  HandleSpec ks = seasonal;
  ks.metric.metric = "ks";
  for (HandleSpec handle : {seasonal, trailing, ks}) {
    handle.metric.is_calibrated = true;
    const auto readings = run(handle, seasons(7, 8 * 3600, 9, 3600), 8 * 3600);
    const Reading r = readings.rbegin()->second;
    REQUIRE(r.status == Status::ok);
    REQUIRE(r.chance);
    CHECK(r.chance->n == r.n);
    CHECK(r.chance->m == r.baseline_n);
    CHECK(r.chance->kind == (handle.metric.metric == "ks" ? Chance::Kind::ks : Chance::Kind::psi));
    if (handle.metric.metric == "ks") continue;
    // The p-value and the threshold are one distribution: psi is the threshold of its own p.
    CHECK(threshold_in_force(0, true, *r.p_value, *r.chance).in_force == Approx(*r.value).epsilon(1e-9));
  }
}

TEST_CASE("columns against a past that moves are those whose own distances fall, held to the false discovery rate") {
  for (const bool is_seasonal : {false, true}) {
    const Asked asked{600, 3600, 5, 7200};
    std::vector<Row> rows;  // alike for eight hours, then other values, two hours later other hosts
    std::mt19937_64 random(19);
    for (double t = 37; t < 12 * 3600; t += 9)
      rows.push_back({t, static_cast<double>(random() % 1000) + (t > 8 * 3600 ? 300 : 0),
                      random() % 100 < (t > 10 * 3600 ? 60u : 30u) ? "b" : "a"});
    HandleSpec table = seasonal_metric("drifted_columns", asked);
    if (!is_seasonal) {
      table.metric.trailing = {};
      table.metric.trailing.span = hours(3);
      table.metric.trailing.rebin = hours(2);
    }
    table.metric.columns = {"value", "host"};
    HandleSpec value = table, host = table;
    value.metric.metric = host.metric.metric = "psi";
    value.metric.columns = {"value"};
    host.metric.columns = {"host"};
    const auto all = run(table, rows, 12 * 3600, 60, 5), of_value = run(value, rows, 12 * 3600),
               of_host = run(host, rows, 12 * 3600);
    int drifted = 0, quiet = 0;
    for (const auto& [end, r] : all) {
      CAPTURE(is_seasonal, end, r.reason);
      const Reading &a = of_value.at(end), &b = of_host.at(end);
      CHECK((r.status == Status::ok) == (a.status == Status::ok || b.status == Status::ok));
      if (a.status != Status::ok || b.status != Status::ok) continue;
      const double low = std::min(*a.p_value, *b.p_value), high = std::max(*a.p_value, *b.p_value);
      const int rejected = high <= 0.05 ? 2 : low <= 0.025 ? 1 : 0;
      CHECK(*r.value == rejected / 2.0);
      CHECK(r.text == (rejected == 2 ? "value, host" : rejected == 0 ? "" : low == *a.p_value ? "value" : "host"));
      CHECK(*r.p_value == Approx(std::min(2 * low, high)).epsilon(1e-12));
      drifted += rejected > 0;
      quiet += rejected == 0;
    }
    CHECK(drifted > 20);
    CHECK(quiet > 20);
  }
}

TEST_CASE("what has no slots in its periods is refused, and the message says what has") {
  const auto problem = [](HandleSpec handle) {
    std::vector<MetricEngine::Problem> problems;
    auto made = MetricEngine::create({api_stream()}, {}, {std::move(handle)}, nullptr, &problems);
    REQUIRE_FALSE(made);
    return problems.front().text;
  };
  const auto says = [&](const HandleSpec& handle, const std::string& part) {
    const std::string text = problem(handle);
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  const Asked asked{600, 3600, 6, 7200};
  HandleSpec handle = seasonal_metric("new_values", asked);
  says(handle, "psi, kl, js");
  handle = seasonal_metric("psi", asked);
  handle.metric.window = *parse_window("20 rows");
  handle.metric.step = {0};
  says(handle, "trailing \"250 rows\"");
  handle = seasonal_metric("psi", asked);
  handle.metric.trailing.period = seconds(500);
  says(handle, "shorter than the window of 10m");
  handle.metric.trailing.period = seconds(610);
  says(handle, "try step = \"10s\"");
  handle = metric("psi", "calendar month", {"value"});
  handle.metric.trailing.period = days(28);
  handle.metric.trailing.periods = 8;
  says(handle, "months are not of one length");
  handle.metric.window = *parse_window("calendar week");
  handle.metric.trailing.period = days(1);
  says(handle, "at least 7d");
  handle = metric("psi", "1h", {"value"});
  handle.metric.trailing.period = days(7);
  handle.metric.trailing.periods = 8;
  says(handle, "try step = \"6m 40s\"");
  // What it proposes is taken, and `check` says what it will cost.
  handle.metric.step = seconds(400);
  auto engine = engine_of({handle});
  const auto estimate = estimate_memory({api_stream()}, {handle});
  REQUIRE(estimate.size() == 1);
  CHECK(estimate[0].rows_for >= days(7 * 12));  // eight weeks, and what bins five weeks old were cut from
  CHECK(estimate[0].rows_for <= days(7 * 12) + hours(2));
}
