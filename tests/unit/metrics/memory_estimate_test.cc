// What `check` says windows will take, against what they take.
#include "metrics/memory_estimate.h"

#include <tuple>

#include <catch2/catch.hpp>

#include "catalogue_rows.h"
#include "engine_fixture.h"

using namespace tidewatch;

namespace {

HandleSpec handle_of(MetricSpec spec) {
  HandleSpec handle;
  handle.metric = std::move(spec);
  return handle;
}

}  // namespace

TEST_CASE("the estimate of a metric's windows is theirs within a factor of three") {
  const unsigned seed = 11;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const rows::Table reference = rows::reference_table();
  BaselineSpec train;
  train.name = "train";
  train.stream = "api";
  const std::size_t a_pane = 400;
  for (MetricSpec spec : rows::catalogue_specs()) {
    if (spec.window.kind != WindowSpec::Kind::sliding) continue;
    // How many categories there will be nobody knows.
    if (spec.metric == "confusion" || spec.metric == "importance_shift" || spec.metric == "duplicates") continue;
    if (spec.metric == "distinct" && spec.columns[0] == "c") continue;
    if (spec.trailing.is_set()) continue;  // below
    spec.window = *parse_window("1h");
    spec.step = {};
    rows::Table table = rows::random_table(random, 1);
    auto made = MetricEngine::create({table.stream}, {train}, {handle_of(spec)}, nullptr, nullptr);
    REQUIRE(made);
    (*made)->baseline_rows("train", reference.batch);
    (*made)->baseline_seal("train");
    const double empty = static_cast<double>((*made)->memory_bytes());
    for (int pane = 0; pane < 70; ++pane) {
      Batch batch = rows::random_table(random, a_pane).batch;
      // Ordinary numbers: sums over all magnitudes there are take more.
      std::normal_distribution<> ordinary(50, 20);
      for (std::size_t i = 0; i < a_pane; ++i) {
        batch.columns[1].numbers[i] = ordinary(random);
        batch.columns[3].numbers[i] = ordinary(random);
      }
      for (std::size_t i = 0; i < a_pane; ++i)
        batch.columns[0].integers[i] = (minutes(pane) + milliseconds(static_cast<std::int64_t>(i) * 100)).ns;
      const Instant now = batch.time(a_pane - 1);
      (*made)->feed("api", "s", batch, now);
      (*made)->read_one(0, LabelSet(), now);
    }
    const double took = static_cast<double>((*made)->memory_bytes()) - empty;
    const auto estimates = estimate_memory({table.stream}, {handle_of(spec)});
    REQUIRE(estimates.size() == 1);
    const MemoryEstimate& one = estimates[0];
    const double rows_kept = one.rows_for.seconds() / 60 * static_cast<double>(a_pane);
    const double estimated = one.bytes + one.row_bytes * rows_kept;
    INFO(spec.metric << " " << (spec.columns.empty() ? "" : spec.columns[0]) << ": took " << took << ", estimated "
                     << estimated);
    CHECK(estimated < 3 * took + 4000);
    CHECK(took < 3 * estimated);
  }
}

