// What every metric keeps, whatever its values: any order, split or merge of one set of rows gives the same bits, and
// so does a checkpoint in the middle; no value is NaN or infinite; n, nulls and excluded add up.
#include <catch2/catch.hpp>

#include <cmath>

#include "catalogue_rows.h"
#include "engine_fixture.h"
#include "said.h"

using namespace tidewatch;

namespace {

void learn(Family& family, const rows::Table& reference) {
  if (!family.needs_baseline()) return;
  family.reference_rows(reference.batch, rows::all(reference.batch));
  family.reference_seal();
}

std::string named(const MetricSpec& spec) {
  std::string out = spec.metric;
  for (const std::string& column : spec.columns) out += " " + column;
  return out + " " + spec.method + spec.bins;
}

}  // namespace

TEST_CASE("every metric's state is the same bytes for any order, split and merge, and reads them back") {
  const unsigned seed = 20240607;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const rows::Table reference = rows::reference_table();
  const std::vector<MetricSpec> specs = rows::catalogue_specs();
  REQUIRE(specs.size() > 60);
  for (int round = 0; round < 24; ++round) {
    const std::size_t count = 1 + random() % (round % 4 == 0 ? 1500 : 120);
    const rows::Table table = rows::random_table(random, count);
    for (const MetricSpec& spec : specs) {
      INFO(named(spec) << " round " << round << " rows " << count);
      auto made = make_family(spec, table.stream);
      if (!made) FAIL(made.error().text);
      Family& family = **made;
      learn(family, reference);
      auto once = family.make();
      family.add(*once, table.batch, rows::all(table.batch));
      auto order = rows::all(table.batch);
      // A sequential family gets rows in order and panes in order; the ring sees to both.
      if (!family.is_sequential()) std::shuffle(order.begin(), order.end(), random);
      std::vector<std::unique_ptr<FamilyState>> shards;
      for (std::size_t i = 0; i < 3; ++i) shards.push_back(family.make());
      family.prepare(table.batch);
      for (std::size_t i = 0; i < order.size(); ++i) {
        const std::size_t shard = family.is_sequential() ? i * 3 / order.size() : random() % 3;
        family.add_row(*shards[shard], table.batch, order[i]);
      }
      auto merged = family.make();
      for (const auto& shard : shards) family.merge(*merged, *shard);
      const std::string bytes = rows::bytes_of(family, *once);
      CHECK(rows::bytes_of(family, *merged) == bytes);
      ByteReader in(bytes);
      const auto back = family.read_state(in);
      REQUIRE(back);
      CHECK(in.at_end());
      CHECK(rows::bytes_of(family, *back) == bytes);
      // A window of one pane is that pane; of three, it does not matter which were merged first.
      auto window = family.make_window(), left = family.make_window(), nested = family.make_window();
      for (const auto& shard : shards) family.merge(*window, *shard);
      family.merge(*left, *shards[0]);
      family.merge(*left, *shards[1]);
      family.merge(*nested, *left);
      family.merge(*nested, *shards[2]);
      const Reading a = rows::read(family, *once, spec);
      CHECK(said(rows::read(family, *back, spec)) == said(a));
      CHECK(said(rows::read(family, *nested, spec)) == said(rows::read(family, *window, spec)));
      if (spec.metric != "job_success" && spec.metric != "percentile_rank") CHECK(a.n + a.nulls + a.excluded == count);
      if (a.value) CHECK(std::isfinite(*a.value));
      if (a.status == Status::ok) CHECK((a.value || !a.text.empty()));
      if (a.status == Status::undefined) CHECK_FALSE(a.value);
      if (a.low && a.value) CHECK((*a.low <= *a.value + 1e-15 && *a.value <= *a.high + 1e-15));
      for (const std::size_t cut : {bytes.size() / 2, bytes.size() - 1}) {
        ByteReader damaged(std::string_view(bytes).substr(0, cut));
        CHECK_FALSE((family.read_state(damaged) && damaged.good()));
      }
      ByteWriter reference_bytes;
      family.write_reference(reference_bytes);
      auto again = make_family(spec, table.stream);
      ByteReader reference_in(reference_bytes.bytes());
      CHECK((*again)->read_reference(reference_in));
      CHECK(reference_in.at_end());
      if (family.needs_baseline()) {
        (*again)->prepare(table.batch);
        auto relearnt = (*again)->make();
        (*again)->add(*relearnt, table.batch, rows::all(table.batch));
        CHECK(said(rows::read(**again, *relearnt, spec)) == said(a));
      }
    }
  }
}

