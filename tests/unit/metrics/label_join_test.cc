// The join buffer against a second, naive reading of the table of rules: after every batch of thousands of random
// sequences, what it has emitted so far must be what the table says about the rows seen so far.
#include "metrics/joins/label_join.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace {

using namespace tidewatch;

struct Row {
  std::int64_t t = 0;
  std::string id;  // "" = null
  int value = 0;   // label: -1 = null
  auto operator<=>(const Row&) const = default;
};

// (t, id, value), as one batch. Predictions and labels have the same columns here.
Batch batch_of(const std::vector<Row>& rows) {
  Batch b;
  b.columns.resize(3);
  b.columns[0].type = ColumnType::time;
  b.columns[1].type = ColumnType::string;
  b.columns[2].type = ColumnType::number;
  for (const Row& r : rows) {
    b.columns[0].integers.push_back(r.t);
    b.columns[0].null.push_back(0);
    b.columns[1].codes.push_back(b.columns[1].dictionary.add(r.id));
    b.columns[1].null.push_back(r.id.empty());
    b.columns[2].numbers.push_back(r.value);
    b.columns[2].null.push_back(r.value < 0);
  }
  b.rows = b.received = rows.size();
  return b;
}

std::vector<std::uint32_t> all_of(const Batch& b) {
  std::vector<std::uint32_t> rows(b.rows);
  for (std::uint32_t i = 0; i < rows.size(); ++i) rows[i] = i;
  return rows;
}

LabelJoin::Shape shape_of(std::int64_t within, std::int64_t early, std::int64_t lateness) {
  LabelJoin::Shape s;
  s.predicted = s.actual = {ColumnType::time, ColumnType::string, ColumnType::number};
  s.predicted_key = s.actual_key = {1};
  s.within = {within};
  s.early = {early};
  s.lateness = {lateness};
  return s;
}

// Prediction, its label (t = INT64_MIN when none), delay of the first label, relabelled, leaked.
struct Standing {
  Row prediction, label;
  std::int64_t delay = 0;
  std::uint32_t relabelled = 0, leaked = 0;
  bool has_label = false;
  auto operator<=>(const Standing&) const = default;
};

Row row_at(const Batch& b, std::size_t first, std::size_t i) {
  Row r;
  r.t = b.columns[first].integers[i];
  r.id = b.columns[first + 1].null[i] ? "" : std::string(b.columns[first + 1].text(i));
  r.value = b.columns[first + 2].null[i] ? -1 : static_cast<int>(b.columns[first + 2].numbers[i]);
  return r;
}

Standing standing_at(const Batch& b, const JoinFacts& f, std::size_t i) {
  Standing s;
  s.prediction = row_at(b, 0, i);
  s.has_label = f.has_key && f.kind != JoinFacts::Kind::pending;
  if (s.has_label) s.label = row_at(b, 3, i);
  s.delay = f.delay_ns;
  s.relabelled = f.relabelled;
  s.leaked = f.leaked;
  return s;
}

// What has been emitted, net.
struct Emitted {
  std::multiset<Standing> standing;
  void take(const JoinChanges& c) {
    for (std::size_t i = 0; i < c.added.rows; ++i) standing.insert(standing_at(c.added, c.added_facts[i], i));
    for (std::size_t i = 0; i < c.removed.rows; ++i) {
      const auto found = standing.find(standing_at(c.removed, c.removed_facts[i], i));
      REQUIRE(found != standing.end());
      standing.erase(found);
    }
  }
};

// The table, told once more without any state: all rows of one key at a time.
struct Naive {
  std::multiset<Standing> standing;
  std::uint64_t predictions = 0, matched = 0, rescored = 0, relabelled = 0, unmet = 0, duplicates = 0, null_keys = 0;

