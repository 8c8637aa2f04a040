// leakage against pairs counted one by one, ranks made one by one, and values known by hand.
#include <catch2/catch.hpp>

#include <cmath>
#include <random>

#include "family_rows.h"
#include "metrics/families/family.h"

using namespace tidewatch;

namespace {

MetricSpec leakage(std::vector<std::string> columns) {
  MetricSpec spec;
  spec.metric = "leakage";
  spec.columns = std::move(columns);
  spec.min_n = 1;
  return spec;
}

Reading read(const rows::Table& table, const MetricSpec& spec) {
  auto family = make_family(spec, table.stream);
  REQUIRE(family);
  auto state = (*family)->make();
  (*family)->add(*state, table.batch, rows::all(table.batch));
  Reading out;
  (*family)->read(*state, spec, {}, out);
  return out;
}

double area(const std::vector<double>& x, const std::vector<std::int64_t>& y) {
  double won = 0, pairs = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; j < x.size(); ++j) {
      if (y[i] != 1 || y[j] != 0) continue;
      won += x[i] > x[j] ? 1 : x[i] == x[j] ? .5 : 0;
      ++pairs;
    }
  return std::max(won / pairs, 1 - won / pairs);
}

double spearman(const std::vector<double>& x, const std::vector<double>& y) {
  const auto ranks = [](const std::vector<double>& v) {
    std::vector<double> out;
    for (const double a : v) {
      double rank = .5;
      for (const double b : v) rank += b < a ? 1 : b == a ? .5 : 0;
      out.push_back(rank);
    }
    return out;
  };
  const auto a = ranks(x), b = ranks(y);
  const double mean = (static_cast<double>(x.size()) + 1) / 2;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean) * (b[i] - mean);
    aa += (a[i] - mean) * (a[i] - mean);
    bb += (b[i] - mean) * (b[i] - mean);
  }
  return std::abs(ab / std::sqrt(aa * bb));
}

}  // namespace

TEST_CASE("the feature that tells the outcome best is named, whichever way it points") {
  rows::Table t;
  t.numbers("weak", {1, 2, 3, 4, 5, 6}).numbers("turned", {9, 8, 7, 3, 2, 1}).integers("y", {0, 0, 0, 1, 1, 1});
  Reading r = read(t, leakage({"turned", "y"}));
  CHECK(r.value == 1.0);
  CHECK(r.text == "turned");
  t.numbers("even", {1, 0, 1, 0, 1, 0});
  r = read(t, leakage({"even", "turned", "y"}));
  CHECK(r.text == "turned");
  CHECK(r.n == 6);
}

TEST_CASE("a number outcome is told by rank, a category by its best map") {
  rows::Table t;
  t.numbers("x", {1, 2, 3, 4, 5}).numbers("y", {2, 1, 4, 3, 10});
  CHECK(*read(t, leakage({"x", "y"})).value == Approx(.8));
  rows::Table c;
  c.texts("shop", {"a", "a", "a", "b", "b", "c"}).integers("y", {1, 1, 0, 0, 0, 1});
  CHECK(*read(c, leakage({"shop", "y"})).value == Approx(5.0 / 6));
}

TEST_CASE("random features agree with pairs and ranks counted one by one") {
  std::mt19937_64 rng(9);
  for (int round = 0; round < 200; ++round) {
    INFO("round " << round << " of seed 9");
    std::vector<double> x, z, real;
    std::vector<std::int64_t> y;
    for (int i = 0; i < 40; ++i) {
      x.push_back(static_cast<double>(rng() % 9));
      z.push_back(static_cast<double>(rng() % 100));
      y.push_back(static_cast<std::int64_t>(rng() % 2));
      real.push_back(static_cast<double>(rng() % 30) + 2);
    }
    y[0] = 0;
    y[1] = 1;
    rows::Table t;
    t.numbers("x", x).numbers("z", z).integers("y", y).numbers("real", real);
    CHECK(*read(t, leakage({"x", "z", "y"})).value == Approx(std::max(area(x, y), area(z, y))).epsilon(1e-12));
    CHECK(*read(t, leakage({"x", "z", "real"})).value ==
          Approx(std::max(spearman(x, real), spearman(z, real))).epsilon(1e-12));
  }
}

TEST_CASE("nulls and one class are said, not guessed, and too many rows too") {
  rows::Table t;
  t.numbers("x", {1, 2, 3}, {0, 1, 0}).integers("y", {1, 1, 0}, {0, 0, 1});
  const Reading r = read(t, leakage({"x", "y"}));
  CHECK(r.status == Status::undefined);
  CHECK(r.text.empty());
  CHECK(r.nulls == 1);
  CHECK(r.n == 2);
  std::vector<double> many(100'001, 1.0);
  std::vector<std::int64_t> outcomes(many.size());
  rows::Table big;
  big.numbers("x", many).integers("y", outcomes);
  CHECK(read(big, leakage({"x", "y"})).status == Status::insufficient);
}

TEST_CASE("merging two halves of leakage in any order is the whole") {
  std::mt19937_64 rng(10);
  std::vector<double> x;
  std::vector<std::string> c;
  std::vector<std::int64_t> y;
  for (int i = 0; i < 300; ++i) {
    x.push_back(static_cast<double>(rng() % 50));
    c.push_back(std::string(1, static_cast<char>('a' + rng() % 5)));
    y.push_back(static_cast<std::int64_t>(rng() % 2));
  }
  rows::Table t;
  t.numbers("x", x).texts("c", c).integers("y", y);
  const auto spec = leakage({"x", "c", "y"});
  auto family = make_family(spec, t.stream);
  REQUIRE(family);
  auto whole = (*family)->make(), left = (*family)->make(), right = (*family)->make();
  (*family)->add(*whole, t.batch, rows::all(t.batch));
  for (const std::uint32_t row : rows::all(t.batch)) (*family)->add_row(rng() % 2 ? *left : *right, t.batch, row);
  (*family)->merge(*right, *left);
  ByteWriter a, b;
  (*family)->write(*whole, a);
  (*family)->write(*right, b);
  CHECK(a.bytes() == b.bytes());
  ByteReader in(a.bytes());
  const auto back = (*family)->read_state(in);
  REQUIRE(back);
  ByteWriter again;
  (*family)->write(*back, again);
  CHECK(again.bytes() == a.bytes());
}