TEST_CASE("every metric reads the same through the engine for any arrival inside lateness, split and restart") {
  const unsigned seed = 20261121;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const rows::Table reference = rows::reference_table();
  for (int round = 0; round < 3; ++round) {
    rows::Table table = rows::random_table(random, 550);
    for (std::size_t i = 0; i < table.batch.rows; ++i)  // times with ties
      table.batch.columns[0].integers[i] = static_cast<std::int64_t>(i / (1 + random() % 2)) * 1'000'000'000;
    std::vector<HandleSpec> handles;
    for (const MetricSpec& spec : rows::catalogue_specs()) {
      HandleSpec handle;
      handle.metric = spec;
      if (spec.window.kind == WindowSpec::Kind::sliding) handle.metric.lateness = minutes(5);
      handles.push_back(handle);
      if (spec.metric == "mean" || spec.metric == "changed" || spec.metric == "auc" || spec.metric == "increase") {
        handle.metric.by = {"k"};
        handles.push_back(handle);
      }
    }
    BaselineSpec train;
    train.name = "train";
    train.stream = "api";
    const auto engine_of = [&] {
      std::vector<MetricEngine::Problem> problems;
      auto made = MetricEngine::create({table.stream}, {train}, handles, nullptr, &problems);
      for (const auto& problem : problems) FAIL(handles[problem.handle].metric.metric << ": " << problem.text);
      (*made)->baseline_rows("train", reference.batch);
      (*made)->baseline_seal("train");
      return std::move(*made);
    };
    const Instant end = Instant{} + minutes(10), now = end + hours(1);
    const auto readings = [&](MetricEngine& engine) {
      rows::Table closing = rows::random_table(random, 1);
      closing.batch = table.batch.pick({0});
      closing.batch.columns[0].integers[0] = (end + minutes(5) + seconds(1)).ns;
      engine.feed("api", "s", closing.batch, now);
      std::vector<std::pair<std::string, std::string>> out;
      std::vector<SeriesReading> listed;
      for (HandleId id = 0; id < handles.size(); ++id) {
        const std::string name = named(handles[id].metric);
        if (handles[id].metric.window.kind == WindowSpec::Kind::rows) {
          out.emplace_back(name, said(engine.read_one(id, LabelSet(), now)));
          continue;
        }
        engine.read(id, now, listed);
        std::vector<LabelSet> sets;
        for (const auto& one : listed) sets.push_back(*one.labels);
        for (const LabelSet& labels : sets)
          out.emplace_back(name + " " + labels.text(), said(engine.read_at(id, labels, end, now)));
      }
      return out;
    };
    auto plain = engine_of();
    plain->feed("api", "s", table.batch, now);
    const auto expected = readings(*plain);
    auto order = rows::all(table.batch);
    std::shuffle(order.begin(), order.end(), random);
    auto shuffled = engine_of();
    for (std::size_t from = 0; from < order.size();) {
      const std::size_t to = std::min<std::size_t>(order.size(), from + 1 + random() % 90);
      shuffled->feed("api", "s",
                     table.batch.pick({order.begin() + static_cast<std::ptrdiff_t>(from),
                                       order.begin() + static_cast<std::ptrdiff_t>(to)}),
                     now);
      if (random() % 3 == 0) {  // looked at in between, which fills caches and records windows
        std::vector<SeriesReading> seen;
        shuffled->read(static_cast<HandleId>(random() % handles.size()), now, seen);
      }
      if (random() % 4 == 0) {
        ByteWriter saved;
        shuffled->save(saved);
        auto next = engine_of();
        ByteReader in(saved.bytes());
        REQUIRE(next->restore(in));
        shuffled = std::move(next);
      }
      from = to;
    }
    const auto got = readings(*shuffled);
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      INFO(expected[i].first << " round " << round);
      CHECK(got[i].first == expected[i].first);
      CHECK(got[i].second == expected[i].second);
    }
  }
}