  Naive(const std::vector<Row>& predicted, const std::vector<Row>& labels, const LabelJoin::Shape& shape) {
    std::map<std::string, std::pair<std::vector<Row>, std::vector<Row>>> keys;
    for (const Row& r : predicted) {
      if (r.id.empty()) {
        Standing s;
        s.prediction = r;
        standing.insert(s);
        ++null_keys;
        ++predictions;
      } else {
        keys[r.id].first.push_back(r);
      }
    }
    for (const Row& r : labels) {
      if (r.id.empty())
        ++null_keys;
      else
        keys[r.id].second.push_back(r);
    }
    for (auto& [id, rows] : keys) {
      auto& [p, l] = rows;
      std::sort(p.begin(), p.end());
      std::sort(l.begin(), l.end());
      const std::size_t before = l.size();
      l.erase(std::unique(l.begin(), l.end()), l.end());
      duplicates += before - l.size();
      std::vector<Standing> stand;
      for (const Row& r : p) {
        if (!stand.empty() && r.t <= stand.back().prediction.t + shape.within.ns + shape.early.ns) {
          ++rescored;
          continue;
        }
        Standing s;
        s.prediction = r;
        stand.push_back(s);
      }
      for (const Row& r : l) {
        bool is_met = false;
        for (Standing& s : stand) {
          if (r.t < s.prediction.t - shape.early.ns || r.t > s.prediction.t + shape.within.ns) continue;
          is_met = true;
          if (s.has_label) {
            ++s.relabelled;
            ++relabelled;
          } else {
            s.delay = std::max<std::int64_t>(0, r.t - s.prediction.t);
            s.has_label = true;
            ++matched;
          }
          s.label = r;  // ascending: the last is the greatest
        }
        if (is_met) continue;
        ++unmet;
        if (!stand.empty() && r.t < stand[0].prediction.t - shape.early.ns) ++stand[0].leaked;
      }
      predictions += stand.size();
      for (const Standing& s : stand) standing.insert(s);
    }
  }
};

// Without the counts of leaks, which a join may forget with the rows: what metrics are computed from.
std::multiset<Standing> pairs_only(std::multiset<Standing> standing) {
  std::multiset<Standing> out;
  for (Standing s : standing) {
    s.leaked = 0;
    out.insert(s);
  }
  return out;
}

struct Sequence {
  struct Batch {
    bool is_label = false;
    std::vector<Row> rows;
  };
  std::vector<Batch> batches;
  std::vector<Row> predictions, labels;
};

// Rows of each side within `lateness` of order, the sides anyhow: from labels long before to labels long after.
Sequence random_sequence(std::mt19937_64& rng, const LabelJoin::Shape& shape) {
  Sequence out;
  const auto pick = [&](std::int64_t lo, std::int64_t hi) {
    return std::uniform_int_distribution<std::int64_t>(lo, hi)(rng);
  };
  const int ids = static_cast<int>(pick(3, 40));
  const std::int64_t span = pick(50, 600);
  const auto some_id = [&] { return pick(0, 19) == 0 ? std::string() : "i" + std::to_string(pick(1, ids)); };
  for (std::int64_t i = pick(5, 60); i > 0; --i) {
    Row p{pick(0, span), some_id(), static_cast<int>(pick(0, 3))};
    out.predictions.push_back(p);
    if (pick(0, 9) == 0) out.predictions.push_back(p);
    for (std::int64_t j = pick(0, 3); j > 0; --j) {
      Row l{p.t + pick(-2 * shape.early.ns - 3, shape.within.ns + 8), pick(0, 9) == 0 ? some_id() : p.id,
            static_cast<int>(pick(-1, 2))};
      out.labels.push_back(l);
      if (pick(0, 9) == 0) out.labels.push_back(l);
    }
  }
  const auto disorder = [&](std::vector<Row>& rows) {
    std::vector<std::pair<std::int64_t, Row>> keyed;
    for (const Row& r : rows) keyed.emplace_back(r.t + pick(0, shape.lateness.ns), r);
    std::stable_sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = keyed[i].second;
  };
  disorder(out.predictions);
  disorder(out.labels);
  const std::int64_t lead = pick(0, 10);  // how readily the labels come first
  std::size_t p = 0, l = 0;
  while (p < out.predictions.size() || l < out.labels.size()) {
    const bool is_label = p == out.predictions.size() || (l < out.labels.size() && pick(0, 9) < lead);
    const std::vector<Row>& from = is_label ? out.labels : out.predictions;
    std::size_t& at = is_label ? l : p;
    Sequence::Batch b;
    b.is_label = is_label;
    for (std::int64_t n = pick(1, 6); n > 0 && at < from.size(); --n) b.rows.push_back(from[at++]);
    out.batches.push_back(std::move(b));
  }
  return out;
}

struct Run {
  explicit Run(LabelJoin::Shape shape) : join(std::move(shape)) {}
  LabelJoin join;
  Emitted emitted;
  std::vector<Row> predictions, labels;
  Instant predicted = far_past, actual = far_past;

  void feed(const Sequence::Batch& b) {
    JoinChanges changes = join.changes();
    const Batch batch = batch_of(b.rows);
    if (b.is_label)
      join.labels(batch, all_of(batch), changes);
    else
      join.predictions(batch, all_of(batch), changes);
    for (const Row& r : b.rows) {
      (b.is_label ? labels : predictions).push_back(r);
      Instant& mark = b.is_label ? actual : predicted;
      mark = std::max(mark, Instant{r.t});
    }
    join.watermarks(predicted, actual, changes);
    emitted.take(changes);
  }
  std::string bytes() const {
    ByteWriter out;
    join.write(out);
    return out.take();
  }
};

}  // namespace

