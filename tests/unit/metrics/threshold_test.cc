// What chance does, and the thresholds that follow: printed vectors, tails that undo their quantiles, and which metrics
// have one. How often alarms come when nothing changed is in false_alarms_test.cc.
#include <catch2/catch.hpp>

#include <cmath>
#include <random>

#include "engine_fixture.h"
#include "family_rows.h"
#include "metrics/expectation.h"
#include "metrics/families/inflation.h"
#include "metrics/families/null_quantiles.h"
#include "metrics/families/tally.h"
#include "metrics/handle_eval.h"
#include "metrics/statistics/ks_tail.h"

using namespace tidewatch;
using rows::metric;
using rows::Table;
using Kind = Chance::Kind;

namespace {

Approx near(double value) { return Approx(value).epsilon(1e-9).margin(1e-10); }

Chance chance(Kind kind, std::uint64_t n, std::uint64_t m = 0, std::uint32_t degrees = 0) {
  Chance out;
  out.kind = kind;
  out.n = n;
  out.m = m;
  out.degrees = degrees;
  return out;
}

double above(double asked, double alpha, const Chance& c) { return threshold_in_force(asked, true, alpha, c).in_force; }
double below(double asked, double alpha, const Chance& c) {
  return threshold_in_force(asked, false, alpha, c).in_force;
}

Chance chance_of(MetricSpec spec, const Table& table, const Table* reference = nullptr) {
  spec.is_calibrated = true;
  spec.min_n = 1;
  if (reference) spec.against = "train";
  const Reading reading = rows::read(spec, table, reference);
  INFO(spec.metric << ": " << reading.reason);
  REQUIRE(reading.chance);
  return *reading.chance;
}

}  // namespace

TEST_CASE("thresholds in force are the printed vectors") {
  CHECK(above(0, .05, chance(Kind::psi, 1000, 1000, 9)) == near(.0338379552));
  CHECK(above(.1, .05, chance(Kind::psi, 100, 1000, 9)) == near(.1861087537));
  CHECK(above(.1, .00125, chance(Kind::psi, 100, 10000, 9)) == near(.2756773746));
  CHECK(above(.01, .00125, chance(Kind::share, 100)) == .05);
  CHECK(above(.01, .00125, chance(Kind::share, 1000)) == .021);
  CHECK(auc_standard_error(.65, 50, 450) == near(.0438976167));
  CHECK(below(.65, .00125, chance(Kind::auc, 50, 450)) == near(.5172825165));
}

TEST_CASE("twenty rows of a slow series cannot carry a PSI of 0.3, and a sentence says what is in force instead") {
  Chance vix = chance(Kind::psi, 20, 504, 9);
  CHECK(above(.3, .001, vix) == Approx(1.449).margin(.0005));
  vix.inflation = 2.468318177900638;
  const ThresholdInForce t = threshold_in_force(.3, true, .001, vix);
  CHECK(t.in_force == Approx(3.577).margin(.0005));
  CHECK(t.inflation == vix.inflation);
  CHECK(t.note ==
        "20 rows cannot carry a threshold of 0.3: chance alone goes beyond it, so 3.577 is in force; about 421 rows a "
        "window would carry it");
  Chance small = chance(Kind::psi, 20, 40, 9);
  CHECK(threshold_in_force(.1, true, .001, small).note.find("no window carries it against a baseline of 40 rows") !=
        std::string::npos);
  CHECK(threshold_in_force(.1, true, .001, chance(Kind::psi, 100000, 100000, 9)).note.empty());
}

