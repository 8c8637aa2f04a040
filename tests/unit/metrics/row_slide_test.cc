// Windows of "N rows" that move on a row at a time read as an engine that was given the same rows just now, and so made
// its windows anew: the same bytes, whatever came late, twice, as nothing, as infinity, or before a restart.
#include <catch2/catch.hpp>

#include "catalogue_rows.h"
#include "engine_fixture.h"
#include "said.h"

using namespace tidewatch;

namespace {

// Every metric of the catalogue that a window of rows can be of, in several lengths.
std::vector<HandleSpec> row_handles(std::mt19937& random) {
  std::vector<HandleSpec> handles;
  for (MetricSpec spec : rows::catalogue_specs()) {
    if (spec.window.kind == WindowSpec::Kind::none || spec.metric == "job_success" || spec.metric == "compare")
      continue;
    if (spec.trailing.is_set()) {
      spec.trailing = TrailingSpec();
      spec.trailing.rows = 25;
    }
    for (const std::uint32_t count : {3u + static_cast<unsigned>(random() % 6), 20u, 90u}) {
      HandleSpec handle;
      handle.metric = spec;
      handle.metric.window = WindowSpec();
      handle.metric.window.kind = WindowSpec::Kind::rows;
      handle.metric.window.count = count;
      handle.metric.lateness = seconds(30);
      handles.push_back(handle);
    }
  }
  return handles;
}

}  // namespace

TEST_CASE("a window of rows that moved on by rows reads as one made anew") {
  const unsigned seed = 252;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const rows::Table reference = rows::reference_table();
  const std::vector<HandleSpec> handles = row_handles(random);
  REQUIRE(handles.size() > 150);
  BaselineSpec train;
  train.name = "train";
  train.stream = "api";
  std::size_t compared = 0;
  for (int round = 0; round < 4; ++round) {
    rows::Table table = rows::random_table(random, 330);
    if (round == 3)  // nothing but noughts and ones, and both infinities: every value is the least or the greatest
      for (double& value : table.batch.columns[1].numbers) value = random() % 9 ? random() % 2 : HUGE_VAL;
    std::int64_t at = 0;
    for (std::size_t i = 0; i < table.batch.rows; ++i) {
      // Rows of one instant, stretches of nothing, rows that come late but may land.
      at += random() % 3 ? 0 : static_cast<std::int64_t>(random() % 4);
      const std::int64_t late = random() % 9 == 0 ? static_cast<std::int64_t>(random() % 12) : 0;
      table.batch.columns[0].integers[i] = std::max<std::int64_t>(0, at - late) * 1'000'000'000;
    }
    const auto engine_of = [&] {
      std::vector<MetricEngine::Problem> problems;
      auto made = MetricEngine::create({table.stream}, {train}, handles, nullptr, &problems);
      for (const auto& problem : problems) FAIL(handles[problem.handle].metric.metric << ": " << problem.text);
      (*made)->baseline_rows("train", reference.batch);
      (*made)->baseline_seal("train");
      return std::move(*made);
    };
    auto sliding = engine_of();
    for (std::size_t from = 0; from < table.batch.rows;) {
      const std::size_t to = std::min<std::size_t>(table.batch.rows, from + 1 + (random() % 6 ? 0 : random() % 25));
      std::int64_t newest = 0;
      for (std::size_t i = 0; i < to; ++i) newest = std::max(newest, table.batch.columns[0].integers[i]);
      const Instant now{newest};
      sliding->feed("api", "s", table.batch.slice(from, to), now);
      auto anew = engine_of();
      anew->feed("api", "s", table.batch.slice(0, to), now);
      for (HandleId id = 0; id < handles.size(); ++id) {
        INFO(handles[id].metric.metric << " of " << handles[id].metric.window.count << " rows, round " << round
                                       << ", after row " << to);
        if (said(sliding->read_one(id, LabelSet(), now)) != said(anew->read_one(id, LabelSet(), now)))
          FAIL(sliding->read_one(id, LabelSet(), now).value.value_or(-1)
               << " is not " << anew->read_one(id, LabelSet(), now).value.value_or(-1));
        ++compared;
      }
      if (random() % 40 == 0) {  // a restart begins with nothing kept
        ByteWriter saved;
        sliding->save(saved);
        sliding = engine_of();
        ByteReader in(saved.bytes());
        REQUIRE(sliding->restore(in));
      }
      from = to;
    }
  }
  CHECK(compared > 50'000);
}

TEST_CASE("looking back at an older window of rows changes nothing about the newest") {
  const unsigned seed = 11;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::vector<HandleSpec> handles;
  for (const char* name : {"percentile_rank", "p95", "mean", "standard_deviation", "min"}) {
    handles.push_back(engine_fixture::metric(name, "20 rows", {"value"}));
    handles.back().metric.lateness = seconds(50);
  }
  auto twice = engine_fixture::engine_of(handles), once = engine_fixture::engine_of(handles);
  for (int i = 0; i < 200; ++i) {
    const Batch row = engine_fixture::batch_of({{i * 1.0, static_cast<double>(random() % 30)}});
    const Instant now = engine_fixture::at(i);
    for (auto* engine : {&twice, &once}) (*engine)->feed("api", "s", row, now);
    for (HandleId id = 0; id < handles.size(); ++id) {
      const Instant then = engine_fixture::at(i - static_cast<double>(random() % 40));
      const Reading before = twice->read_at(id, LabelSet(), then, now);
      CHECK(said(twice->read_one(id, LabelSet(), now)) == said(once->read_one(id, LabelSet(), now)));
      CHECK(said(twice->read_at(id, LabelSet(), then, now)) == said(before));
    }
  }
}

TEST_CASE("of rows of one instant the newest may be the first to leave the window") {
  // Ties of time are ranked by their bits, where a negative value stands above the others, and leave by value.
  const std::vector<HandleSpec> handles = {engine_fixture::metric("percentile_rank", "3 rows", {"value"})};
  auto sliding = engine_fixture::engine_of(handles);
  std::vector<engine_fixture::Row> rows;
  for (const double value : {-5.0, 3.0, 4.0, 6.0, 7.0, 8.0, 9.0}) {
    rows.push_back({10, value});
    sliding->feed("api", "s", engine_fixture::batch_of({rows.back()}), engine_fixture::at(10));
    auto anew = engine_fixture::engine_of(handles);
    anew->feed("api", "s", engine_fixture::batch_of(rows), engine_fixture::at(10));
    CHECK(said(sliding->read_one(0, LabelSet(), engine_fixture::at(10))) ==
          said(anew->read_one(0, LabelSet(), engine_fixture::at(10))));
  }
}
