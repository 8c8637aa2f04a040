// A window that moves is merged from what was merged before. However it moves (in equal strides, in unequal ones, with
// late rows, standing still, jumping), it must read as the same window merged anew from its panes: a restored engine
// has no merges kept.
#include <catch2/catch.hpp>

#include "engine_fixture.h"

using namespace engine_fixture;

TEST_CASE("a moving window reads the same bits as one merged anew, whatever its strides") {
  const unsigned seed = GENERATE(1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto make = [] {
    StreamSpec stream = api_stream();
    stream.disorder = seconds(6);
    std::vector<HandleSpec> handles;
    for (const char* name : {"sum", "standard_deviation", "p95", "last", "count"})
      for (const char* window : {"60s", "50s", "7s"}) {
        HandleSpec h = metric(name, window);
        if (std::string(name) != "count") h.metric.columns = {"value"};
        h.metric.step = seconds(1);
        h.metric.lateness = seconds(20);
        if (std::string(name) == "sum") h.metric.by = {"host"};
        handles.push_back(h);
        if (std::string(name) == "count") continue;
        h.metric.read = ReadMode::open;  // and into the panes still open
        handles.push_back(h);
      }
    return engine_of(handles, stream);
  };
  auto kept = make();
  double t = 100;
  std::size_t compared = 0;
  int stride = 1 + static_cast<int>(random() % 12);
  for (int i = 0; i < 220; ++i) {
    if (random() % 25 == 0) stride = 1 + static_cast<int>(random() % 15);
    const int moved = random() % 12 == 0 ? static_cast<int>(random() % 40) : random() % 60 == 0 ? 200 : stride;
    std::vector<Row> rows;
    for (int s = 0; s < moved; ++s)
      for (unsigned j = random() % 3; j > 0; --j)
        rows.push_back({t + s, static_cast<double>(random() % 1000) / 7, random() % 2 ? "a" : "b", random() % 9 == 0});
    if (random() % 10 == 0) rows.push_back({std::max(0.0, t - random() % 20), 3, "a"});
    t += moved;
    rows.push_back({t, 1, "a"});
    kept->feed("api", "s", batch_of(rows), at(t + 1));
    kept->tick(at(t + 1));
    ByteWriter out;
    kept->save(out);
    auto anew = make();
    ByteReader in(out.bytes());
    REQUIRE(anew->restore(in));
    std::vector<SeriesReading> a, b;
    for (HandleId h = 0; h < 27; ++h) {
      kept->read(h, at(t + 1), a);
      anew->read(h, at(t + 1), b);
      REQUIRE(a.size() == b.size());
      INFO("move " << i << " handle " << h);
      for (std::size_t k = 0; k < a.size(); ++k) REQUIRE(bits(a[k].reading) == bits(b[k].reading));
      compared += a.size();
    }
  }
  CHECK(compared > 3000);
}
