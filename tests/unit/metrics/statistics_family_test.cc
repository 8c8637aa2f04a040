// The printed test vectors of the metrics page, to their digits. What every family must keep whatever its values are is
// in catalogue_property_test.cc.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include "family_rows.h"
#include "metrics/statistics/exact_sum.h"
#include "metrics/statistics/false_discovery.h"

using namespace tidewatch;
using rows::metric;
using rows::Table;

namespace {

Approx near(double value) { return Approx(value).epsilon(1e-9).margin(1e-10); }

double value(const Reading& reading) {
  INFO(reading.reason);
  REQUIRE(reading.value.has_value());
  return *reading.value;
}

std::vector<double> spread(std::vector<std::pair<double, int>> counts) {
  std::vector<double> out;
  for (const auto& [v, n] : counts) out.insert(out.end(), static_cast<std::size_t>(n), v);
  return out;
}

std::vector<double> steps(double from, double to) {
  std::vector<double> out;
  for (double v = from; v <= to; ++v) out.push_back(v);
  return out;
}

Reading drift(const std::string& name, const std::vector<double>& reference, const std::vector<double>& now,
              bool floor = false, bool masses = true, bool reverse = false) {
  Table before, after;
  before.numbers("x", reference);
  after.numbers("x", now);
  MetricSpec spec = metric(name, {"x"});
  spec.against = "train";
  spec.smoothing_floor = floor;
  spec.point_masses = masses;
  spec.reverse = reverse;
  return rows::read(spec, after, &before);
}

Reading text_drift(const std::vector<std::string>& reference, const std::vector<std::string>& now, bool floor = false) {
  Table before, after;
  before.texts("x", reference);
  after.texts("x", now);
  MetricSpec spec = metric("psi", {"x"});
  spec.against = "train";
  spec.smoothing_floor = floor;
  return rows::read(spec, after, &before);
}

}  // namespace

TEST_CASE("an empty bin is floored in psi and kl, and nothing in js and hellinger, which bear it") {
  const auto both = spread({{1, 50}, {2, 50}});
  const auto one = spread({{1, 100}});
  CHECK(value(drift("psi", both, one, true)) == near((1 - .5) * std::log(2) + (1e-4 - .5) * std::log(2e-4)));
  CHECK(value(drift("kl", both, one, true)) == near(std::log(2) + 1e-4 * std::log(2e-4)));
  CHECK(value(drift("js", both, one, true)) == near(std::sqrt((.5 - .5 * std::log2(1.5) + std::log2(4. / 3)) / 2)));
  CHECK(value(drift("hellinger", both, one, true)) == near(std::sqrt(1 - std::sqrt(.5))));
}

TEST_CASE("binned drift gives the printed vectors") {
  const auto reference = spread({{1, 16}, {2, 18}, {3, 16}, {4, 14}, {5, 12}, {6, 12}});
  const auto now = spread({{1, 16}, {2, 16}, {3, 16}, {4, 16}, {5, 16}, {6, 8}});
  const Reading psi = drift("psi", reference, now);
  CHECK(value(psi) == near(.0345101213));
  CHECK(*psi.p_value == near(.9109314622));
  CHECK(value(drift("psi", reference, now, true)) == near(.0372183816));
  CHECK(value(drift("kl", reference, now)) == near(.0170001686));
  CHECK(value(drift("kl", reference, now, true)) == near(.0183087046));
  CHECK(value(drift("kl", reference, now, false, true, true)) == near(.0175099527));
  CHECK(value(drift("kl", reference, now, true, true, true)) == near(.0189096770));
  CHECK(value(drift("js", reference, now)) == near(.0787210105));
  CHECK(value(drift("js", reference, now, true)) == near(.0817342133));
  CHECK(value(drift("hellinger", reference, now)) == near(.0656092170));
  CHECK(value(drift("hellinger", reference, now, true)) == near(.0681277437));
  CHECK(value(drift("total_variation", reference, now)) == near(.0681818182));
  CHECK(value(drift("l_infinity", reference, now)) == near(.0454545455));
  const Reading chi2 = drift("chi2", reference, now);
  CHECK(value(chi2) == near(1.6224089636));
  CHECK(*chi2.p_value == near(.8985262394));
  CHECK(value(drift("psi", reference, reference)) == 0);
}