TEST_CASE("a threshold is never loosened, and the row count in the note is the first that carries what was asked") {
  for (const Kind kind : {Kind::psi, Kind::kl, Kind::js, Kind::hellinger, Kind::ks})
    for (const double asked : {.05, .1, .3}) {
      INFO(static_cast<int>(kind) << " " << asked);
      CHECK(above(asked, 1e-3, chance(kind, 1'000'000'000, 1'000'000'000, 9)) == asked);
      const ThresholdInForce t = threshold_in_force(asked, true, 1e-3, chance(kind, 30, 1'000'000, 9));
      if (t.note.empty()) continue;
      CHECK(t.in_force > asked);
      const auto at = t.note.find("about ");
      REQUIRE(at != std::string::npos);
      const double rows = std::stod(t.note.substr(at + 6));
      const auto carried = [&](double n) {
        return above(asked, 1e-3, chance(kind, static_cast<std::uint64_t>(n), 1'000'000, 9)) <= asked;
      };
      CHECK(carried(rows * 1.02 + 1));
      CHECK_FALSE(carried(rows * 0.95 - 1));
    }
  for (const Kind kind : {Kind::share, Kind::auc})
    for (const double asked : {.01, .5, .75, .99})
      for (const std::uint64_t n : {1u, 10u, 100u, 10'000u}) {
        CHECK(above(asked, .01, chance(kind, n, n)) >= asked);
        CHECK(below(asked, .01, chance(kind, n, n)) <= asked);
        CHECK(below(asked, .01, chance(kind, n, n)) >= 0);
        CHECK(above(asked, .01, chance(kind, n, n)) <= 1);
      }
  Chance error = chance(Kind::standard_error, 10);
  error.standard_error = 2;
  CHECK(above(5, .00125, error) == near(5 + 2 * 3.0233414397391));
  CHECK(below(5, .00125, error) == near(5 - 2 * 3.0233414397391));
  error.inflation = 4;
  CHECK(above(5, .00125, error) == near(5 + 4 * 3.0233414397391));
  CHECK(above(5, .01, chance(Kind::none, 10)) == 5);
}

TEST_CASE("a share passes by chance as seldom as asked on either side, and one row nearer would be too often") {
  // That fewer than `rows` of n are hits, each with chance p: the terms themselves, added.
  const auto fewer = [](std::uint64_t n, double p, double rows) {
    double sum = 0;
    const auto all = static_cast<double>(n);
    for (double k = 0; k < rows; ++k)
      sum += std::exp(std::lgamma(all + 1) - std::lgamma(k + 1) - std::lgamma(all - k + 1) + k * std::log(p) +
                      (all - k) * std::log1p(-p));
    return sum;
  };
  for (const std::uint64_t n : {20u, 100u, 1000u})
    for (const double p : {.02, .3, .9, .99})
      for (const double alpha : {.05, .01, 1e-4}) {
        INFO(n << " rows, share " << p << ", alpha " << alpha);
        const auto all = static_cast<double>(n);
        const double low = std::round(below(p, alpha, chance(Kind::share, n)) * all);
        CHECK(below(p, alpha, chance(Kind::share, n)) == near(low / all));
        CHECK(fewer(n, p, low) <= alpha);
        CHECK(fewer(n, p, low + 1) > alpha);
        const double high = std::round(above(p, alpha, chance(Kind::share, n)) * all);
        CHECK(above(p, alpha, chance(Kind::share, n)) == near(high / all));
        CHECK(1 - fewer(n, p, high + 1) <= alpha + 1e-9);
        CHECK(1 - fewer(n, p, high) > alpha - 1e-9);
      }
}

TEST_CASE("rounding turns no verdict on a quantile: it is that of the deciding row") {
  Chance c = chance(Kind::quantile, 1000);
  c.q = .5;
  for (const double asked : {1., -1., 1e300, 5e-324}) {
    INFO(asked);
    c.value = 1e301;  // so far away that what the deciding row is beyond is lost in the sum
    c.ranks = {{100, std::nextafter(asked, HUGE_VAL)}};
    CHECK(above(asked, .01, c) < c.value);
    c.ranks = {{100, asked}};
    CHECK(above(asked, .01, c) >= c.value);
    c.value = -1e301;
    c.ranks = {{900, std::nextafter(asked, -HUGE_VAL)}};
    CHECK(below(asked, .01, c) > c.value);
    c.ranks = {{900, asked}};
    CHECK(below(asked, .01, c) <= c.value);
  }
}

TEST_CASE("bytes of a chance that no metric gives are damage") {
  const auto is_read = [](const Chance& c) {
    ByteWriter out;
    write_chance(out, c);
    ByteReader in(out.bytes());
    read_chance(in);
    return in.good() && in.at_end();
  };
  Chance c = chance(Kind::psi, 10, 20, 100'000);
  c.ranks = {{1, 2.}};
  CHECK(is_read(c));
  c.degrees = 100'001;  // a quantile of so many would be worked out at every look
  CHECK_FALSE(is_read(c));
  c.degrees = 9;
  c.over = Duration{INT64_MAX};
  CHECK_FALSE(is_read(c));
  c.over = Duration{0};
  c.kind = static_cast<Kind>(200);
  CHECK_FALSE(is_read(c));
}

TEST_CASE("quantiles undo the tails they invert") {
  std::mt19937 random(20261122);
  for (int i = 0; i < 2000; ++i) {
    const double p = std::pow(10, -12 * std::uniform_real_distribution<>(0.001, 1)(random));
    const unsigned degrees = 1 + random() % 60;
    INFO("p " << p << " degrees " << degrees);
    CHECK(chi_square_tail(chi_square_exceeded(p, degrees), degrees) == Approx(p).epsilon(1e-11));
    CHECK(std::erfc(normal_exceeded(p) * M_SQRT1_2) / 2 == Approx(p).epsilon(1e-12));
    CHECK(kolmogorov_tail(kolmogorov_exceeded(p)) == Approx(p).epsilon(1e-11));
    const std::uint64_t n = 1 + random() % 5000;
    const double share = std::uniform_real_distribution<>(0, 1)(random);
    const std::uint64_t k = binomial_exceeded(p, n, share);
    INFO("n " << n << " share " << share << " k " << k);
    CHECK(binomial_tail(k, n, share) <= p);
    if (k > 0) CHECK(binomial_tail(k - 1, n, share) > p);
  }
  CHECK(normal_exceeded(.5) == 0);
  CHECK(normal_exceeded(.975) == near(-1.959963984540054));
  CHECK(normal_exceeded(1e-200) == near(30.20559417957964));
  CHECK(chi_square_exceeded(.999, 3) == near(0.0242975859));
  CHECK(binomial_exceeded(.01, 0, .5) == 0);
  CHECK(binomial_exceeded(.01, 10, 0) == 0);
  CHECK(binomial_exceeded(.01, 10, 1) == 10);
  // Samples of 8 and 10: the exact distribution, by its own steps.
  const double d = ks_exceeded(.05, 8, 10);
  CHECK(ks_exact_tail(8, 10, static_cast<std::uint64_t>(std::llround(d * 80)) + 1) <= .05);
  CHECK(ks_exact_tail(8, 10, static_cast<std::uint64_t>(std::llround(d * 80))) > .05);
}

TEST_CASE("alpha spreads the rate over label sets and over the onsets of overlapping windows") {
  const FalseAlarms monthly = *parse_false_alarms("1 per month");
  CHECK(monthly.per == days(30));
  Chance c;
  c.over = days(1);
  c.reads = 60;
  CHECK(alpha_of(monthly, c, 1) == near(1.0 / 30 / (2.6 * std::sqrt(60))));
  CHECK(alpha_of(monthly, c, 10) == near(1.0 / 300 / (2.6 * std::sqrt(60))));
  c.reads = 4;
  CHECK(alpha_of(monthly, c, 1) == near(1.0 / 120));  // 4 is less than 2.6 √4
  c.reads = 1;
  CHECK(alpha_of(*parse_false_alarms("2 per 10 days"), c, 1) == near(.2));
  CHECK(alpha_of(*parse_false_alarms("1000 per day"), c, 1) == .5);
  CHECK(parse_false_alarms("1 per quarter")->per == days(91));
  CHECK(parse_false_alarms("0.5 per year")->count == .5);
  for (const char* wrong : {"", "1", "monthly", "0 per day", "-1 per day", "x per day", "1 per moon", "1 per 0s",
                            "nan per day", "inf per day", "1 per -1h", " per day"}) {
    INFO(wrong);
    const auto parsed = parse_false_alarms(wrong);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().text.find("such as \"1 per month\"") != std::string::npos);
  }
}

TEST_CASE("families say the chance of their value") {
  Table table;
  table.numbers("f", {1, 2, 3, 4}).numbers("y", {1, 4, 2, 4.5}).integers("z", {1, 0, 1, 0});
  // errors 0 -2 1 -.5: absolute 0 2 1 .5, squared 0 4 1 .25
  CHECK(chance_of(metric("mae", {"f", "y"}), table).standard_error == near(.8539125638 / 2));
  CHECK(chance_of(metric("bias", {"f", "y"}), table).standard_error == near(1.25 / 2));
  CHECK(chance_of(metric("rmse", {"f", "y"}), table).standard_error ==
        near(1.8413649828320293 / 2 / (2 * std::sqrt(5.25 / 4))));
  CHECK(chance_of(metric("mean", {"f"}), table).standard_error == near(1.2909944487 / 2));
  CHECK(rows::read(metric("mean", {"f"}), table).chance == nullptr);
  Table scores;
  scores.numbers("p", {.9, .6, .2, .4}).integers("z", {1, 0, 0, 1});
  // losses .01 .36 .04 .36
  CHECK(chance_of(metric("brier", {"p", "z"}), scores).standard_error == near(.1937997248 / 2));
  const Chance auc = chance_of(metric("auc", {"p", "z"}), scores);
  CHECK((auc.kind == Kind::auc && auc.n == 2 && auc.m == 2));
  const Chance precision = chance_of(metric("precision", {"p", "z"}), scores);
  CHECK((precision.kind == Kind::share && precision.n == 2));  // of two predicted positive, not of four rows
  MetricSpec share = metric("share", {});
  share.expression = "p > 0.5";
  CHECK(chance_of(share, scores).n == 4);
  CHECK(chance_of(metric("null_rate", {"p"}), scores).kind == Kind::share);
}

TEST_CASE("a quantile passes its threshold when more rows lie beyond what was asked than chance puts there") {
  std::mt19937 random(77);
  int fired = 0;
  for (int round = 0; round < 3000; ++round) {
    const bool is_small = round % 4 != 0;
    const std::size_t n = is_small ? 1 + random() % 128 : 129 + random() % 2000;
    std::vector<double> x(n);
    for (double& value : x)
      value = round % 3 ? std::exponential_distribution<>(1)(random) : static_cast<double>(random() % 12);
    MetricSpec spec = metric("quantile", {"x"});
    const double qs[] = {.5, .9, .95, .99};
    spec.q = qs[random() % 4];
    spec.exact = true;
    spec.is_calibrated = true;
    spec.min_n = 1;
    Table table;
    table.numbers("x", x);
    const Reading r = rows::read(spec, table);
    REQUIRE(r.chance);
    const double asked = std::floor(x[random() % n] * 4) / 4,
                 alpha = std::pow(10, -4 * std::uniform_real_distribution<>(.1, 1)(random));
    const auto over =
        static_cast<std::uint64_t>(std::count_if(x.begin(), x.end(), [&](double v) { return v > asked; }));
    const auto under =
        static_cast<std::uint64_t>(std::count_if(x.begin(), x.end(), [&](double v) { return v < asked; }));
    const bool fires_high = *r.value > above(asked, alpha, *r.chance),
               fires_low = *r.value < below(asked, alpha, *r.chance);
    const bool is_high = *r.value > asked && over > binomial_exceeded(alpha, n, 1 - spec.q),
               is_low = *r.value < asked && under > binomial_exceeded(alpha, n, spec.q);
    INFO("n " << n << " q " << spec.q << " asked " << asked << " alpha " << alpha << " value " << *r.value << " over "
              << over << " under " << under);
    fired += fires_high + fires_low;
    if (is_small) {
      CHECK(fires_high == is_high);
      CHECK(fires_low == is_low);
    } else {  // between the ranks that are kept a rule waits for the next one
      CHECK(fires_high <= is_high);
      CHECK(fires_low <= is_low);
      if (is_high && over > binomial_exceeded(alpha / 10, n, 1 - spec.q) + 2) CHECK(fires_high);
    }
  }
  CHECK(fired > 200);
  Chance few = chance(Kind::quantile, 5);
  few.q = .5;
  few.value = 9;
  few.ranks = {{0, 1}, {1, 3}, {2, 9}, {3, 10}, {4, 11}};
  CHECK(threshold_in_force(2, true, .001, few).in_force == 9);
  CHECK(threshold_in_force(2, true, .001, few).note == "5 rows can carry no threshold on this quantile");
  CHECK(above(2, .2, few) == 2 + (9 - 3));  // chance puts 4 of 5 above more seldom: the second row decides
}

TEST_CASE("a baseline in which neighbours resemble each other widens the threshold, one without order does not") {
  std::mt19937 random(5);
  std::vector<double> shuffled, slow;
  for (int i = 0; i < 4000; ++i) shuffled.push_back(std::normal_distribution<>()(random));
  slow = shuffled;
  for (std::size_t i = 1; i < slow.size(); ++i) slow[i] = .95 * slow[i - 1] + .312 * slow[i];
  Table independent, walking, now;
  independent.numbers("x", shuffled);
  walking.numbers("x", slow);
  now.numbers("x", std::vector<double>(shuffled.begin(), shuffled.begin() + 100));
  for (const char* name : {"psi", "kl", "js", "hellinger", "chi2"}) {
    INFO(name);
    const Chance plain = chance_of(metric(name, {"x"}), now, &independent);
    const Chance wide = chance_of(metric(name, {"x"}), now, &walking);
    CHECK(plain.is_inflation_measured);
    CHECK(plain.inflation < 1.3);
    CHECK(wide.inflation > 5);
    CHECK((plain.n == 100 && plain.m == 4000 && plain.degrees == 9));
  }
  Table larger;
  larger.numbers("x", std::vector<double>(shuffled.begin(), shuffled.begin() + 300));
  const Chance assumed = chance_of(metric("psi", {"x"}), larger, &walking);  // 300 of 4,000: 13 windows
  CHECK_FALSE(assumed.is_inflation_measured);
  CHECK(assumed.inflation == 1);
}

TEST_CASE("the order of a baseline is that of its times, whatever order its rows came in, and it is read back") {
  std::mt19937 random(9);
  std::vector<std::pair<Instant, std::uint16_t>> rows;
  for (int i = 0; i < 1000; ++i)
    rows.emplace_back(Instant{i / 3}, static_cast<std::uint16_t>(i / 100 % 2 ? i % 2 : i % 5));
  const auto statistic = [](std::span<const std::uint64_t> counts) {
    double sum = 0;
    for (const auto count : counts) sum += static_cast<double>(count * count);
    return std::pair(sum, 4u);
  };
  BaselineOrder order;
  order.take(rows);
  const auto expected = order.inflation(25, 5, statistic);
  REQUIRE(expected);
  for (int i = 0; i < 5; ++i) {
    std::shuffle(rows.begin(), rows.end(), random);
    BaselineOrder other;
    other.take(rows);
    CHECK(other.inflation(25, 5, statistic) == expected);
    ByteWriter out;
    other.write(out);
    BaselineOrder back;
    ByteReader in(out.bytes());
    REQUIRE(back.read(in));
    CHECK(back.inflation(25, 5, statistic) == expected);
  }
  CHECK_FALSE(order.inflation(51, 5, statistic) == std::nullopt);  // counted as 48, of which there are 20
  CHECK(order.inflation(52, 5, statistic) == std::nullopt);
  CHECK(order.inflation(0, 5, statistic) == std::nullopt);
}

TEST_CASE("the middle of baseline windows is what inflates, by the chi-square's own middle") {
  // 25 windows of two rows whose statistics are 1 .. 25 with one degree: the middle is 13.
  std::vector<std::pair<Instant, std::uint16_t>> rows;
  for (int i = 0; i < 50; ++i) rows.emplace_back(Instant{i}, std::uint16_t{0});
  BaselineOrder order;
  order.take(rows);
  double next = 0;
  CHECK(*order.inflation(2, 1, [&](std::span<const std::uint64_t>) { return std::pair(++next, 1u); }) ==
        near(13 / .4549364231195728));
}

TEST_CASE("every metric of the catalogue has a known chance or names the nearest metric that has one") {
  for (const MetricInfo& info : metric_catalogue()) {
    INFO(info.name);
    std::vector<HandleSpec> handles(1);
    handles[0].metric.metric = std::string(info.name);
    const std::string_view instead = nearest_calibrated(info.name);
    const Done marked = calibrate(handles, 0, false);
    CHECK(marked.ok() == instead.empty());
    CHECK(handles[0].metric.is_calibrated == instead.empty());
    if (instead.empty()) continue;
    REQUIRE(find_metric(instead));
    CHECK(nearest_calibrated(instead).empty());
    CHECK(marked.error().text.find("nearest metric with a known one is " + std::string(instead)) != std::string::npos);
  }
}

TEST_CASE("a rule on a distance asks for high values, and only what has an error can be compared with its past") {
  std::vector<HandleSpec> handles;
  handles.push_back(engine_fixture::metric("psi", "5m", {"value"}));
  handles.push_back(engine_fixture::metric("mean", "5m", {"value"}));
  handles.push_back(engine_fixture::combination(HandleSpec::Op::shifted, {1}, hours(1)));
  handles.push_back(engine_fixture::combination(HandleSpec::Op::deviation, {1, 2}));
  handles.push_back(engine_fixture::combination(HandleSpec::Op::divide, {1, 2}));
  handles.push_back(engine_fixture::combination(HandleSpec::Op::change, {0}, hours(1)));
  CHECK(calibrate(handles, 0, false));
  CHECK(calibrate(handles, 0, true).error().text.find("use above(...)") != std::string::npos);
  CHECK(calibrate(handles, 3, true));
  CHECK(handles[1].metric.is_calibrated);
  CHECK(calibrate(handles, 4, false).error().text.find("put together from several") != std::string::npos);
  handles.push_back(engine_fixture::combination(HandleSpec::Op::forecast, {1}, hours(1)));
  CHECK(calibrate(handles, 6, false).error().text.find("put the rule on mean itself") != std::string::npos);
  CHECK(calibrate(handles, 5, false).error().text.find("put the rule on psi itself") != std::string::npos);
}

TEST_CASE("the chance of a change adds the squared errors of now and then") {
  Reading now, then;
  now.value = 12;
  then.value = 10;
  now.status = then.status = Status::ok;
  now.chance = std::make_shared<Chance>(chance(Kind::standard_error, 40));
  now.chance->standard_error = 3;
  now.chance->reads = 60;
  now.chance->over = hours(1);
  then.chance = std::make_shared<Chance>(chance(Kind::standard_error, 50));
  then.chance->standard_error = 4;
  const Reading change = combine(HandleSpec::Op::deviation, now, then);
  REQUIRE(change.chance);
  CHECK(change.chance->standard_error == near(.5));
  CHECK((change.chance->over == hours(1) && change.chance->reads == 60));
  then.chance.reset();
  CHECK_FALSE(combine(HandleSpec::Op::deviation, now, then).chance);
  CHECK_FALSE(combine(HandleSpec::Op::divide, now, now).chance);
}

TEST_CASE("windows of a value's own past say how much further they stray than their rows allow for") {
  const auto past = [](double spread) {
    std::vector<SharedReading> out;
    std::mt19937 random(12);
    for (int i = 0; i < 400; ++i) {
      Reading r;
      r.status = Status::ok;
      r.value = 100 + std::normal_distribution<>(0, spread)(random);
      r.chance = std::make_shared<Chance>(chance(Kind::standard_error, 50));
      r.chance->standard_error = 1;
      out.emplace_back(r);
    }
    return out;
  };
  const auto calm = past(1), wild = past(3);
  const Reading mean = expected_reading(calm, 1, false, {}), median = expected_reading(calm, 1, true, {});
  REQUIRE(mean.chance);
  CHECK(mean.chance->standard_error == near(1 / std::sqrt(400)));
  CHECK(median.chance->standard_error == near(std::sqrt(M_PI / 2) / std::sqrt(400)));
  CHECK(mean.chance->inflation < 1.25);
  CHECK(mean.chance->is_inflation_measured);
  const Reading strayed = expected_reading(wild, 1, false, {});
  CHECK(strayed.chance->inflation > 7);
  CHECK(strayed.chance->inflation < 11);
  Reading now = *wild[0];
  now.value = 120;
  const Reading change = combine(HandleSpec::Op::deviation, now, strayed);
  REQUIRE(change.chance);
  CHECK(change.chance->inflation == strayed.chance->inflation);
  CHECK(change.chance->standard_error == near(std::sqrt(1 + 1.0 / 400) / *strayed.value));
  CHECK_FALSE(expected_reading(std::span(wild).first(10), 1, false, {}).chance->is_inflation_measured);
}

TEST_CASE("chance and thresholds in force survive a checkpoint with the reading") {
  Reading r;
  r.value = 1;
  r.status = Status::ok;
  r.chance = std::make_shared<Chance>(chance(Kind::psi, 7, 8, 9));
  r.chance->inflation = 2.5;
  r.chance->over = hours(3);
  r.thresholds.push_back(threshold_in_force(.1, true, .01, *r.chance));
  r.thresholds.back().severity = 3;
  r.thresholds.back().false_alarms = "1 per month";
  ByteWriter out;
  write_reading(out, r);
  ByteReader in(out.bytes());
  const Reading back = read_reading(in);
  REQUIRE(in.good());
  CHECK(in.at_end());
  REQUIRE(back.chance);
  CHECK(*back.chance == *r.chance);
  CHECK(thresholds_json(back.thresholds, 0) == thresholds_json(r.thresholds, 0));
  CHECK(thresholds_json(back.thresholds, 2).empty());
  for (std::size_t cut = 0; cut + 1 < out.bytes().size(); ++cut) {
    ByteReader damaged(std::string_view(out.bytes()).substr(0, cut));
    (void)read_reading(damaged);
    CHECK_FALSE(damaged.good());
  }
}
