// What makes landing quick must not show: tests answered together, rows added by the batch, panes' memory used again.
#include <map>
#include <set>

#include "engine_fixture.h"
#include "metrics/statistics/value_list.h"
#include "metrics/windows/label_index.h"
#include "metrics/windows/pane_block.h"
#include "records/expression.h"

using namespace engine_fixture;

namespace {

std::vector<Row> random_rows(std::mt19937& random, std::size_t count, double from, double to, int hosts) {
  std::uniform_real_distribution<double> when(from, to);
  std::vector<Row> rows;
  for (std::size_t i = 0; i < count; ++i) {
    Row row{when(random), std::normal_distribution<double>(3, 5)(random), "h" + std::to_string(random() % hosts)};
    row.is_null = random() % 10 == 0;
    rows.push_back(row);
  }
  return rows;
}

// Some hosts of the batch null, as a nullable category may be.
Batch with_null_hosts(const std::vector<Row>& rows, std::mt19937& random) {
  Batch batch = batch_of(rows);
  for (std::size_t row = 0; row < batch.rows; ++row) {
    if (random() % 7) continue;
    batch.columns[2].null[row] = 1;
    batch.columns[2].codes[row] = 0;
  }
  return batch;
}

}  // namespace

TEST_CASE("many equality tests on one column answer as each alone") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  // `not (host ~= x)` is the same test and not of the form that is answered together; the two count under one roof and
  // apart. A host that never comes and one that is asked for twice are among them.
  std::vector<HandleSpec> together, apart;
  for (const char* host : {"h0", "h1", "h2", "h3", "nobody"}) {
    for (const char* name : {"count", "mean", "p95"}) {
      for (const char* window : {"10s", "60s"}) {
        HandleSpec h =
            metric(name, window, name[0] == 'c' ? std::vector<std::string>{} : std::vector<std::string>{"value"});
        h.metric.where = "host == \"" + std::string(host) + "\"";
        together.push_back(h);
        h.metric.where = "not (host ~= \"" + std::string(host) + "\")";
        apart.push_back(h);
      }
    }
  }
  HandleSpec twice = together.front();
  twice.metric.where = "\"h0\" == host";
  together.push_back(twice);
  apart.push_back(apart.front());
  auto one = engine_of(together), other = engine_of(apart);
  for (int step = 0; step < 60; ++step) {
    const double now = 1000 + step * 2;
    const Batch batch = with_null_hosts(random_rows(random, random() % 40, now - 75, now, 5), random);
    one->feed("api", "s", batch, at(now));
    other->feed("api", "s", batch, at(now));
    for (HandleId handle = 0; handle < together.size(); ++handle)
      REQUIRE(bits(one->read_one(handle, LabelSet(), at(now))) == bits(other->read_one(handle, LabelSet(), at(now))));
  }
}

TEST_CASE("an expression knows when it is nothing but a text's equality") {
  const auto equality = [](const std::string& text) {
    const auto compiled = Expression::compile(text, api_stream());
    REQUIRE(compiled.ok());
    return compiled->text_equality()
               ? std::to_string(compiled->text_equality()->column) + compiled->text_equality()->text
               : std::string("none");
  };
  CHECK(equality("host == 'x y'") == "2x y");
  CHECK(equality("'' == host") == "2");
  CHECK(equality("host ~= 'x'") == "none");
  CHECK(equality("not (host == 'x')") == "none");
  CHECK(equality("host == 'x' and value > 1") == "none");
  CHECK(equality("host == host") == "none");
  CHECK(equality("lower(host) == 'x'") == "none");
  CHECK(equality("value == 1") == "none");
}

TEST_CASE("rows of many label sets landed by the batch read as those landed one by one") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::vector<HandleSpec> handles;
  for (const char* name : {"count", "mean", "standard_deviation", "p95", "null_rate", "max"}) {
    HandleSpec h = metric(
        name, "10s", name == std::string("count") ? std::vector<std::string>{} : std::vector<std::string>{"value"});
    h.metric.by = {"host"};
    handles.push_back(h);
  }
  auto whole = engine_of(handles), single = engine_of(handles);
  for (int step = 0; step < 30; ++step) {
    // In one delivery the watermark stands still: what is late is late in both only when nothing is.
    const double now = 1000 + step * 4;
    std::vector<Row> rows = random_rows(random, 1 + random() % 60, now, now + 4, 12);
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.at < b.at; });
    whole->feed("api", "s", batch_of(rows), at(now + 4));
    for (const Row& row : rows) single->feed("api", "s", batch_of({row}), at(now + 4));
    for (HandleId handle = 0; handle < handles.size(); ++handle) {
      std::vector<SeriesReading> a, b;
      whole->read(handle, at(now + 4), a);
      single->read(handle, at(now + 4), b);
      REQUIRE(a.size() == b.size());
      for (std::size_t i = 0; i < a.size(); ++i) {
        REQUIRE(*a[i].labels == *b[i].labels);
        REQUIRE(bits(a[i].reading) == bits(b[i].reading));
      }
    }
  }
}