TEST_CASE("packed rows come back to the same bits, and sort as their values do") {
  std::mt19937_64 rng(11);
  std::vector<Row> rows;
  const char* ids[] = {"a", "aa", "b", "", "ab"};
  for (int i = 0; i < 200; ++i)
    rows.push_back({static_cast<std::int64_t>(rng() % 7) - 3, ids[rng() % 5], static_cast<int>(rng() % 4) - 1});
  const Batch b = batch_of(rows);
  std::vector<std::string> packed(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) encode_row(b, i, packed[i]);
  Batch back = batch_of({});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    REQUIRE(decode_row(packed[i], back, 0, 3));
    CHECK(row_at(back, 0, i) == rows[i]);
    for (std::size_t j = 0; j < rows.size(); ++j) {
      // A null sorts first, as "" and -1 do here.
      CHECK((packed[i] < packed[j]) == (rows[i] < rows[j]));
    }
  }
  Column& numbers = back.columns[2];
  for (const double v : {-0.0, 0.0, -1e300, 1e-300, std::numeric_limits<double>::infinity()}) {
    Batch one = batch_of({{1, "x", 0}});
    one.columns[2].numbers[0] = v;
    std::string bytes;
    encode_row(one, 0, bytes);
    REQUIRE(decode_row(bytes, back, 0, 3));
    CHECK(std::bit_cast<std::uint64_t>(numbers.numbers.back()) == std::bit_cast<std::uint64_t>(v));
    CHECK_FALSE(decode_row(std::string_view(bytes).substr(0, bytes.size() - 1), one, 0, 3));
  }
}

TEST_CASE("after every batch a join has emitted what the table says of the rows so far") {
  std::mt19937_64 rng(20261121);
  std::size_t checked = 0, matched = 0, rescored = 0, leaked = 0, relabelled = 0;
  for (int round = 0; round < 3000; ++round) {
    INFO("round " << round << " of seed 20261121");
    const auto shape = shape_of(static_cast<std::int64_t>(rng() % 60), static_cast<std::int64_t>(rng() % 3) * 5,
                                static_cast<std::int64_t>(rng() % 20));
    const Sequence sequence = random_sequence(rng, shape);
    Run run(shape);
    for (const auto& b : sequence.batches) {
      run.feed(b);
      if (rng() % 4) continue;
      ++checked;
      const Naive naive(run.predictions, run.labels, shape);
      REQUIRE(pairs_only(run.emitted.standing) == pairs_only(naive.standing));
    }
    const Naive naive(run.predictions, run.labels, shape);
    REQUIRE(pairs_only(run.emitted.standing) == pairs_only(naive.standing));
    const JoinCounters& c = run.join.counters();
    CHECK(c.predictions == naive.predictions);
    CHECK(c.matched == naive.matched);
    CHECK(c.rescored == naive.rescored);
    CHECK(c.relabelled == naive.relabelled);
    CHECK(c.too_late == 0);
    CHECK(c.evicted == 0);
    // Once all time has passed, every row is somewhere and nothing is kept.
    JoinChanges last = run.join.changes();
    run.join.watermarks({100'000}, {100'000}, last);
    run.emitted.take(last);
    REQUIRE(pairs_only(run.emitted.standing) == pairs_only(naive.standing));
    CHECK(c.expired + c.matched + naive.null_keys >= naive.predictions);
    CHECK(run.join.pending() == 0);
    CHECK(run.join.held() == 0);
    std::uint64_t null_labels = 0, null_predictions = 0, blank = 0;
    for (const Row& r : sequence.labels) null_labels += r.id.empty();
    for (const Row& r : sequence.predictions) null_predictions += r.id.empty();
    CHECK(c.expired == c.predictions - c.matched - null_predictions);
    blank = c.no_key - null_labels - null_predictions;
    CHECK(c.labels == sequence.labels.size());
    CHECK(c.labels == c.matched + c.relabelled + c.orphan + c.leaked + c.duplicates + null_labels);
    CHECK(blank <= c.labels);
    matched += c.matched;
    rescored += c.rescored;
    leaked += c.leaked;
    relabelled += c.relabelled;
  }
  // The sequences do reach every line of the table.
  CHECK(checked > 5000);
  CHECK(matched > 20000);
  CHECK(rescored > 5000);
  CHECK(leaked > 500);
  CHECK(relabelled > 5000);
}

