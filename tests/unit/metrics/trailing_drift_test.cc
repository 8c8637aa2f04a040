// Drift against the time before a window, held against a plain recount of the rows: same rows, bins cut where the
// documents say, counted by hand.
#include "moving_past.h"

using namespace moving_past;

namespace {

struct Asked {
  double over, span, gap, rebin;  // seconds
  double step = 60;
};

HandleSpec trailing_metric(const std::string& name, const Asked& asked, const std::string& column = "value") {
  HandleSpec h = metric(name, std::to_string(static_cast<int>(asked.over)) + "s", {column});
  h.metric.step = at(asked.step) - at(0);
  h.metric.lateness = minutes(3);
  h.metric.min_n = 1;
  h.metric.trailing.span = at(asked.span) - at(0);
  h.metric.trailing.gap = at(asked.gap) - at(0);
  h.metric.trailing.rebin = at(asked.rebin) - at(0);
  return h;
}

// The instant of the cut in force for a window that begins at `from`; < 0 before the first.
double cut_at(const Asked& asked, double first_row, double from) {
  const double first = std::floor(first_row / asked.step) * asked.step + asked.span + asked.gap;
  if (from < first) return -1;
  return first + std::floor((from - first) / asked.rebin) * asked.rebin;
}

}  // namespace

TEST_CASE("psi against the time before its window is that of a plain recount, bins cut when it is first full") {
  for (const Asked asked : {Asked{600, 3600, 0, 7200}, Asked{300, 1800, 600, 1200}, Asked{600, 1200, 0, 1e7}}) {
    const double seconds = 5 * 3600;
    const auto rows = drifting(11, seconds, 9);
    const double first_row = rows.front().at;
    const auto readings = run(trailing_metric("psi", asked), rows, seconds);
    int compared = 0, early = 0;
    for (const auto& [end, reading] : readings) {
      CAPTURE(asked.over, asked.span, asked.gap, end, reading.reason);
      const double from = end - asked.over, cut = cut_at(asked, first_row, from);
      if (cut < 0) {
        CHECK(reading.status == Status::insufficient);
        ++early;
        continue;
      }
      const auto reference = values_in(rows, from - asked.gap - asked.span, from - asked.gap);
      const auto current = values_in(rows, from, end);
      const NumberBins bins =
          NumberBins::cut(values_in(rows, cut - asked.gap - asked.span, cut - asked.gap), BinRule());
      REQUIRE(reading.status == Status::ok);
      REQUIRE(reading.value);
      CHECK(reading.n == current.size());
      CHECK(reading.baseline_n == reference.size());
      CHECK(reading.baseline->from == at(from - asked.gap - asked.span));
      CHECK(reading.baseline->to == at(from - asked.gap));
      CHECK(*reading.value == Approx(psi_of(reference, current, bins)).epsilon(1e-12));
      ++compared;
    }
    CHECK(compared > 120);
    CHECK(early > 10);
  }
}