TEST_CASE("the estimate of a past that moves is what it takes within a factor of two") {
  const unsigned seed = 12;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  // Panes of the window and of the past, rows in each.
  const std::tuple<int, int, std::size_t> shapes[] = {{60, 120, 400}, {60, 60, 50}, {12, 240, 1'000}};
  for (const char* name : {"psi", "ks"})
    for (const auto& [window, past, a_pane] : shapes) {
      MetricSpec spec = rows::metric(name, {"x"});
      spec.window = *parse_window(std::to_string(window) + "m");
      spec.step = minutes(1);
      spec.trailing.span = minutes(past);
      StreamSpec stream;
      stream.name = "api";
      stream.time = "ts";
      stream.schema.columns = {{"ts", ColumnType::time, false}, {"x", ColumnType::number, true}};
      auto made = MetricEngine::create({stream}, {}, {handle_of(spec)}, nullptr, nullptr);
      REQUIRE(made);
      const double empty = static_cast<double>((*made)->memory_bytes());
      std::normal_distribution<> draw(50, 20);
      double most = 0;
      for (int pane = 0; pane < window + past + 20; ++pane) {
        std::vector<double> values(a_pane);
        for (double& value : values) value = draw(random);
        Batch batch = std::move(rows::Table().numbers("x", values)).batch;
        for (std::size_t i = 0; i < a_pane; ++i)
          batch.columns[0].integers[i] = (minutes(pane) + milliseconds(static_cast<std::int64_t>(i) * 50)).ns;
        const Instant now = batch.time(a_pane - 1);
        (*made)->feed("api", "s", batch, now);
        (*made)->read_one(0, LabelSet(), now);
        most = std::max(most, static_cast<double>((*made)->memory_bytes()) - empty);
      }
      const auto estimates = estimate_memory({stream}, {handle_of(spec)});
      REQUIRE(estimates.size() == 1);
      const double rows_kept = estimates[0].rows_for.seconds() / 60 * static_cast<double>(a_pane);
      const double estimated = estimates[0].bytes + estimates[0].row_bytes * rows_kept;
      INFO(name << ", " << window << " panes and " << past << " before, " << a_pane << " rows: took " << most
                << ", estimated " << estimated);
      CHECK(estimated < 2 * most);
      CHECK(most < 2 * estimated);
    }
}

TEST_CASE("windows that share panes are estimated once, label sets and kept rows are named") {
  rows::Table table = rows::reference_table();
  const auto spec = [](const char* name, const char* column) {
    MetricSpec out = rows::metric(name, {column});
    out.window = *parse_window("1h");
    return out;
  };
  const auto bytes = [&](std::vector<MetricSpec> specs) {
    std::vector<HandleSpec> handles;
    for (MetricSpec& each : specs) handles.push_back(handle_of(std::move(each)));
    return estimate_memory({table.stream}, handles);
  };
  const double p50 = bytes({spec("p50", "x")})[0].bytes;
  const auto both = bytes({spec("p50", "x"), spec("p95", "x")});
  REQUIRE(both.size() == 1);
  CHECK(both[0].bytes < p50 + 2000);  // one more reading, no more panes
  MetricSpec grouped = spec("mean", "x"), ranked = spec("ks", "x");
  grouped.by = {"c", "k"};
  ranked.against = "train";
  const std::string text = describe(bytes({spec("p50", "x"), grouped, ranked}));
  CHECK(text.find(" for each label set of c, k") != std::string::npos);
  CHECK(text.find(", 16 bytes for each row of api in 1h 1m") != std::string::npos);
}

TEST_CASE("ten bins of a thousand columns over two weeks are three megabytes, in panes of a minute eight hundred") {
  StreamSpec stream;
  stream.name = "api";
  stream.time = "ts";
  stream.schema.columns.push_back({"ts", ColumnType::time, false});
  MetricSpec spec = rows::metric("psi", {});
  for (int i = 0; i < 1000; ++i) {
    stream.schema.columns.push_back({"c" + std::to_string(i), ColumnType::number, true});
    spec.columns.push_back("c" + std::to_string(i));
  }
  spec.against = "train";
  spec.bins = "10";
  spec.window = *parse_window("14 days");
  const double coarse = estimate_memory({stream}, {handle_of(spec)})[0].bytes;
  CHECK(coarse > 2.4e6);
  CHECK(coarse < 3.5e6);
  spec.step = minutes(1);
  const double fine = estimate_memory({stream}, {handle_of(spec)})[0].bytes;
  CHECK(fine > 0.7e9);
  CHECK(fine < 0.9e9);
}

TEST_CASE("drift of a whole table keeps fifty bytes a pane and column of ten bins, and answers after being saved") {
  const unsigned seed = 13;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  constexpr std::size_t columns = 40, a_pane = 200;
  StreamSpec stream;
  stream.name = "api";
  stream.time = "ts";
  stream.schema.columns.push_back({"ts", ColumnType::time, false});
  MetricSpec spec = rows::metric("drifted_columns", {});
  for (std::size_t i = 0; i < columns; ++i) {
    stream.schema.columns.push_back({"c" + std::to_string(i), ColumnType::number, true});
    spec.columns.push_back("c" + std::to_string(i));
  }
  spec.against = "train";
  spec.window = *parse_window("1h");
  const auto table = [&](std::size_t count, double shift) {
    rows::Table out;
    for (std::size_t c = 0; c < columns; ++c) {
      std::normal_distribution<> draw(c < 4 ? shift : 0, 1);
      std::vector<double> values(count);
      for (double& value : values) value = draw(random);
      out.numbers("c" + std::to_string(c), values);
    }
    return out.batch;
  };
  const Batch reference = table(2'000, 0);
  BaselineSpec train;
  train.name = "train";
  train.stream = "api";
  const auto fresh = [&] {
    auto made = MetricEngine::create({stream}, {train}, {handle_of(spec)}, nullptr, nullptr);
    REQUIRE(made);
    (*made)->baseline_rows("train", reference);
    (*made)->baseline_seal("train");
    return std::move(*made);
  };
  const auto engine = fresh();
  const double empty = static_cast<double>(engine->memory_bytes());
  Instant now;
  for (int pane = 0; pane < 64; ++pane) {
    Batch batch = table(a_pane, 1);
    for (std::size_t i = 0; i < a_pane; ++i)
      batch.columns[0].integers[i] = (minutes(pane) + milliseconds(static_cast<std::int64_t>(i) * 100)).ns;
    now = batch.time(a_pane - 1);
    engine->feed("api", "s", batch, now);
  }
  const Reading said = engine->read_one(0, LabelSet(), now);
  CHECK(said.value == Approx(.1));
  CHECK(said.text == "c0, c1, c2, c3");
  const double each = (static_cast<double>(engine->memory_bytes()) - empty) / 62 / columns;
  INFO(each << " bytes a pane and column");
  CHECK(each < 50);
  CHECK(each > 30);  // eleven counts of two bytes and a pointer are counted
  ByteWriter out;
  engine->save(out);
  const std::string saved = out.take();
  const auto restored = fresh();
  ByteReader in(saved);
  REQUIRE(restored->restore(in));
  CHECK(restored->read_one(0, LabelSet(), now).text == said.text);
  const double again = (static_cast<double>(restored->memory_bytes()) - empty) / 62 / columns;
  CHECK(again < 50);
}
