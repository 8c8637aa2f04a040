// compare(): the printed figures, what makes it safe to look at often, and what it does not judge.
#include <catch2/catch.hpp>

#include <cmath>
#include <random>

#include "engine_fixture.h"
#include "family_rows.h"

using namespace tidewatch;

namespace {

MetricSpec comparison(const std::string& expression, double least, const std::string& worse = "") {
  MetricSpec spec = rows::metric("compare", {});
  spec.expression = expression;
  spec.side = "version";
  spec.control = "v1";
  spec.candidate = "v2";
  spec.least = least;
  spec.worse = worse;
  spec.window = *parse_window("1 day");
  return spec;
}

// Rows of both sides in turn, a second apart, the hits first.
rows::Table sides(std::size_t hits_1, std::size_t n_1, std::size_t hits_2, std::size_t n_2) {
  std::vector<std::string> version;
  std::vector<std::int64_t> hit;
  for (std::size_t i = 0; i < std::max(n_1, n_2); ++i) {
    if (i < n_1) {
      version.emplace_back("v1");
      hit.push_back(i < hits_1);
    }
    if (i < n_2) {
      version.emplace_back("v2");
      hit.push_back(i < hits_2);
    }
  }
  rows::Table table;
  table.texts("version", version).integers("hit", hit);
  return table;
}

// All rows at one instant: a single look, so that a printed p is that of its Λ alone.
rows::Table at_once(rows::Table table) {
  for (std::int64_t& time : table.batch.columns[0].integers) time = 0;
  return table;
}

}  // namespace

TEST_CASE("a comparison of shares gives the printed p") {
  const Reading small = rows::read(comparison("hit == 1", 0.02), at_once(sides(50, 1000, 80, 1000)));
  REQUIRE(small.status == Status::ok);
  CHECK(1 / *small.value == Approx(8.193030).epsilon(1e-7));
  CHECK(*small.value == Approx(0.122055).epsilon(1e-5));
  CHECK(small.p_value == small.value);
  CHECK(small.n == 2000);
  CHECK(small.text == "v2 0.08 of 1,000, v1 0.05 of 1,000");
  const Reading large = rows::read(comparison("hit == 1", 0.01), at_once(sides(500, 10000, 600, 10000)));
  CHECK(1 / *large.value == Approx(23.914952).epsilon(1e-7));
  CHECK(*large.value == Approx(0.041815).epsilon(1e-5));
}

TEST_CASE("a comparison of means is the same test with their own variances") {
  std::mt19937 random(7);
  std::vector<std::string> version;
  std::vector<double> x, of[2];
  for (int i = 0; i < 3000; ++i) {
    const int side = i % 3 == 0;
    const double value = std::normal_distribution<>(100 + 2 * side, 15)(random);
    version.emplace_back(side ? "v2" : "v1");
    x.push_back(value);
    of[side].push_back(value);
  }
  rows::Table table;
  table.texts("version", version).numbers("x", x);
  const Reading r = rows::read(comparison("x", 1.5), at_once(table));
  double mean[2], variance = 0;
  for (int side = 0; side < 2; ++side) {
    const auto n = static_cast<double>(of[side].size());
    mean[side] = 0;
    for (const double value : of[side]) mean[side] += value / n;
    double about = 0;
    for (const double value : of[side]) about += (value - mean[side]) * (value - mean[side]);
    variance += about / (n - 1) / n;
  }
  const double d = mean[1] - mean[0], tau2 = 1.5 * 1.5;
  const double lambda =
      std::sqrt(variance / (variance + tau2)) * std::exp(tau2 * d * d / (2 * variance * (variance + tau2)));
  REQUIRE(lambda > 1);
  CHECK(*r.value == Approx(1 / lambda).epsilon(1e-9));
}

