// What metrics cost, without a server around them: nanoseconds a row added to a pane and a read, through the families
// as the engine calls them, and the bytes that rings of panes take, as the engine counts them and as malloc gives them.
// A JSON object a line. Windows that slide are measured through the engine: a pane of rows fed, then one read, over the
// number of rows.
#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "flags.h"
#include "metrics/chance.h"
#include "metrics/detectors/detector.h"
#include "metrics/families/family.h"
#include "metrics/metric_engine.h"
#include "random.h"

using namespace tidewatch;

namespace {

// CPU time of this process: a busy machine shares its cores out, and one thread waits for nothing else.
double now_ns() {
  timespec at{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
  return static_cast<double>(at.tv_sec) * 1e9 + static_cast<double>(at.tv_nsec);
}

// Columns: x (skewed latencies), score in 0..1, coarse (a score of 100 values), outcome (0 or 1, likelier with the
// score), status, user (100,000 of them), version, then `wide` columns of normal numbers. A row each `step`.
struct Table {
  StreamSpec stream;
  Batch batch;
  explicit Table(std::size_t wide = 0) {
    stream.name = "api";
    stream.time = "ts";
    put("ts", ColumnType::time);
    put("x", ColumnType::number);
    put("score", ColumnType::number);
    put("coarse", ColumnType::number);
    put("outcome", ColumnType::integer);
    put("status", ColumnType::integer);
    put("user", ColumnType::integer);
    put("version", ColumnType::category);
    for (std::size_t i = 0; i < wide; ++i) put("c" + std::to_string(i), ColumnType::number);
  }
  void fill(Random& random, std::size_t rows, Instant from, Duration step) {
    for (Column& column : batch.columns) {
      const ColumnType type = column.type;
      column.clear();
      column.type = type;
      column.null.assign(rows, 0);
    }
    batch.rows = rows;
    Column& version = batch.columns[7];
    for (const char* const name : {"v1", "v2"}) version.dictionary.add(name);
    for (std::size_t i = 0; i < rows; ++i) {
      const double score = random.unit();
      batch.columns[0].integers.push_back((from + step * static_cast<std::int64_t>(i)).ns);
      batch.columns[1].numbers.push_back(std::exp(3 + 0.8 * random.normal()));
      batch.columns[2].numbers.push_back(score);
      batch.columns[3].numbers.push_back(std::floor(score * 100) / 100);
      batch.columns[4].integers.push_back(random.unit() < 0.1 + 0.5 * score);
      batch.columns[5].integers.push_back(random.unit() < 0.05 ? 500 : 200);
      batch.columns[6].integers.push_back(static_cast<std::int64_t>(random.next() % 100'000));
      version.codes.push_back(random.next() % 2);
      for (std::size_t c = 8; c < batch.columns.size(); ++c) batch.columns[c].numbers.push_back(random.normal());
    }
  }

 private:
  void put(const std::string& name, ColumnType type) {
    stream.schema.columns.push_back({name, type, true});
    batch.columns.emplace_back();
    batch.columns.back().type = type;
  }
};

std::vector<std::uint32_t> every_row(const Batch& batch) {
  std::vector<std::uint32_t> rows(batch.rows);
  for (std::uint32_t i = 0; i < rows.size(); ++i) rows[i] = i;
  return rows;
}

MetricSpec metric(const std::string& name, std::vector<std::string> columns) {
  MetricSpec spec;
  spec.metric = name;
  spec.stream = "api";
  spec.columns = std::move(columns);
  spec.min_n = 1;
  if (name == "share") spec.expression = "status >= 500";
  if (name == "compare") {
    spec.expression = "status >= 500";
    spec.side = "version";
    spec.control = "v1";
    spec.candidate = "v2";
    spec.least = 0.01;
  }
  if (name == "psi" || name == "ks") spec.against = "train";
  if (const auto window = parse_window("1h")) spec.window = *window;
  spec.step = minutes(1);
  return spec;
}

void say(const std::string& name, const char* unit, const std::vector<double>& values) {
  std::printf("{\"name\": \"%s\", \"unit\": \"%s\", \"values\": [", name.c_str(), unit);
  for (std::size_t i = 0; i < values.size(); ++i) std::printf("%s%.6g", i ? ", " : "", values[i]);
  std::puts("]}");
  std::fflush(stdout);
}

volatile double sink = 0;  // so that no read is left out

// ns each of `count` done by one call of `work`, repeated for at least 40 ms, `runs` times.
std::vector<double> timed(long runs, std::size_t count, const std::function<void()>& work) {
  std::vector<double> out;
  work();
  for (long run = 0; run < runs; ++run) {
    std::size_t done = 0;
    const double begin = now_ns();
    double end = begin;
    while (end - begin < 4e7) {
      work();
      ++done;
      end = now_ns();
    }
    out.push_back((end - begin) / static_cast<double>(done * count));
  }
  return out;
}

// The same of work that is so short that looking at the clock would take as long.
std::vector<double> timed_often(long runs, const std::function<void()>& work) {
  constexpr std::size_t times = 256;
  return timed(runs, times, [&] {
    for (std::size_t i = 0; i < times; ++i) work();
  });
}

std::unique_ptr<Family> family_of(const MetricSpec& spec, const Table& table, const Batch& reference) {
  auto made = make_family(spec, table.stream);
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().text.c_str());
    std::exit(1);
  }
  if ((*made)->needs_baseline()) {
    (*made)->reference_rows(reference, every_row(reference));
    (*made)->reference_seal();
  }
  return std::move(*made);
}

void costs(long runs) {
  Random random{1};
  Table table, reference;
  reference.fill(random, 10'000, Instant{}, milliseconds(1));
  table.fill(random, 8'192, Instant{}, milliseconds(1));
  const auto rows = every_row(table.batch);
  struct Case {
    const char* says;
    MetricSpec spec;
  };
  std::vector<Case> cases = {{"count", metric("count", {})},
                             {"share", metric("share", {})},
                             {"sum", metric("sum", {"x"})},
                             {"sum and squares", metric("standard_deviation", {"x"})},
                             {"psi", metric("psi", {"x"})},
                             {"quantile", metric("p95", {"x"})},
                             {"distinct", metric("distinct", {"user"})},
                             {"compare", metric("compare", {})}};
  cases[4].spec.bins = "20";
  for (const Case& one : cases) {
    const auto family = family_of(one.spec, table, reference.batch);
    const std::string name = one.says;
    family->prepare(table.batch);
    {
      // As rows land: each has its pane's block.
      std::vector<std::uint64_t> memory(family->state_bytes() / 8 + 1);
      auto* const block = reinterpret_cast<std::byte*>(memory.data());
      family->make_each(std::span(&block, 1), 0);
      const std::vector<std::byte*> blocks(rows.size(), block);
      say(name + " add", "ns", timed(runs, rows.size(), [&] { family->add_each(blocks, 0, table.batch, rows); }));
      reinterpret_cast<FamilyState*>(block)->~FamilyState();
    }
    std::vector<std::unique_ptr<FamilyState>> panes;
    auto window = family->make_window();
    for (int i = 0; i < 62; ++i) {
      panes.push_back(family->make());
      family->add(*panes.back(), table.batch, std::span(rows).subspan(static_cast<std::size_t>(i) * 128, 128 + 2));
      family->merge(*window, *panes.back());
    }
    const auto read = [&](const FamilyState& state) {
      Reading out;
      family->read(state, one.spec, {}, out);
      if (out.value) sink = sink + *out.value;
    };
    say(name + " read", "ns", timed_often(runs, [&] { read(*window); }));
    say(name + " merge 62 and read", "ns", timed_often(runs, [&] {
          auto merged = family->make_window();
          for (const auto& pane : panes) family->merge(*merged, *pane);
          read(*merged);
        }));
  }
}

std::unique_ptr<MetricEngine> engine_of(const Table& table, std::vector<HandleSpec> handles, const Batch& reference) {
  BaselineSpec train;
  train.name = "train";
  train.stream = "api";
  std::vector<MetricEngine::Problem> problems;
  auto made = MetricEngine::create({table.stream}, {train}, std::move(handles), nullptr, &problems);
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().text.c_str());
    std::exit(1);
  }
  (*made)->baseline_rows("train", reference);
  (*made)->baseline_seal("train");
  return std::move(*made);
}

HandleSpec handle_of(MetricSpec spec) {
  HandleSpec handle;
  handle.metric = std::move(spec);
  return handle;
}

// Windows of 60 panes that slide: ns a row of a pane that enters, one that leaves and a read.
void slides(long runs) {
  Random random{2};
  struct Case {
    std::string says;
    MetricSpec spec;
    std::size_t rows;
  };
  std::vector<Case> cases;
  for (const std::size_t rows : {1'000, 10'000, 100'000})
    cases.push_back({"auc " + std::to_string(rows), metric("auc", {"score", "outcome"}), rows});
  cases.push_back({"auc 10000 of 100 scores", metric("auc", {"coarse", "outcome"}), 10'000});
  cases.push_back({"ks 100000", metric("ks", {"x"}), 99'960});
  cases.push_back({"p95 exact 100000", metric("p95", {"x"}), 100'000});
  cases.back().spec.exact = true;
  for (const Case& one : cases) {
    Table table, reference;
    reference.fill(random, 10'000, Instant{}, milliseconds(1));
    const std::size_t a_pane = one.rows / 60;
    auto engine = engine_of(table, {handle_of(one.spec)}, reference.batch);
    std::int64_t pane = 0;
    const auto feed = [&] {
      table.fill(random, a_pane, Instant{} + minutes(pane++), minutes(1) / static_cast<std::int64_t>(a_pane));
      const double begin = now_ns();
      const Instant now = Instant{} + minutes(pane);
      engine->feed("api", "s", table.batch, now);
      const Reading r = engine->read_one(0, LabelSet(), now);
      if (r.value) sink = sink + *r.value;
      return now_ns() - begin;
    };
    for (int i = 0; i < 70; ++i) feed();
    std::vector<double> all;
    for (long run = 0; run < runs; ++run) {
      double sum = 0;
      for (int i = 0; i < 60; ++i) sum += feed();
      all.push_back(sum / 60 / static_cast<double>(a_pane));
    }
    say(one.says + " slide", "ns", all);
  }
  // "N rows": a row comes and the window is read, each time; ranked among those before it, and others.
  struct RowCase {
    const char *says, *metric;
    std::uint32_t n;
  };
  for (const auto& [says, name, n] : {RowCase{"rank among", "percentile_rank", 252},
                                      {"rank among", "percentile_rank", 100'000},
                                      {"p95 of", "p95", 252},
                                      {"p95 of", "p95", 100'000},
                                      {"mean of", "mean", 252}}) {
    MetricSpec spec = metric(name, {"x"});
    spec.window = WindowSpec();
    spec.window.kind = WindowSpec::Kind::rows;
    spec.window.count = n;
    spec.step = {};
    Table table, reference;
    auto engine = engine_of(table, {handle_of(spec)}, reference.batch);
    std::int64_t at = 0;
    table.fill(random, n + 1, Instant{}, seconds(1));
    at += n + 1;
    engine->feed("api", "s", table.batch, Instant{} + seconds(at));
    std::vector<double> all;
    engine->read_one(0, LabelSet(), Instant{} + seconds(at));  // the first makes the window
    std::vector<Batch> coming(2'000);
    for (long run = 0; run < runs; ++run) {
      for (Batch& each : coming) {
        table.fill(random, 1, Instant{} + seconds(at++), seconds(1));
        each = table.batch;
      }
      const double begin = now_ns();
      for (const Batch& each : coming) {
        const Instant now = each.time(0) + seconds(1);
        engine->feed("api", "s", each, now);
        const Reading r = engine->read_one(0, LabelSet(), now);
        if (r.value) sink = sink + *r.value;
      }
      all.push_back((now_ns() - begin) / static_cast<double>(coming.size()));
    }
    say(std::string(says) + " " + std::to_string(n) + " rows", "ns", all);
  }
}

// One value a pane: what learning it costs, alone and along a handle; and what a threshold that knows chance costs.
void detectors(long runs) {
  Random random{6};
  const auto kinds = {DetectorSpec::Kind::ewma,         DetectorSpec::Kind::mad,   DetectorSpec::Kind::cusum,
                      DetectorSpec::Kind::page_hinkley, DetectorSpec::Kind::adwin, DetectorSpec::Kind::kswin};
  const auto spec_of = [](DetectorSpec::Kind kind) {
    DetectorSpec spec;
    spec.kind = kind;
    spec.over = hours(4);  // mad: 240 values; the others: how long a firing counts
    return spec;
  };
  std::vector<double> values(4'096);
  for (double& value : values) value = 50 + random.normal();
  for (const auto kind : kinds) {
    const auto made = make_detector(spec_of(kind));
    Instant at{};
    say(std::string(name_of(kind)) + " value", "ns", timed(runs, values.size(), [&] {
          for (const double value : values) {
            at = at + minutes(1);
            const Detection found = (*made)->add(value, at);
            sink = sink + found.score.value_or(0);
          }
        }));
  }
  const auto a_pane = [&](const std::string& name, const std::vector<HandleSpec>& handles) {
    Table table, reference;
    auto engine = engine_of(table, handles, reference.batch);
    std::int64_t pane = 0;
    const auto feed = [&] {
      table.fill(random, 1, Instant{} + minutes(pane++), minutes(1));
      const Instant now = Instant{} + minutes(pane);
      const double begin = now_ns();
      engine->feed("api", "s", table.batch, now);
      const Reading r = engine->read_one(static_cast<HandleId>(handles.size() - 1), LabelSet(), now);
      if (r.value) sink = sink + *r.value;
      return now_ns() - begin;
    };
    for (int i = 0; i < 500; ++i) feed();
    std::vector<double> all;
    for (long run = 0; run < runs; ++run) {
      double sum = 0;
      for (int i = 0; i < 4'000; ++i) sum += feed();
      all.push_back(sum / 4'000);
    }
    say(name, "ns", all);
  };
  const HandleSpec mean = handle_of(metric("mean", {"x"}));
  a_pane("a mean at each pane end", {mean});
  for (const auto kind : kinds) {
    HandleSpec handle;
    handle.op = HandleSpec::Op::detector;
    handle.inputs = {0};
    handle.detector = spec_of(kind);
    a_pane(std::string(name_of(kind)) + " of a mean at each pane end", {mean, handle});
  }
}

void thresholds(long runs) {
  Random random{7};
  Table table, reference;
  reference.fill(random, 10'000, Instant{}, milliseconds(1));
  table.fill(random, 8'192, Instant{}, milliseconds(1));
  const auto rows = every_row(table.batch);
  FalseAlarms rate;
  rate.per = days(30);
  for (MetricSpec spec : {metric("psi", {"x"}), metric("ks", {"x"}), metric("share", {}), metric("mean", {"x"}),
                          metric("auc", {"score", "outcome"})}) {
    spec.is_calibrated = true;
    const auto family = family_of(spec, table, reference.batch);
    family->prepare(table.batch);
    const auto state = family->make_window();
    family->add(*state, table.batch, rows);
    const auto fresh = [&] {
      Reading out;
      out.chance = std::make_shared<Chance>();
      out.chance->over = hours(1);
      out.chance->reads = 60;
      family->read(*state, spec, {}, out);
      return out;
    };
    const Chance chance = *fresh().chance;
    const double asked = spec.metric == "share" ? 0.05 : spec.metric == "mean" ? 30 : 0.01;
    const double alpha = alpha_of(rate, chance, 1);
    say(spec.metric + " threshold", "ns",
        timed_often(runs, [&] { sink = sink + threshold_in_force(asked, true, alpha, chance).in_force; }));
    say(spec.metric + " read with its chance", "ns", timed_often(runs, [&] { sink = sink + *fresh().value; }));
  }
}

double heap() {
  const auto info = mallinfo2();
  return static_cast<double>(info.uordblks) + static_cast<double>(info.hblkhd);
}

// A ring of 62 panes of a minute with `rows` in each: bytes a pane, and of the whole with its merges and readings.
void memory() {
  const std::vector<MetricSpec> specs = {metric("count", {}),
                                         metric("share", {}),
                                         metric("sum", {"x"}),
                                         metric("standard_deviation", {"x"}),
                                         metric("correlation", {"x", "score"}),
                                         metric("psi", {"x"}),
                                         metric("accuracy", {"score", "outcome"}),
                                         metric("p95", {"x"}),
                                         metric("distinct", {"user"}),
                                         metric("ks", {"x"}),
                                         metric("auc", {"score", "outcome"}),
                                         metric("compare", {})};
  for (const MetricSpec& spec : specs)
    for (const std::size_t rows : {100, 1'000}) {
      Random random{3};
      Table table, reference;
      reference.fill(random, 10'000, Instant{}, milliseconds(1));
      auto engine = engine_of(table, {handle_of(spec)}, reference.batch);
      table.fill(random, rows, Instant{}, minutes(1) / static_cast<std::int64_t>(rows));
      const double empty = heap(), counted = static_cast<double>(engine->memory_bytes());
      for (int pane = 0; pane < 70; ++pane) {
        for (std::int64_t& time : table.batch.columns[0].integers) time += minutes(1).ns;
        const Instant now = table.batch.time(rows - 1);
        engine->feed("api", "s", table.batch, now);
        engine->read_one(0, LabelSet(), now);
      }
      say(spec.metric + " of " + std::to_string(rows) + " rows a pane", "bytes a pane",
          {(static_cast<double>(engine->memory_bytes()) - counted) / 62, (heap() - empty) / 62});
    }
}

// Drift of a whole table: psi of each of `columns` over two weeks in 60 panes.
void wide(std::size_t columns, std::size_t rows) {
  Random random{4};
  Table table(columns), reference(columns);
  reference.fill(random, 2'000, Instant{}, milliseconds(1));
  MetricSpec spec = metric("psi", {});
  for (std::size_t i = 0; i < columns; ++i) spec.columns.push_back("c" + std::to_string(i));
  spec.bins = "10";
  spec.window = *parse_window("14 days");
  spec.step = {};
  auto engine = engine_of(table, {handle_of(spec)}, reference.batch);
  reference.batch = Batch();
  malloc_trim(0);
  table.fill(random, rows, Instant{}, hours(5) / static_cast<std::int64_t>(rows));
  const double empty = heap(), counted = static_cast<double>(engine->memory_bytes());
  std::vector<SeriesReading> readings;
  double landed = 0, fed_ns = 0, read_ns = 0, reads = 0;
  for (int part = 0; part < 70; ++part) {
    for (std::int64_t& time : table.batch.columns[0].integers) time += hours(5).ns;
    const Instant now = table.batch.time(rows - 1);
    double begin = now_ns();
    engine->feed("api", "s", table.batch, now);
    fed_ns += now_ns() - begin;
    landed += static_cast<double>(rows);
    if (part == 65)
      say("wide before it was read", "bytes", {static_cast<double>(engine->memory_bytes()) - counted, heap() - empty});
    if (part < 66) continue;
    begin = now_ns();
    engine->read(0, now, readings);
    read_ns += now_ns() - begin;
    reads += static_cast<double>(readings.size());
  }
  say("wide read every pane", "bytes", {static_cast<double>(engine->memory_bytes()) - counted, heap() - empty});
  say("wide", "M values/s", {landed * static_cast<double>(columns) / fed_ns * 1e3});
  say("wide a read", "ns", {read_ns / reads});
}

// Ten million records at once, and two-week windows that slide over them by days: seconds.
void batch(long runs) {
  constexpr std::size_t chunk = 100'000, chunks = 100, days_in_all = 60;
  Random random{5};
  Table table, reference;
  reference.fill(random, 10'000, Instant{}, milliseconds(1));
  std::vector<Batch> all(chunks);
  for (Batch& each : all) {
    table.fill(random, chunk, Instant{}, milliseconds(1));
    each = table.batch;
  }
  const auto rows = every_row(all[0]);
  for (MetricSpec spec : {metric("auc", {"score", "outcome"}), metric("psi", {"x"})}) {
    const auto family = family_of(spec, table, reference.batch);
    std::vector<double> took;
    double bound = 0;
    for (long run = 0; run < runs; ++run) {
      const double begin = now_ns();
      const auto state = family->make();
      for (const Batch& each : all) {
        family->prepare(each);
        family->add(*state, each, rows);
      }
      Reading out;
      family->read(*state, spec, {}, out);
      took.push_back((now_ns() - begin) / 1e9);
      bound = out.error.bound;
    }
    say(spec.metric + " of ten million", "s", took);
    say(spec.metric + " of ten million, error bound", "", {bound});
  }
  for (const std::size_t a_day : {60'000, 166'600}) {
    MetricSpec spec = metric("auc", {"score", "outcome"});
    spec.window = *parse_window("14 days");
    spec.step = days(1);
    std::vector<double> took;
    double bound = 0;
    for (long run = 0; run < runs; ++run) {
      auto engine = engine_of(table, {handle_of(spec)}, reference.batch);
      double ns = 0;
      for (std::size_t day = 0; day < days_in_all; ++day) {
        table.fill(random, a_day, Instant{} + days(static_cast<std::int64_t>(day)),
                   days(1) / static_cast<std::int64_t>(a_day));
        const Instant now = Instant{} + days(static_cast<std::int64_t>(day) + 1);
        const double begin = now_ns();
        engine->feed("api", "s", table.batch, now);
        if (day >= 13) bound = engine->read_one(0, LabelSet(), now).error.bound;
        ns += now_ns() - begin;
      }
      took.push_back(ns / 1e9);
    }
    const std::string name = "47 two-week AUC of " + std::to_string(a_day * 14);
    say(name, "s", took);
    say(name + ", error bound", "", {bound});
  }
}

}  // namespace

int main(int count, char** words) {
  const Flags flags(count, words, {{"what", "costs"}, {"runs", "3"}, {"columns", "1000"}, {"rows", "500"}});
  const std::string& what = flags.text("what");
  if (what == "costs")
    costs(flags.whole("runs"));
  else if (what == "slides")
    slides(flags.whole("runs"));
  else if (what == "memory")
    memory();
  else if (what == "detectors")
    detectors(flags.whole("runs"));
  else if (what == "thresholds")
    thresholds(flags.whole("runs"));
  else if (what == "batch")
    batch(flags.whole("runs"));
  else if (what == "wide")
    wide(static_cast<std::size_t>(flags.whole("columns")), static_cast<std::size_t>(flags.whole("rows")));
  else {
    std::fprintf(stderr, "--what: expected costs, slides, detectors, thresholds, memory, wide or batch, got \"%s\"\n",
                 what.c_str());
    return 2;
  }
}