TEST_CASE("quantile bins, point masses and small references give the printed vectors") {
  std::vector<double> hundred;
  for (int i = 0; i < 100; ++i) hundred.push_back(100 + 10 * i);
  const Reading base = drift("psi", steps(0, 999), hundred);
  CHECK(value(base) == near(.3536735302));
  CHECK(*base.p_value == near(.0001874220).epsilon(1e-6));
  double first = 0;
  for (const double extra : {900.0, 5000.0, 1e300}) {
    auto more = hundred;
    more.push_back(extra);
    const double got = value(drift("psi", steps(0, 999), more));
    CHECK(got == near(.3637873897));
    if (extra == 900.0) first = got;
    CHECK(got == first);
  }
  CHECK(value(drift("psi", steps(0, 999), spread({{2000, 100}}))) == near(4.5456899212));
  CHECK(value(drift("psi", steps(0, 999), spread({{2000, 100}}), true)) == near(8.2830893550));
  auto masses = spread({{0, 600}});
  for (const double v : steps(1, 400)) masses.push_back(v);
  auto now = spread({{0, 50}});
  for (const double v : steps(1, 50)) now.push_back(v);
  CHECK(value(drift("psi", masses, now)) == near(1.5105078950));
  auto heavy = spread({{0, 900}});
  for (const double v : steps(1, 100)) heavy.push_back(v);
  CHECK(value(drift("psi", heavy, now)) == near(.8762407341));
  CHECK(value(drift("psi", spread({{5, 100}}), spread({{5, 90}, {6, 10}}))) == near(.3118148826));
}

TEST_CASE("category drift gives the printed vectors and says what is missing") {
  std::vector<std::string> before(50, "a"), now(40, "a");
  before.insert(before.end(), 50, "b");
  now.insert(now.end(), 40, "b");
  now.insert(now.end(), 20, "c");
  CHECK(value(text_drift(before, now)) == near(.7752203801));
  const std::vector<std::string> few = {"3", "2", "2"}, other = {"1", "2", "3"};
  const Reading small = text_drift(few, other);
  CHECK(small.status == Status::insufficient);
  CHECK(value(small) == near(.3576528694));
  CHECK(value(text_drift(few, other, true)) == near(2.9341472485));
  Table table;
  table.numbers("x", {1, 2});
  CHECK_FALSE(make_family(metric("psi", {"x"}), table.stream));  // no baseline named
  const auto wrong = make_family(metric("p95", {"xx"}), table.stream);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().text.find("\"x\"") != std::string::npos);
}

TEST_CASE("classification, calibration and losses give the printed vectors") {
  Table table;
  table.numbers("p", {.91, .82, .73, .64, .55, .46, .37, .28, .19, 0}).integers("y", {1, 0, 0, 1, 1, 1, 0, 1, 0, 0});
  MetricSpec spec = metric("auc", {"p", "y"});
  CHECK(value(rows::read(spec, table)) == near(.64));
  CHECK(rows::read(spec, table).status == Status::insufficient);  // 10 of 30 rows
  CHECK(value(rows::read(metric("log_loss", {"p", "y"}), table)) == near(.6884817487155065));
  CHECK(value(rows::read(metric("brier", {"p", "y"}), table)) == near(.25285));
  const std::vector<std::pair<std::string, double>> at_seven = {
      {"accuracy", .4}, {"precision", 1.0 / 3}, {"recall", .2}, {"f1", .25}};
  for (const auto& [name, expected] : at_seven) {
    MetricSpec each = metric(name, {"p", "y"});
    each.threshold = 0.7;
    CHECK(value(rows::read(each, table)) == near(expected));
  }
  Table ties;
  ties.numbers("s", {.5, .5, .5, .2, .9, .9}).integers("y", {1, 0, 1, 0, 1, 0});
  CHECK(value(rows::read(metric("auc", {"s", "y"}), ties)) == near(.6111111111));
  Table sure;
  sure.numbers("p", {0, 0}).integers("y", {1, 0});
  CHECK(value(rows::read(metric("log_loss", {"p", "y"}), sure)) == near(17.2693881975));
  Table calibrated;
  calibrated.numbers("p", {.1, .2, .25, .35, .4, .55, .6, .75, .8, .95}).integers("y", {0, 0, 1, 0, 1, 1, 0, 1, 1, 1});
  CHECK(value(rows::read(metric("ece", {"p", "y"}), calibrated)) == near(.315));
  CHECK(value(rows::read(metric("mce", {"p", "y"}), calibrated)) == near(.6));
  MetricSpec five = metric("ece", {"p", "y"});
  five.bins = "5";
  CHECK(value(rows::read(five, calibrated)) == near(.195));
  CHECK(value(rows::read(metric("brier", {"p", "y"}), calibrated)) == near(.17625));
  Table one_class;
  one_class.numbers("p", std::vector<double>(40, .5)).integers("y", std::vector<std::int64_t>(40, 0));
  CHECK(rows::read(metric("auc", {"p", "y"}), one_class).status == Status::undefined);
  CHECK(rows::read(metric("recall", {"p", "y"}), one_class).status == Status::undefined);
}

