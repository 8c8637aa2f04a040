// `column == "text"` is dealt out to all its selections in one walk of the rows. The same condition written so that it
// is evaluated by itself must land the same rows: nulls, unknown texts, late rows and refused ones included.
#include <catch2/catch.hpp>
#include <map>

#include "engine_fixture.h"

using namespace engine_fixture;

TEST_CASE("selections by one text column land what the same conditions evaluated one by one land") {
  const unsigned seed = GENERATE(5u, 6u, 7u, 8u);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const std::vector<std::string> hosts = {"a", "b", "c", "never"};
  std::vector<HandleSpec> handles;
  for (const std::string& host : hosts)
    for (const bool is_alone : {false, true}) {
      HandleSpec sum = metric("sum", "30s", {"value"}), count = metric("count", "1m"),
                 rows = metric("mean", "3 rows", {"value"});
      for (HandleSpec* h : {&sum, &count, &rows}) {
        h->metric.where =
            is_alone ? "host == \"" + host + "\" and host == \"" + host + "\"" : "host == \"" + host + "\"";
        handles.push_back(*h);
      }
    }
  // The constant first and another way to quote it are the same condition too.
  HandleSpec turned = metric("sum", "30s", {"value"});
  turned.metric.where = "\"a\" == host";
  handles.push_back(turned);
  auto engine = engine_of(handles);
  double t = 0;
  std::size_t compared = 0;
  for (int i = 0; i < 400; ++i) {
    t += random() % 4;
    std::vector<Row> rows;
    for (unsigned j = random() % 12; j > 0; --j)
      rows.push_back({std::max(0.0, t - (random() % 8 ? random() % 10 : random() % 200)),
                      static_cast<double>(random() % 1000) / 7, std::string(1, static_cast<char>('a' + random() % 5)),
                      random() % 7 == 0});
    Batch batch = batch_of(rows);
    // A category's texts stand once in its dictionary; batch_of() writes one a row. Some batches get it one way, some
    // the other: the second makes the walk no saving and goes the usual way.
    for (std::size_t r = 0; r < batch.rows; ++r)
      if (random() % 9 == 0) batch.columns[2].null[r] = 1;
    if (random() % 2) {
      Dictionary once;
      std::map<std::string, std::uint32_t> known;
      for (std::uint32_t& code : batch.columns[2].codes) {
        const std::string text(batch.columns[2].dictionary[code]);
        if (!known.contains(text)) known[text] = once.add(text);
        code = known[text];
      }
      batch.columns[2].dictionary = once;
    }
    engine->feed("api", "s", batch, at(t + 5));
    if (random() % 3 == 0) engine->tick(at(t + 5));
    for (HandleId h = 0; h + 1 < handles.size(); h += 6)
      for (HandleId k = 0; k < 3; ++k) {
        const Reading dealt = engine->read_one(h + k, LabelSet(), at(t + 5));
        const Reading alone = engine->read_one(h + 3 + k, LabelSet(), at(t + 5));
        INFO("batch " << i << " handle " << h + k);
        REQUIRE(bits(dealt) == bits(alone));
        compared += dealt.n > 0;
      }
    REQUIRE(bits(engine->read_one(0, LabelSet(), at(t + 5))) ==
            bits(engine->read_one(static_cast<HandleId>(handles.size() - 1), LabelSet(), at(t + 5))));
  }
  CHECK(compared > 1000);
}