TEST_CASE("only the direction that is worse counts when one is named") {
  const rows::Table more = at_once(sides(500, 10000, 600, 10000)), fewer = at_once(sides(600, 10000, 500, 10000));
  CHECK(*rows::read(comparison("hit == 1", 0.01, "higher"), more).value < 0.05);
  CHECK(*rows::read(comparison("hit == 1", 0.01, "higher"), fewer).value == 1);
  CHECK(*rows::read(comparison("hit == 1", 0.01, "lower"), fewer).value < 0.05);
  CHECK(*rows::read(comparison("hit == 1", 0.01, "lower"), more).value == 1);
  CHECK(*rows::read(comparison("hit == 1", 0.01), fewer).value < 0.05);
}

TEST_CASE("a comparison waits for 200 rows a side and ten of either outcome") {
  const auto status = [](std::size_t hits_1, std::size_t n_1, std::size_t hits_2, std::size_t n_2) {
    return rows::read(comparison("hit == 1", 0.02), at_once(sides(hits_1, n_1, hits_2, n_2))).status;
  };
  CHECK(status(50, 1000, 40, 199) == Status::insufficient);
  CHECK(status(50, 1000, 40, 200) == Status::ok);
  CHECK(status(0, 1000, 9, 1000) == Status::insufficient);
  CHECK(status(0, 1000, 10, 1000) == Status::ok);
  CHECK(status(1000, 1000, 991, 1000) == Status::insufficient);
  CHECK(status(1000, 1000, 990, 1000) == Status::ok);
  const Reading alone = rows::read(comparison("hit == 1", 0.02), sides(50, 1000, 0, 0));
  CHECK(alone.status == Status::insufficient);
  CHECK(alone.reason == "no row of v2 yet");
  CHECK_FALSE(alone.value);
}

TEST_CASE("a comparison begins where both sides have come, and says what it left out") {
  // v1 runs alone with a rate of its own for an hour; then both have one in ten.
  std::vector<std::string> version;
  std::vector<std::int64_t> hit;
  for (int i = 0; i < 3600; ++i) {
    version.emplace_back("v1");
    hit.push_back(1);
  }
  for (int i = 0; i < 6000; ++i) {
    version.emplace_back(i % 100 == 99 ? "v3" : i % 2 ? "v2" : "v1");
    hit.push_back(i / 2 % 10 == 0);
  }
  rows::Table table;
  table.texts("version", version).integers("hit", hit);
  const Reading r = rows::read(comparison("hit == 1", 0.02), table);
  REQUIRE(r.status == Status::ok);
  CHECK(*r.value == 1);
  CHECK(r.n == 5940);
  CHECK(r.excluded_by == std::vector<std::pair<std::string, std::uint64_t>>{{"alone", 3600}, {"other_side", 60}});
}

TEST_CASE("looks are a pane long before 1970 as after it") {
  // In the first minute v2 fails, in the second v1 does: only who looks between the two sees a difference.
  std::vector<std::string> version;
  std::vector<std::int64_t> hit;
  for (int i = 0; i < 1200; ++i) {
    version.emplace_back(i % 2 ? "v2" : "v1");
    hit.push_back(i / 2 % 5 == 0 && (i < 600) == (i % 2 == 1));
  }
  const auto at = [&](std::int64_t minute) {
    rows::Table table;
    table.texts("version", version).integers("hit", hit);
    for (int i = 0; i < 1200; ++i)
      table.batch.columns[0].integers[static_cast<std::size_t>(i)] = (minute * 600 + i) * 100'000'000;
    return *rows::read(comparison("hit == 1", 0.02), table).value;
  };
  CHECK(at(10) < 1e-6);
  for (const std::int64_t minute : {-10, -2, -1, 0, 1}) {
    INFO(minute);
    CHECK(at(minute) == at(10));
  }
}

TEST_CASE("a constant on both sides is no difference, two constants are one for certain") {
  std::vector<std::string> version;
  std::vector<double> same, apart;
  for (int i = 0; i < 1000; ++i) {
    version.emplace_back(i % 2 ? "v2" : "v1");
    same.push_back(5);
    apart.push_back(i % 2 ? 5.5 : 5);
  }
  rows::Table table;
  table.texts("version", version).numbers("same", same).numbers("apart", apart);
  CHECK(*rows::read(comparison("same", 1), table).value == 1);
  CHECK(*rows::read(comparison("apart", 1), table).value == 0);
}