TEST_CASE("the shift of importances is half the distance of the weightings, whatever the order or sign") {
  Table before, after;
  before.texts("feature", {"a", "b", "c"}).numbers("weight", {.5, .3, .2});
  after.texts("feature", {"c", "a", "b", "a"}).numbers("weight", {-5, 1, 3, 1});  // the same weights, scaled by ten
  MetricSpec spec = metric("importance_shift", {"feature", "weight"});
  spec.against = "train";
  CHECK(value(rows::read(spec, after, &before)) == near(.3));
  CHECK(value(rows::read(spec, before, &before)) == 0);
  CHECK(rows::read(spec, before, &before).text == "Spearman 1, top 3 overlap 1");
  CHECK(rows::read(spec, after, &before).text == "Spearman -1, top 3 overlap 1");
  Table seven, turned;  // of the five heaviest, c d e stay
  seven.texts("feature", {"a", "b", "c", "d", "e", "f", "g"}).numbers("weight", {7, 6, 5, 4, 3, 2, 1});
  turned.texts("feature", {"a", "b", "c", "d", "e", "f", "g"}).numbers("weight", {1, 2, 5, 4, 3, 6, 7});
  CHECK(rows::read(spec, turned, &seven).text == "Spearman -0.8571428571428571, top 5 overlap 0.6");
  Table other, none;
  other.texts("feature", {"d"}).numbers("weight", {1});
  none.texts("feature", {"a"}).numbers("weight", {0});
  CHECK(value(rows::read(spec, other, &before)) == 1);
  CHECK(rows::read(spec, none, &before).status == Status::undefined);
  CHECK(rows::read(spec, before).status == Status::insufficient);
}

TEST_CASE("the standard deviation of NIST's NumAcc4 is a tenth") {
  std::vector<double> values = {10'000'000.2};
  for (int i = 0; i < 500; ++i) {
    values.push_back(10'000'000.1);
    values.push_back(10'000'000.3);
  }
  Table table;
  table.numbers("x", values);
  CHECK(std::fabs(value(rows::read(metric("standard_deviation", {"x"}), table)) - .1) < 1e-8 * .1);
}

TEST_CASE("p-values of many tests are adjusted as Benjamini and Hochberg say") {
  const auto adjusted = adjusted_p_values({.001, .008, .039, .041, .042, .06, .074, .205, .212, .216});
  CHECK(adjusted[0] == near(.01));
  CHECK(adjusted[1] == near(.04));
  CHECK(adjusted[2] == near(.084));
  CHECK(adjusted[4] == near(.084));
  CHECK(std::count_if(adjusted.begin(), adjusted.end(), [](double p) { return p <= .05; }) == 2);
  CHECK(adjusted.back() == near(.216));
  CHECK(adjusted_p_values({}).empty());
}

TEST_CASE("regression gives the printed vectors") {
  Table table;
  table.numbers("f", {110, 45, 5, -60}).numbers("y", {100, 50, 0, -50});
  const std::vector<std::pair<std::string, double>> expected = {
      {"mae", 7.5}, {"rmse", 7.9056941504}, {"bias", 0}, {"r2", .98}, {"wape", .15}, {"mape", .1333333333}};
  for (const auto& [name, want] : expected) CHECK(value(rows::read(metric(name, {"f", "y"}), table)) == near(want));
  const Reading mape = rows::read(metric("mape", {"f", "y"}), table);
  CHECK(mape.excluded_by == std::vector<std::pair<std::string, std::uint64_t>>{{"zero_target", 1}});
  CHECK(mape.n == 3);
  Table r2;
  r2.numbers("f", {2.5, 0, 2, 8}).numbers("y", {3, -.5, 2, 7});
  CHECK(value(rows::read(metric("r2", {"f", "y"}), r2)) == near(.9486081370));
  Table moves;
  moves.numbers("f", {1.1, 1.8, 1.9, 2.2, 2.9}).numbers("y", {1, 2, 1.5, 3, 2.5});
  const Reading hits = rows::read(metric("directional_hit_rate", {"f", "y"}), moves);
  CHECK(value(hits) == 1);
  CHECK(hits.n == 4);
  CHECK(hits.n + hits.nulls + hits.excluded == 5);
}

TEST_CASE("quantiles are exact while small, within their bound beyond, and never averaged") {
  Table thousand;
  thousand.numbers("x", steps(1, 1000));
  MetricSpec exact = metric("p95", {"x"});
  exact.exact = true;
  CHECK(value(rows::read(exact, thousand)) == near(950.05));
  const Reading sketched = rows::read(metric("p95", {"x"}), thousand);
  CHECK(value(sketched) == near(947.983123).epsilon(1e-8));
  CHECK(sketched.error.kind == ErrorBound::Kind::relative);
  CHECK(std::fabs(*sketched.value - 950) <= sketched.error.bound * 950);
  Table pair, three;
  pair.numbers("x", {0, 1});
  three.numbers("x", {0, 1, 4});
  CHECK(value(rows::read(metric("p75", {"x"}), pair)) == near(.75));
  MetricSpec q = metric("quantile", {"x"});
  q.q = 0.8;
  CHECK(value(rows::read(q, three)) == near(2.8));
}