TEST_CASE("a past that moves reads the same bits after restarts, in other batches and shuffled within the lateness") {
  const Asked asked{600, 1800, 300, 2400};
  const double seconds = 3 * 3600;
  for (const char* name : {"psi", "js", "ks", "wasserstein"}) {
    CAPTURE(name);
    HandleSpec handle = trailing_metric(name, asked);
    const auto rows = drifting(5, seconds, 11);
    auto plain = run(handle, rows, seconds);
    const auto same = [&](std::map<int, Reading> other, int within) {
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
        ++compared;
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

TEST_CASE("windows of rows are compared with the rows before them") {
  HandleSpec handle = metric("psi", "20 rows", {"value"});
  handle.metric.min_n = 1;
  handle.metric.lateness = minutes(3);
  handle.metric.trailing.rows = 60;
  handle.metric.trailing.rebin = at(3000) - at(0);
  const auto rows = drifting(3, 12'000, 30);
  std::vector<Row> usable;
  for (const Row& r : rows)
    if (!r.is_null) usable.push_back(r);
  auto engine = engine_of({handle});
  int compared = 0;
  std::vector<double> cuts;  // index of the first row of the window each cut was made for
  for (std::size_t i = 0; i < usable.size(); ++i) {
    const bool is_due =
        i >= 60 && (cuts.empty() || usable[i].at >= usable[static_cast<std::size_t>(cuts.back())].at + 3000);
    if (is_due) cuts.push_back(static_cast<double>(i));
  }
  std::size_t seen = 0;
  for (const Row& row : rows) {
    engine->feed("api", "s", batch_of({row}), at(row.at), false);
    seen += !row.is_null;
    if (seen % 7 == 0) {
      ByteWriter saved;
      engine->save(saved);
      engine = engine_of({handle});
      ByteReader in(saved.bytes());
      REQUIRE(engine->restore(in));
    }
    const Reading r = engine->read_one(0, LabelSet(), at(row.at));
    CAPTURE(seen, r.reason);
    if (seen < 80) {
      CHECK(r.status != Status::ok);
      continue;
    }
    const std::size_t first = seen - 20;
    const auto values = [&](std::size_t from, std::size_t to) {
      std::vector<double> out;
      for (std::size_t i = from; i < to; ++i) out.push_back(usable[i].value);
      std::sort(out.begin(), out.end());
      return out;
    };
    std::size_t cut = 0;
    for (const double at_row : cuts)
      if (at_row <= static_cast<double>(first)) cut = static_cast<std::size_t>(at_row);
    const NumberBins bins = NumberBins::cut(values(cut - 60, cut), BinRule());
    REQUIRE(r.status == Status::ok);
    CHECK(r.n == 20);
    CHECK(r.baseline_n == 60);
    CHECK(*r.value == Approx(psi_of(values(first - 60, first), values(first, seen), bins)).epsilon(1e-12));
    ++compared;
  }
  CHECK(compared > 200);
  CHECK(cuts.size() >= 3);
}

TEST_CASE("of a past that ends within a pane the whole panes inside it count") {
  const Asked asked{600, 1830, 45, 7200};
  const double seconds = 3 * 3600;
  const auto rows = drifting(17, seconds, 9);
  int compared = 0;
  for (const auto& [end, reading] : run(trailing_metric("psi", asked), rows, seconds)) {
    if (reading.status != Status::ok) continue;
    const double to = end - asked.over - asked.gap, from = to - asked.span;
    const double first = std::ceil(from / asked.step) * asked.step, last = std::floor(to / asked.step) * asked.step;
    CAPTURE(end, first, last);
    CHECK(reading.baseline->from == at(first));
    CHECK(reading.baseline->to == at(last));
    CHECK(reading.baseline_n == values_in(rows, first, last).size());
    ++compared;
  }
  CHECK(compared > 60);
}

TEST_CASE("rows that come out of order within the lateness are cut for as in order") {
  HandleSpec handle = metric("psi", "20 rows", {"value"});
  handle.metric.min_n = 1;
  handle.metric.lateness = minutes(3);
  handle.metric.trailing.rows = 60;
  handle.metric.trailing.rebin = at(300) - at(0);
  const auto rows = drifting(3, 9000, 30);
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    auto order = rows;
    std::mt19937_64 random(seed);
    for (std::size_t i = 0; i + 4 <= order.size(); i += 4)  // four rows are two minutes
      std::shuffle(order.begin() + static_cast<std::ptrdiff_t>(i), order.begin() + static_cast<std::ptrdiff_t>(i + 4),
                   random);
    auto plain = engine_of({handle}), shuffled = engine_of({handle});
    int compared = 0;
    for (std::size_t i = 0; i + 4 <= rows.size(); i += 4) {
      double reached = 0;
      for (std::size_t k = i; k < i + 4; ++k) {
        plain->feed("api", "s", batch_of({rows[k]}), at(9000), false);
        shuffled->feed("api", "s", batch_of({order[k]}), at(9000), false);
        reached = std::max(reached, rows[k].at);
      }
      const Reading a = plain->read_one(0, LabelSet(), at(reached)), b = shuffled->read_one(0, LabelSet(), at(reached));
      CAPTURE(seed, i, a.reason, b.reason);
      CHECK((a.status == b.status));
      CHECK((a.value == b.value));
      compared += a.status == Status::ok;
    }
    CHECK(compared > 40);
  }
}

TEST_CASE("texts are compared with the time before, and what was never there is new") {
  const Asked asked{600, 1800, 0, 1e7};
  std::vector<Row> rows;
  for (int i = 0; i < 6000; i += 10) rows.push_back({i * 1.0, 1, i >= 5400 ? "c" : i % 20 ? "a" : "b"});
  const auto readings = run(trailing_metric("psi", asked, "host"), rows, 6000);
  REQUIRE(readings.count(5400));
  CHECK((readings.at(5400).value == 0.0));
  CHECK(readings.at(5400).n == 60);
  CHECK(readings.at(5400).baseline_n == 180);
  // 90 a, 90 b before; 54 a and b, 6 or so c in the newest: seen as `new`.
  const Reading last = readings.rbegin()->second;
  CHECK(*last.value > 1);
}

TEST_CASE("beyond a thousand different values a pane keeps an even sample, and the value is near the exact one") {
  const Asked asked{600, 3600, 0, 1e7};
  const double seconds = 6000;
  auto rows = drifting(21, seconds, 0.02, false);  // 3,000 a pane
  for (Row& r : rows) r.value = std::pow(r.value - r.at / seconds, r.at > 5000 ? 1.8 : 1.0);
  HandleSpec handle = trailing_metric("psi", asked);
  const auto readings = run(handle, rows, seconds, 60, 0, 20'000);
  const Reading& last = readings.rbegin()->second;
  const int end = readings.rbegin()->first;
  const double from = end - asked.over;
  const auto reference = values_in(rows, from - asked.span, from), current = values_in(rows, from, end);
  CHECK(last.n == current.size());
  CHECK(last.baseline_n == reference.size());
  const double cut = cut_at(asked, rows.front().at, from);
  const double exact = psi_of(reference, current, NumberBins::cut(values_in(rows, cut - asked.span, cut), BinRule()));
  CHECK(exact > 0.05);
  CHECK(*last.value == Approx(exact).epsilon(0.1));
  auto order = rows;
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i + 500 <= order.size(); i += 500)
    std::shuffle(order.begin() + static_cast<std::ptrdiff_t>(i), order.begin() + static_cast<std::ptrdiff_t>(i + 500),
                 random);
  const auto shuffled = run(handle, order, seconds, 60, 1, 20'000);
  CHECK((shuffled.rbegin()->second.value == last.value));
  auto engine = engine_of({handle});
  engine->feed("api", "s", batch_of(rows), at(seconds), false);
  CHECK(engine->memory_bytes() < 75 * 1024 * 40);  // 75 panes of 1,024 values, whatever came
}

TEST_CASE("what is compared with a past must be able to be, and the message names what can") {
  const auto problem = [](HandleSpec handle) {
    std::vector<MetricEngine::Problem> problems;
    auto made = MetricEngine::create({api_stream()}, {}, {std::move(handle)}, nullptr, &problems);
    REQUIRE_FALSE(made);
    return problems.front().text;
  };
  HandleSpec handle = trailing_metric("new_values", {600, 3600, 0, 7200});
  CHECK(problem(handle).find("psi, kl, js") != std::string::npos);
  handle = trailing_metric("psi", {600, 3600, 0, 7200});
  handle.metric.trailing.rows = 100;
  CHECK(problem(handle).find("over = \"20 rows\"") != std::string::npos);
  handle = metric("psi", "1h", {"value"});
  handle.metric.trailing.span = days(28);
  CHECK(problem(handle).find("try step = \"2m 24s\"") != std::string::npos);
}