TEST_CASE("of 600 looks at equal sides a z-test calls two in five different, the comparison at most one in thirty") {
  const unsigned seed = 319;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  constexpr int trials = 1000, looks = 600, rows_a_look = 20;
  int by_comparison = 0, by_z = 0;
  std::bernoulli_distribution event(0.05);
  for (int trial = 0; trial < trials; ++trial) {
    std::vector<std::string> version;
    std::vector<std::int64_t> hit;
    rows::Table table;
    bool z_fired = false;
    double x[2] = {};
    version.reserve(2 * looks * rows_a_look);
    for (int look = 0; look < looks; ++look) {
      for (int i = 0; i < 2 * rows_a_look; ++i) {
        const bool is_hit = event(random);
        version.emplace_back(i % 2 ? "v2" : "v1");
        hit.push_back(is_hit);
        x[i % 2] += is_hit;
      }
      const double n = (look + 1.0) * rows_a_look, pooled = (x[0] + x[1]) / (2 * n);
      if (n >= 200 && x[0] + x[1] >= 10)
        z_fired = z_fired || std::fabs(x[1] - x[0]) / n > 1.959964 * std::sqrt(2 * pooled * (1 - pooled) / n);
    }
    table.texts("version", version).integers("hit", hit);
    for (std::size_t i = 0; i < table.batch.rows; ++i)
      table.batch.columns[0].integers[i] = static_cast<std::int64_t>(i / (2 * rows_a_look)) * minutes(1).ns;
    // The value falls only, so the last one says whether any look was below.
    const Reading r = rows::read(comparison("hit == 1", 0.02), table);
    by_comparison += *r.value <= 0.05;
    by_z += z_fired;
  }
  CHECK(by_comparison >= trials * 15 / 1000);
  CHECK(by_comparison <= trials * 34 / 1000);
  CHECK(by_z >= trials * 38 / 100);
}

TEST_CASE("a comparison's p never rises while the window's beginning stands, and a restart changes none of it") {
  const unsigned seed = 3;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::vector<std::string> version;
  std::vector<std::int64_t> hit;
  for (int i = 0; i < 12000; ++i) {
    version.emplace_back(random() % 2 ? "v2" : "v1");
    hit.push_back(random() % 100 < (version.back() == "v2" ? 9u : 5u));
  }
  rows::Table table;
  table.texts("version", version).integers("hit", hit);
  HandleSpec handle;
  handle.metric = comparison("hit == 1", 0.02, "higher");
  handle.metric.step = minutes(1);
  const auto engine_of = [&] {
    auto made = MetricEngine::create({table.stream}, {}, {handle}, nullptr, nullptr);
    REQUIRE(made);
    return std::move(*made);
  };
  auto plain = engine_of(), restarted = engine_of();
  double before = 1;
  std::size_t looked = 0;
  for (std::size_t from = 0; from < table.batch.rows; from += 150) {
    const Batch part = table.batch.slice(from, from + 150);
    const Instant now = part.time(part.rows - 1);
    plain->feed("api", "s", part, now);
    restarted->feed("api", "s", part, now);
    ByteWriter saved;
    restarted->save(saved);
    restarted = engine_of();
    ByteReader in(saved.bytes());
    REQUIRE(restarted->restore(in));
    const Reading a = plain->read_one(0, LabelSet(), now), b = restarted->read_one(0, LabelSet(), now);
    CHECK(a.value == b.value);
    CHECK(a.status == b.status);
    CHECK(a.text == b.text);
    if (!a.value) continue;
    ++looked;
    CHECK(*a.value <= before);
    before = *a.value;
  }
  CHECK(looked > 70);
  CHECK(before < 0.05);
}