TEST_CASE("label sets beyond most_series share one series, and the larger limit of a ring holds for it") {
  const auto counts = [](std::vector<std::uint32_t> limits) {
    std::vector<HandleSpec> handles;
    for (const std::uint32_t limit : limits) {
      HandleSpec h = metric("count", "10s");
      h.metric.by = {"host"};
      h.metric.most_series = limit;
      handles.push_back(h);
    }
    auto engine = engine_of(handles);
    std::vector<Row> rows;
    for (int i = 0; i < 40; ++i) rows.push_back({1000.0 + i * 0.1, 1, "h" + std::to_string(i % 5)});
    rows.push_back({1020, 1, "h0"});
    engine->feed("api", "s", batch_of(rows), at(1020));
    std::vector<SeriesReading> readings;
    engine->read(0, at(1020), readings);
    std::map<std::string, std::uint64_t> found;
    for (const auto& each : readings)
      found[std::string(each.labels->get("host"))] = engine->read_at(0, *each.labels, at(1010), at(1020)).n;
    return found;
  };
  using Counts = std::map<std::string, std::uint64_t>;
  CHECK(counts({2}) == Counts{{"h0", 8}, {"h1", 8}, {"(other)", 24}});
  CHECK(counts({5}) == Counts{{"h0", 8}, {"h1", 8}, {"h2", 8}, {"h3", 8}, {"h4", 8}});
  CHECK(counts({2, 4}) == Counts{{"h0", 8}, {"h1", 8}, {"h2", 8}, {"h3", 8}, {"(other)", 8}});
}

TEST_CASE("label sets keep their number through other sets, nulls and sweeps") {
  std::mt19937 random(7);
  LabelIndex index({"host", "value"}, {2, 1});
  std::vector<Row> rows;
  for (int i = 0; i < 6000; ++i)
    rows.push_back({double(i), double(random() % 50), "h" + std::to_string(random() % 97)});
  rows[17].host = "";
  rows[18].is_null = true;
  const Batch batch = batch_of(rows);
  std::vector<std::uint32_t> ids, again;
  index.number(batch, ids);
  std::map<std::pair<std::string, std::string>, std::uint32_t> known;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::string value = rows[row].is_null ? "" : std::to_string(static_cast<int>(rows[row].value));
    const auto [place, is_new] = known.emplace(std::pair(rows[row].host, value), ids[row]);
    REQUIRE(place->second == ids[row]);
    REQUIRE(index.labels(ids[row]).get("host") == rows[row].host);
    REQUIRE(index.labels(ids[row]).get("value") == value);
  }
  REQUIRE(index.size() == known.size());
  REQUIRE(index.labels(ids[17]).pairs().size() == 1);
  // Two are kept: after the sweep they have their numbers still, and the others' are given to newcomers.
  index.keep(ids[100]);
  index.keep(ids[4000]);
  index.sweep();
  index.number(batch_of({rows[4000], rows[100]}), again);
  CHECK(again == std::vector<std::uint32_t>{ids[4000], ids[100]});
  CHECK(index.id_of(index.labels(ids[100])) == ids[100]);
  const std::size_t size = index.size();
  index.number(batch_of({{1, 1, "new"}, {2, 2, "newer"}}), again);
  CHECK(again[0] != again[1]);
  CHECK(index.size() == size);
  CHECK(index.labels(again[1]).get("host") == "newer");
}

TEST_CASE("a list of values is a vector whose first few need no memory") {
  ValueList list;
  std::vector<double> truth;
  for (int i = 0; i < 200; ++i) {
    if (i % 50 == 20)
      list.append(truth.data(), truth.data() + 3), truth.insert(truth.end(), {truth[0], truth[1], truth[2]});
    list.push_back(i * 0.5);
    truth.push_back(i * 0.5);
    REQUIRE(std::vector<double>(list.begin(), list.end()) == truth);
    ValueList copy(list), assigned;
    assigned.push_back(1);
    assigned = copy;
    REQUIRE(std::vector<double>(assigned.begin(), assigned.end()) == truth);
  }
  CHECK(list.heap_bytes() >= truth.size() * 8);
  list.clear();
  CHECK(list.empty());
  CHECK(list.heap_bytes() == 0);
}

namespace {
struct Counted : FamilyState {
  static int alive;
  Counted() { ++alive; }
  ~Counted() override { --alive; }
  std::size_t memory_bytes() const override { return sizeof *this; }
};
int Counted::alive = 0;
}  // namespace

TEST_CASE("a pane's block destroys its states once and its memory is used again") {
  PaneArena arena;
  const std::size_t first = arena.add(sizeof(Counted), false), second = arena.add(sizeof(Counted), false);
  const auto open = [&] {
    std::byte* block = arena.take();
    new (block + first) Counted();
    new (block + second) Counted();
    return PaneBlock(arena, block);
  };
  std::set<std::byte*> places;
  std::size_t after_two_rounds = 0;
  for (int round = 0; round < 5; ++round) {
    std::vector<PaneBlock> blocks;
    for (int i = 0; i < 100; ++i) {
      blocks.push_back(open());
      places.insert(blocks.back().get());
    }
    arena.settle();
    CHECK(Counted::alive == 200);
    PaneBlock moved = std::move(blocks[3]);
    blocks[3] = open();
    CHECK(Counted::alive == 202);
    places.insert(blocks[3].get());
    if (round == 1) after_two_rounds = places.size();
  }
  arena.settle();
  CHECK(Counted::alive == 0);
  CHECK(places.size() == after_two_rounds);
}

TEST_CASE("an arena that goes destroys what was given back to it") {
  {
    PaneArena arena;
    const std::size_t only = arena.add(sizeof(Counted), false);
    std::byte* block = arena.take();
    new (block + only) Counted();
    arena.give_back(block);
    CHECK(Counted::alive == 1);
  }
  CHECK(Counted::alive == 0);
}