TEST_CASE("the nearest rank is the ceil(q n)-th smallest, in the sketch as well") {
  const auto at = [](double q, std::vector<double> values, bool exact = true) {
    Table table;
    table.numbers("x", values);
    MetricSpec spec = metric("quantile", {"x"});
    spec.q = q;
    spec.exact = exact;
    spec.method = "nearest_rank";
    return value(rows::read(spec, table));
  };
  std::vector<double> hundred, thousand;
  for (int i = 1; i <= 1000; ++i) {
    if (i <= 100) hundred.push_back(i);
    thousand.push_back(i);
  }
  for (int percent = 1; percent <= 100; ++percent) CHECK(at(percent / 100.0, hundred) == percent);
  CHECK(at(0, hundred) == 1);
  CHECK(at(.951, hundred) == 96);
  CHECK(at(.5, {4, 1, 3, 2}) == 2);
  CHECK(at(.95, {7}) == 7);
  CHECK(at(.9501, thousand) == 951);
  CHECK(at(.9501, thousand, false) == Approx(951).epsilon(.0078));
  MetricSpec spec = metric("p95", {"x"});
  spec.method = "spearman";
  Table table;
  table.numbers("x", {1, 2});
  const auto refused = make_family(spec, table.stream);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text.find("nearest_rank") != std::string::npos);
}

TEST_CASE("the percentile rank agrees with the quantile on ties") {
  const std::vector<double> before = {10, 12, 12, 12, 15, 20, 30, 40, 50, 60, 70};
  const std::vector<std::pair<double, double>> expected = {{5, 0}, {12, .1}, {13.5, .35}, {60, .9}, {65, .95}, {71, 1}};
  for (const auto& [x, want] : expected) {
    auto values = before;
    values.push_back(x);
    Table table;
    table.numbers("x", values);
    MetricSpec spec = metric("percentile_rank", {"x"});
    spec.window.kind = WindowSpec::Kind::rows;
    spec.window.count = 11;
    const Reading got = rows::read(spec, table);
    CHECK(value(got) == near(want));
    CHECK(got.status == Status::ok);
    CHECK(got.n == 11);
  }
}

TEST_CASE("sums are exact in every order and values that cannot be used are counted") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  std::vector<double> spikes = {1e16, 1, -1e16};
  std::sort(spikes.begin(), spikes.end());
  do {
    Table table;
    table.numbers("x", spikes);
    CHECK(value(rows::read(metric("sum", {"x"}), table)) == 1);
  } while (std::next_permutation(spikes.begin(), spikes.end()));
  Table odd;
  odd.numbers("x", {1, nan, inf, 0, 3, 1e200}, {0, 0, 0, 1, 0, 0});
  const Reading sd = rows::read(metric("standard_deviation", {"x"}), odd);
  CHECK(value(sd) == near(std::sqrt(2.0)));
  CHECK(sd.excluded_by == std::vector<std::pair<std::string, std::uint64_t>>{{"nan", 1}, {"inf", 1}, {"overflow", 1}});
  CHECK(sd.n + sd.nulls + sd.excluded == 6);
  Table huge;
  huge.numbers("x", {1.7e308, 1.7e308, 1.7e308});
  CHECK(rows::read(metric("sum", {"x"}), huge).status == Status::undefined);
  CHECK(value(rows::read(metric("mean", {"x"}), huge)) == near(1.7e308));
  Table shifted;  // after a spike left the window, what stays is exact: nothing is ever subtracted
  shifted.numbers("x", {1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 4});
  CHECK(value(rows::read(metric("standard_deviation", {"x"}), shifted)) == near(1.2909944487358056));
}

TEST_CASE("shares carry the Wilson interval and an unknown row is a null") {
  Table table;
  table.integers("status", {500, 200, 200, 0}, {0, 0, 0, 1});
  MetricSpec spec = metric("share", {});
  spec.expression = "status >= 500";
  const Reading share = rows::read(spec, table);
  CHECK(value(share) == near(1.0 / 3));
  CHECK(*share.low == near(.0614919447));
  CHECK(*share.high == near(.7923403992));
  CHECK(share.nulls == 1);
  const Reading nulls = rows::read(metric("null_rate", {"status"}), table);
  CHECK(value(nulls) == .25);
}
