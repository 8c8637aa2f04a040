// A restored engine goes on as if it had never stopped: same bits, counters and revisions, for a kill at any batch.
#include <catch2/catch.hpp>

#include "engine_fixture.h"

using namespace engine_fixture;

TEST_CASE("restore and go on equals an unbroken run") {
  const unsigned seed = GENERATE(21u, 22u, 23u, 24u);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto make = [] {
    HandleSpec mean = metric("mean", "30s", {"value"}), count = metric("count", "30s"),
               rows = metric("mean", "5 rows", {"value"});
    mean.metric.by = count.metric.by = {"host"};
    HandleSpec last = metric("last", "30s", {"value"});
    return engine_of({mean, count, rows, last, combination(HandleSpec::Op::max_over, {0}, seconds(10))});
  };
  auto whole = make(), broken = make();
  double t = 0;
  for (int i = 0; i < 300; ++i) {
    t += random() % 3;
    std::vector<Row> rows;
    for (unsigned j = random() % 4; j > 0; --j)
      rows.push_back({std::max(0.0, t - random() % 40), static_cast<double>(random() % 1000) / 7,
                      random() % 2 ? "a" : "b", random() % 7 == 0});
    for (auto* engine : {&whole, &broken}) {
      (*engine)->feed("api", random() % 1 ? "x" : "s", batch_of(rows), at(t + 5));
      (*engine)->tick(at(t + 5));
    }
    std::vector<SeriesReading> a, b;
    for (HandleId h = 0; h < 5; ++h) {
      whole->read(h, at(t + 5), a);
      broken->read(h, at(t + 5), b);
      REQUIRE(a.size() == b.size());
      for (std::size_t k = 0; k < a.size(); ++k) {
        INFO("batch " << i << " handle " << h);
        REQUIRE((*a[k].labels == *b[k].labels));
        REQUIRE(bits(a[k].reading) == bits(b[k].reading));
      }
    }
    if (random() % 3 == 0) {
      ByteWriter out;
      broken->save(out);
      broken = make();
      ByteReader in(out.bytes());
      REQUIRE(broken->restore(in));
    }
  }
  CHECK(whole->counters("api")->too_late == broken->counters("api")->too_late);
  CHECK(whole->counters("api")->late == broken->counters("api")->late);
}

TEST_CASE("a checkpoint cut short anywhere is refused, not trusted") {
  auto engine = engine_of({metric("mean", "30s", {"value"})});
  engine->feed("api", "s", batch_of({{1, 1}, {2, 2}, {40, 3}}), at(40));
  ByteWriter out;
  engine->save(out);
  for (std::size_t n = 0; n < out.bytes().size(); ++n) {
    auto other = engine_of({metric("mean", "30s", {"value"})});
    ByteReader in(std::string_view(out.bytes()).substr(0, n));
    CHECK_FALSE(other->restore(in));
  }
}