TEST_CASE("a join restored at any batch goes on as if nothing had happened") {
  std::mt19937_64 rng(77);
  for (int round = 0; round < 400; ++round) {
    INFO("round " << round << " of seed 77");
    auto shape = shape_of(static_cast<std::int64_t>(rng() % 60), static_cast<std::int64_t>(rng() % 2) * 5, 10);
    if (round % 3 == 0) shape.most_pending = 5;
    const Sequence sequence = random_sequence(rng, shape);
    Run straight(shape), first(shape);
    const std::size_t cut = rng() % (sequence.batches.size() + 1);
    for (std::size_t i = 0; i < sequence.batches.size(); ++i) {
      straight.feed(sequence.batches[i]);
      if (i < cut) first.feed(sequence.batches[i]);
    }
    Run second(shape);
    const std::string saved = first.bytes();
    ByteReader in(saved);
    REQUIRE(second.join.read(in));
    REQUIRE(in.at_end());
    CHECK(second.bytes() == saved);
    second.emitted = first.emitted;
    second.predicted = first.predicted;
    second.actual = first.actual;
    for (std::size_t i = cut; i < sequence.batches.size(); ++i) second.feed(sequence.batches[i]);
    CHECK(second.emitted.standing == straight.emitted.standing);
    CHECK(second.bytes() == straight.bytes());
    CHECK(second.join.counters() == straight.join.counters());
    for (std::size_t cut_at : {saved.size() / 2, saved.size() - 1}) {
      ByteReader damaged(std::string_view(saved).substr(0, cut_at));
      Run third(shape);
      CHECK_FALSE(third.join.read(damaged));
    }
  }
}

TEST_CASE("a full buffer lets the oldest go, counts it, and never changes what it let go") {
  std::mt19937_64 rng(5);
  for (int round = 0; round < 200; ++round) {
    INFO("round " << round << " of seed 5");
    auto shape = shape_of(1000, 0, 10);
    shape.most_pending = 1 + rng() % 8;
    const Sequence sequence = random_sequence(rng, shape);
    Run run(shape);
    std::vector<std::multiset<Standing>> settled;
    for (const auto& b : sequence.batches) {
      run.feed(b);
      CHECK(run.join.pending() <= shape.most_pending);
      CHECK(run.join.held() <= shape.most_pending);
      settled.emplace_back();
      for (const Standing& one : pairs_only(run.emitted.standing))
        if (Instant{one.prediction.t} < run.join.settled()) settled.back().insert(one);
    }
    const JoinCounters& c = run.join.counters();
    CHECK((c.evicted > 0) == (run.join.last_evicted() != far_past || c.orphan > 0));
    // What was settled at any batch is still there at the end.
    const auto last = pairs_only(run.emitted.standing);
    for (const auto& then : settled) CHECK(std::includes(last.begin(), last.end(), then.begin(), then.end()));
  }
}

TEST_CASE("a label that comes after everything was settled is too late and changes nothing") {
  Run run(shape_of(60, 0, 10));
  run.feed({false, {{0, "a", 1}, {200, "b", 1}}});
  run.feed({true, {{10, "a", 1}, {200, "x", 0}}});
  CHECK(run.join.settled() == Instant{130});
  const auto before = run.emitted.standing;
  run.feed({true, {{20, "a", 0}}});
  CHECK(run.emitted.standing == before);
  CHECK(run.join.counters().too_late + run.join.counters().orphan == 1);
  run.feed({false, {{5, "late", 1}}});
  CHECK(run.join.counters().too_late >= 1);
  CHECK(run.emitted.standing == before);
}

TEST_CASE("one key cannot fill the buffer") {
  Run run(shape_of(1'000'000, 0, 10));
  run.feed({false, {{0, "a", 1}}});
  std::vector<Row> labels;
  for (int i = 0; i < 5000; ++i) labels.push_back({i, "a", 1});
  run.feed({true, labels});
  CHECK(run.join.held() == 64);
  CHECK(run.join.counters().relabelled == 63);
  CHECK(run.join.counters().evicted == 5000 - 64);
}

TEST_CASE("a pending prediction of three columns takes less than 200 bytes") {
  Run run(shape_of(1'000'000'000, 0, 10));
  std::vector<Row> rows;
  for (int i = 0; i < 100'000; ++i) rows.push_back({i, "i" + std::to_string(i), 1});
  run.feed({false, rows});
  REQUIRE(run.join.pending() == 100'000);
  CHECK(run.join.memory_bytes() / 100'000 < 200);
}
