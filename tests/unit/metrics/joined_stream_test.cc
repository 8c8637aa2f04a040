// Joined streams through the engine: the vectors of the design page, and final windows held against the same metric of
// a plain stream that was given the joined rows at once: bit for bit, whatever came when.
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>

#include "engine_fixture.h"
#include "metrics/detectors/detector.h"
#include "metrics/join_stream.h"

using namespace engine_fixture;

namespace {

struct Prediction {
  double at;
  std::string id;  // "" = null
  double score;
  std::string host = "a";
};
struct Label {
  double at;
  std::string id;
  int y;  // -1 = null
};

StreamSpec predictions_stream() {
  StreamSpec s;
  s.name = "predictions";
  s.schema.columns = {{"ts", ColumnType::time, false},
                      {"id", ColumnType::string, true},
                      {"score", ColumnType::number, true},
                      {"host", ColumnType::category, true}};
  s.time = "ts";
  return s;
}

StreamSpec labels_stream() {
  StreamSpec s;
  s.name = "labels";
  s.schema.columns = {
      {"ts", ColumnType::time, false}, {"id", ColumnType::string, true}, {"y", ColumnType::integer, true}};
  s.time = "ts";
  return s;
}

JoinSpec join_spec(Duration within, double coverage = 0.75) {
  JoinSpec j;
  j.predictions = "predictions";
  j.labels = "labels";
  j.on = {"id"};
  j.within = within;
  j.coverage = coverage;
  return j;
}

Batch batch_of(const std::vector<Prediction>& rows) {
  Batch b = empty_batch(predictions_stream());
  for (const Prediction& r : rows) {
    b.columns[0].integers.push_back(at(r.at).ns);
    b.columns[1].codes.push_back(b.columns[1].dictionary.add(r.id));
    b.columns[2].numbers.push_back(r.score);
    b.columns[3].codes.push_back(b.columns[3].dictionary.add(r.host));
    for (std::size_t c = 0; c < 4; ++c) b.columns[c].null.push_back(c == 1 && r.id.empty());
  }
  b.rows = b.received = rows.size();
  return b;
}

Batch batch_of(const std::vector<Label>& rows) {
  Batch b = empty_batch(labels_stream());
  for (const Label& r : rows) {
    b.columns[0].integers.push_back(at(r.at).ns);
    b.columns[1].codes.push_back(b.columns[1].dictionary.add(r.id));
    b.columns[2].integers.push_back(r.y < 0 ? 0 : r.y);
    b.columns[0].null.push_back(0);
    b.columns[1].null.push_back(r.id.empty());
    b.columns[2].null.push_back(r.y < 0);
  }
  b.rows = b.received = rows.size();
  return b;
}

HandleSpec joined_metric(const std::string& name, const std::string& over, const std::string& step,
                         std::vector<std::string> columns = {}) {
  HandleSpec h = metric(name, over, std::move(columns));
  h.metric.stream = "predictions:join(labels)";
  h.metric.step = *parse_duration(step);
  h.metric.min_n = 1;
  return h;
}

struct Engine {
  std::unique_ptr<MetricEngine> metrics;
  std::vector<SeriesReading> out;

  Engine(std::vector<HandleSpec> handles, const JoinSpec& join) {
    std::vector<MetricEngine::Problem> problems;
    auto spec = joined_stream(join, predictions_stream(), labels_stream());
    REQUIRE(spec);
    auto made = MetricEngine::create({predictions_stream(), labels_stream(), *spec}, {}, std::move(handles), nullptr,
                                     &problems);
    for (const auto& p : problems) FAIL(p.text);
    metrics = std::move(*made);
  }
  void feed(const std::vector<Prediction>& rows) {
    metrics->feed("predictions", "p", batch_of(rows), at(100'000), false);
  }
  void feed(const std::vector<Label>& rows) { metrics->feed("labels", "l", batch_of(rows), at(100'000), false); }
  Reading read(HandleId id) { return metrics->read_one(id, {}, at(100'000)); }
};

std::vector<std::string> problems_of(std::vector<HandleSpec> handles, const JoinSpec& join) {
  std::vector<MetricEngine::Problem> problems;
  auto spec = joined_stream(join, predictions_stream(), labels_stream());
  if (!spec) return {spec.error().text};
  auto made =
      MetricEngine::create({predictions_stream(), labels_stream(), *spec}, {}, std::move(handles), nullptr, &problems);
  std::vector<std::string> out;
  for (const auto& p : problems) out.push_back(p.text);
  return out;
}

}  // namespace

TEST_CASE("the join vector: immature, then ok, then revised by a relabel") {
  Engine e({joined_metric("accuracy", "40s", "40s", {"score", "y"}), joined_metric("auc", "40s", "40s", {"score", "y"}),
            joined_metric("brier", "40s", "40s", {"score", "y"}), joined_metric("count", "40s", "40s")},
           join_spec(seconds(60)));
  e.feed(std::vector<Prediction>{{0, "1", .9}, {10, "2", .8}, {20, "3", .3}, {30, "4", .6}, {40, "end", .5}});
  CHECK(e.read(0).status == Status::immature);
  e.feed(std::vector<Label>{{5, "1", 1}, {25, "3", 0}, {12, "9", 1}, {5, "1", 1}, {8, "2", 1}});
  Reading r = e.read(0);
  CHECK(r.status == Status::immature);
  CHECK(r.from == at(0));
  CHECK(r.to == at(40));
  CHECK(r.coverage == 0.5);
  CHECK(r.pending == 2);
  CHECK(r.n == 2);
  CHECK(r.value == 1.0);
  CHECK(r.leaked == 1);
  CHECK(*e.read(2).value == Approx(.05).epsilon(1e-12));
  CHECK(r.reason == "labels of 2 of 4 predictions are here, 75 % asked");

  e.feed(std::vector<Label>{{35, "4", 0}});
  r = e.read(0);
  CHECK(r.status == Status::ok);
  CHECK(r.coverage == 0.75);
  CHECK(r.n == 3);
  CHECK(*r.value == Approx(2.0 / 3).epsilon(1e-12));
  CHECK(r.revision == 0);
  CHECK(e.read(1).value == 1.0);
  CHECK(*e.read(2).value == Approx(.1533333333).epsilon(1e-9));
  CHECK(e.read(3).value == 3.0);

  e.feed(std::vector<Label>{{50, "1", 0}});
  r = e.read(0);
  CHECK(*r.value == Approx(1.0 / 3).epsilon(1e-12));
  CHECK(r.revision == 1);
  CHECK(r.relabelled == 1);
  CHECK_FALSE(r.is_final);
  CHECK(e.read(1).status == Status::undefined);
  CHECK(*e.read(2).value == Approx(.42).epsilon(1e-12));

  // All labels have had their time: 40 + 60 + the metric's lateness of 60.
  e.feed(std::vector<Prediction>{{160, "last", .5}});
  e.feed(std::vector<Label>{{159, "none", 0}});
  r = e.metrics->read_at(0, {}, at(40), at(100'000));
  CHECK_FALSE(r.is_final);
  e.feed(std::vector<Label>{{160, "none", 0}});
  r = e.metrics->read_at(0, {}, at(40), at(100'000));
  CHECK(r.is_final);
  CHECK(*r.value == Approx(1.0 / 3).epsilon(1e-12));
}

TEST_CASE("the mature window ends where coverage still holds, and never moves back") {
  Engine e({joined_metric("count", "20s", "10s")}, join_spec(seconds(1000)));
  std::vector<Prediction> predictions;
  std::vector<Label> labels;
  const int labelled[] = {4, 4, 2, 0};
  for (int pane = 0; pane < 4; ++pane)
    for (int i = 0; i < 4; ++i) {
      const std::string id = std::to_string(pane) + "." + std::to_string(i);
      predictions.push_back({pane * 10.0 + i, id, .5});
      if (i < labelled[pane]) labels.push_back({pane * 10.0 + i, id, 1});
    }
  predictions.push_back({40, "end", .5});
  e.feed(predictions);
  e.feed(labels);
  Reading r = e.read(0);
  CHECK(r.to == at(30));
  CHECK(r.status == Status::ok);
  CHECK(r.coverage == 0.75);
  CHECK(r.value == 6.0);
  // More predictions of the same panes: coverage falls, the window stays and says so.
  e.feed(std::vector<Prediction>{{25, "x", .5}, {26, "y", .5}});
  r = e.read(0);
  CHECK(r.to == at(30));
  CHECK(r.status == Status::immature);
  e.feed(
      std::vector<Label>{{30, "3.0", 1}, {31, "3.1", 1}, {32, "3.2", 1}, {33, "3.3", 1}, {30, "x", 1}, {30, "y", 1}});
  r = e.read(0);
  CHECK(r.to == at(40));
  CHECK(r.status == Status::ok);
}

TEST_CASE("coverage that stays short once labels have had their time is insufficient, and final") {
  Engine e({joined_metric("count", "40s", "40s")}, join_spec(seconds(60)));
  e.feed(std::vector<Prediction>{{0, "1", .9}, {10, "2", .8}, {20, "3", .3}, {30, "4", .6}});
  e.feed(std::vector<Label>{{5, "1", 1}});
  e.feed(std::vector<Prediction>{{161, "end", .5}});
  e.feed(std::vector<Label>{{161, "none", 1}});
  const Reading r = e.read(0);
  CHECK(r.to == at(40));
  CHECK(r.status == Status::insufficient);
  CHECK(r.is_final);
  CHECK(r.value == 1.0);
  CHECK(r.reason == "only 1 of 4 predictions ever got a label, 75 % asked");
}

TEST_CASE("a null key and a null actual are nulls, and covered") {
  Engine e({joined_metric("accuracy", "40s", "40s", {"score", "y"})}, join_spec(seconds(60)));
  e.feed(std::vector<Prediction>{{0, "", .9}, {10, "2", .8}, {20, "3", .3}, {30, "4", .3}, {40, "end", .5}});
  e.feed(std::vector<Label>{{15, "2", -1}, {25, "3", 0}, {26, "", 1}});
  const Reading r = e.read(0);
  CHECK(r.coverage == 0.75);
  CHECK(r.status == Status::ok);
  CHECK(r.n == 1);
  CHECK(r.nulls == 2);
  CHECK(r.value == 1.0);
}

TEST_CASE("coverage() and label_delay() count what waits") {
  HandleSpec median = joined_metric("label_delay", "40s", "40s"), late = median;
  late.metric.q = 0.9;
  HandleSpec by_score = joined_metric("coverage", "40s", "40s", {"score"});
  Engine e({joined_metric("coverage", "40s", "40s"), median, late, by_score}, join_spec(seconds(1000)));
  // Delays 1 2 2* 3 5 6 6* 8* 8* 8*, * = still waiting: ages are made by the labels' watermark of 38 s.
  const double delay[] = {1, 2, 3, 5, 6};
  std::vector<Prediction> predictions;
  std::vector<Label> labels;
  for (int i = 0; i < 5; ++i) {
    predictions.push_back({10.0 + i, "k" + std::to_string(i), .05});
    labels.push_back({10.0 + i + delay[i], "k" + std::to_string(i), 1});
  }
  const double age[] = {2, 6, 8, 8, 8};
  for (int i = 0; i < 5; ++i) predictions.push_back({38 - age[i], "c" + std::to_string(i), i == 0 ? .05 : .95});
  predictions.push_back({40, "end", .5});
  labels.push_back({38, "nobody", 1});
  e.feed(predictions);
  e.feed(labels);
  CHECK(e.read(0).value == 0.5);
  CHECK(e.read(0).status == Status::ok);
  CHECK(e.read(1).value == 6.0);
  CHECK(e.read(2).status == Status::immature);
  CHECK(e.read(2).low == 8.0);
  const Reading r = e.read(3);
  REQUIRE(r.bins.size() == 2);
  CHECK(r.bins[0].n == 6);
  CHECK(r.bins[0].positive == Approx(5.0 / 6));
  CHECK(r.bins[1].positive == 0.0);
}

TEST_CASE("the part of where that reads predictions is what coverage is counted on") {
  const auto spec = joined_stream(join_spec(seconds(60)), predictions_stream(), labels_stream());
  const auto part = [&](const char* where) { return prediction_part(where, *spec, 4); };
  CHECK(part("score > 0.5 and y == 1") == "(score > 0.5 )");
  CHECK(part("y == 1 and (score > 0.5 or host == 'a') and host ~= 'b'") ==
        "( (score > 0.5 or host == 'a') ) and ( host ~= 'b')");
  CHECK(part("score > 0.5 or y == 1") == "");
  CHECK(part("score > 0.5 or host == 'and'") == "(score > 0.5 or host == 'and')");
  CHECK(part("y == 1") == "");

  HandleSpec h = joined_metric("count", "40s", "40s");
  h.metric.where = "host == 'a' and y == 1";
  Engine e({h}, join_spec(seconds(60)));
  e.feed(std::vector<Prediction>{{0, "1", .9}, {10, "2", .8}, {20, "3", .3, "b"}, {30, "4", .6, "b"}, {40, "end", .5}});
  e.feed(std::vector<Label>{{5, "1", 1}, {12, "2", 0}});
  const Reading r = e.read(0);
  CHECK(r.coverage == 1.0);
  CHECK(r.status == Status::ok);
  CHECK(r.value == 1.0);
}

TEST_CASE("windows over label time hold the labels of the window and are read once both sides are past it") {
  JoinSpec join = join_spec(seconds(60));
  join.is_over_label_time = true;
  HandleSpec h = joined_metric("count", "40s", "40s");
  h.metric.lateness = seconds(0);
  Engine e({h}, join);
  e.feed(std::vector<Prediction>{{0, "1", .9}, {10, "2", .8}, {39, "3", .3}});
  e.feed(std::vector<Label>{{0, "1", 1}, {45, "2", 1}, {41, "3", 1}});
  CHECK(e.read(0).status == Status::immature);
  e.feed(std::vector<Prediction>{{40, "4", .3}});
  Reading r = e.read(0);
  CHECK(r.status == Status::ok);
  CHECK(r.value == 1.0);
  e.feed(std::vector<Prediction>{{80, "5", .3}});
  e.feed(std::vector<Label>{{60, "1", 1}, {80, "x", 1}});  // the first label's pair moves to the next window
  CHECK(e.metrics->read_at(0, {}, at(40), at(100'000)).value == 0.0);
  CHECK(e.read(0).value == 3.0);
}

TEST_CASE("joins that cannot be say what was expected") {
  const auto first = [](std::vector<HandleSpec> handles, const JoinSpec& join) {
    const auto all = problems_of(std::move(handles), join);
    return all.empty() ? std::string() : all[0];
  };
  JoinSpec join = join_spec(seconds(60));
  join.on = {"idd"};
  CHECK(first({}, join) ==
        "predictions:join(labels): on: stream \"predictions\" has no column \"idd\" (did you mean \"id\"?)");
  join.on = {"ts", "id"};
  CHECK(first({}, join).empty());
  join.on = {"host"};
  CHECK(first({}, join).find("stream \"labels\" has no column \"host\"") != std::string::npos);
  CHECK(first({}, join_spec(seconds(0))).find("within = \"2 days\"") != std::string::npos);
  CHECK(first({}, join_spec(seconds(60), 1.5)).find("coverage from 0 to 1, got 1.5") != std::string::npos);
  HandleSpec rows = joined_metric("count", "10 rows", "0s");
  CHECK(first({rows}, join_spec(seconds(60))).find("windows of time") != std::string::npos);
  HandleSpec open = joined_metric("count", "1m", "0s");
  open.metric.read = ReadMode::open;
  CHECK(first({open}, join_spec(seconds(60))).find("\"mature\" or \"latest\"") != std::string::npos);
  HandleSpec plain = metric("label_delay", "1m");
  plain.metric.stream = "predictions";
  CHECK(first({plain}, join_spec(seconds(60))).find("is of a joined stream") != std::string::npos);
}

TEST_CASE("final windows of a join are bit for bit those of the joined rows, whatever came when") {
  constexpr std::uint64_t seed = 42;
  std::mt19937_64 rng(seed);
  std::size_t compared = 0, compared_with_past = 0, revised = 0, restarts = 0;
  for (int round = 0; round < 60; ++round) {
    INFO("round " << round << " of seed " << seed);
    const auto pick = [&](std::int64_t lo, std::int64_t hi) {
      return std::uniform_int_distribution<std::int64_t>(lo, hi)(rng);
    };
    std::vector<HandleSpec> handles = {
        joined_metric("auc", "60s", "10s", {"score", "y"}), joined_metric("mae", "60s", "10s", {"score", "y"}),
        joined_metric("directional_hit_rate", "60s", "10s", {"score", "y"}),
        joined_metric("p50", "60s", "10s", {"score"}), joined_metric("count", "60s", "10s")};
    handles.push_back(joined_metric("mean", "60s", "10s", {"score"}));
    handles.back().metric.where = "host == 'a' and y == 1";
    // Compared with the pairs before, which move as well when a label is corrected.
    for (const char* name : {"psi", "ks"}) {
      handles.push_back(joined_metric(name, "20s", "10s", {name == std::string("ks") ? "score" : "y"}));
      handles.back().metric.trailing.span = seconds(90);
      handles.back().metric.trailing.rebin = seconds(60);
      handles.push_back(handles.back());
      handles.back().metric.trailing = {};
      handles.back().metric.trailing.period = seconds(30);
      handles.back().metric.trailing.periods = 6;
      handles.back().metric.trailing.rebin = seconds(50);
    }
    handles.push_back(joined_metric("drifted_columns", "20s", "10s", {"score", "host", "y"}));
    handles.back().metric.trailing.span = seconds(120);
    handles.push_back(joined_metric("psi", "20s", "10s", {"score"}));
    handles.back().metric.where = "y == 1";  // pairs come and go, the first among them
    handles.back().metric.trailing.span = seconds(120);
    for (HandleSpec& h : handles) h.metric.lateness = seconds(20);
    const JoinSpec join = join_spec(seconds(50), round % 2 ? 0.0 : 0.6);

    std::vector<Prediction> predictions;
    std::vector<Label> labels;
    for (int i = 0; i < 150; ++i) {
      const double t = static_cast<double>(pick(0, 300));
      const std::string id = pick(0, 30) ? "i" + std::to_string(pick(0, 120)) : "";
      predictions.push_back({t, id, static_cast<double>(pick(0, 100)) / 100, pick(0, 1) ? "a" : "b"});
      for (std::int64_t j = pick(0, 2); j > 0; --j)
        labels.push_back({t + static_cast<double>(pick(-3, 55)), id, static_cast<int>(pick(-1, 8) % 2)});
    }
    const auto disorder = [&](auto& rows) {
      std::vector<std::pair<double, std::size_t>> order;
      for (std::size_t i = 0; i < rows.size(); ++i)
        order.emplace_back(rows[i].at + static_cast<double>(pick(0, 20)), i);
      std::stable_sort(order.begin(), order.end());
      auto out = rows;
      for (std::size_t i = 0; i < rows.size(); ++i) out[i] = rows[order[i].second];
      rows = std::move(out);
    };
    disorder(predictions);
    disorder(labels);
    for (double t = 325; t < 460; t += 5) {  // time goes on
      predictions.push_back({t, "end", .5});
      labels.push_back({t, "nobody", 1});
    }

    auto engine = std::make_unique<Engine>(handles, join);
    std::map<std::pair<HandleId, std::int64_t>, Reading> finals;
    std::size_t p = 0, l = 0;
    double predicted = -1e9, labelled = -1e9;
    const std::int64_t lead = pick(0, 10);
    while (p < predictions.size() || l < labels.size()) {
      if (p == predictions.size() || (l < labels.size() && pick(0, 9) < lead)) {
        const std::size_t to = std::min<std::size_t>(labels.size(), l + static_cast<std::size_t>(pick(1, 9)));
        engine->feed(std::vector<Label>(labels.begin() + static_cast<std::ptrdiff_t>(l),
                                        labels.begin() + static_cast<std::ptrdiff_t>(to)));
        for (; l < to; ++l) labelled = std::max(labelled, labels[l].at);
      } else {
        const std::size_t to = std::min<std::size_t>(predictions.size(), p + static_cast<std::size_t>(pick(1, 9)));
        engine->feed(std::vector<Prediction>(predictions.begin() + static_cast<std::ptrdiff_t>(p),
                                             predictions.begin() + static_cast<std::ptrdiff_t>(to)));
        for (; p < to; ++p) predicted = std::max(predicted, predictions[p].at);
      }
      if (pick(0, 19) == 0) {  // a restart in the middle
        ByteWriter out;
        engine->metrics->save(out);
        auto next = std::make_unique<Engine>(handles, join);
        ByteReader in(out.bytes());
        REQUIRE(next->metrics->restore(in));
        REQUIRE(in.at_end());
        engine = std::move(next);
        ++restarts;
      }
      for (HandleId id = 0; id < handles.size(); ++id) {
        const Reading r = engine->read(id);
        if (r.is_final) finals.insert_or_assign({id, r.to.ns}, r);
        if (r.revision > 0) ++revised;
        for (std::int64_t end = 60; end <= 360; end += 50) {
          // Later the ring may have let go of it.
          if (std::min(predicted, labelled - 50) > static_cast<double>(end) + 30) continue;
          const Reading then = engine->metrics->read_at(id, {}, at(static_cast<double>(end)), at(100'000));
          if (then.is_final && then.to == at(static_cast<double>(end))) finals.insert_or_assign({id, then.to.ns}, then);
        }
      }
    }

    // The joined rows, by hand: least prediction of an id within reach of the last that stood, greatest label.
    struct Pair {
      Prediction p;
      Label l;
    };
    std::vector<Pair> pairs;
    std::map<std::string, std::vector<Prediction>> by_id;
    for (const Prediction& one : predictions)
      if (!one.id.empty()) by_id[one.id].push_back(one);
    for (auto& [id, list] : by_id) {
      std::sort(list.begin(), list.end(), [](const Prediction& a, const Prediction& b) {
        return std::tie(a.at, a.score, a.host) < std::tie(b.at, b.score, b.host);
      });
      double last = -1e9;
      for (const Prediction& one : list) {
        if (one.at - last <= 50) continue;
        last = one.at;
        const Label* best = nullptr;
        for (const Label& label : labels) {
          if (label.id != id || label.at < one.at || label.at > one.at + 50) continue;
          if (!best || std::tie(label.at, label.y) > std::tie(best->at, best->y)) best = &label;
        }
        if (best && best->y >= 0) pairs.push_back({one, *best});
      }
    }
    StreamSpec plain;
    plain.name = "plain";
    plain.schema.columns = {{"ts", ColumnType::time, false},
                            {"id", ColumnType::string, true},
                            {"score", ColumnType::number, true},
                            {"host", ColumnType::category, true},
                            {"y", ColumnType::integer, true}};
    plain.time = "ts";
    plain.key = "id";
    std::vector<HandleSpec> plain_handles = handles;
    for (HandleSpec& h : plain_handles) h.metric.stream = "plain";
    std::map<std::int64_t, std::unique_ptr<MetricEngine>> oracle;
    for (const auto& [key, seen] : finals) {
      const auto& [id, to] = key;
      auto& engine_at = oracle[to];
      if (!engine_at) {
        engine_at = engine_of(plain_handles, plain);
        Batch b = empty_batch(plain);
        const auto add = [&](double t, const std::string& row_id, double score, const std::string& host, int y) {
          b.columns[0].integers.push_back(at(t).ns);
          b.columns[1].codes.push_back(b.columns[1].dictionary.add(row_id));
          b.columns[2].numbers.push_back(score);
          b.columns[3].codes.push_back(b.columns[3].dictionary.add(host));
          b.columns[4].integers.push_back(y);
          for (Column& c : b.columns) c.null.push_back(0);
          ++b.rows;
        };
        for (const Pair& pair : pairs)
          if (at(pair.p.at) < seen.to) add(pair.p.at, pair.p.id, pair.p.score, pair.p.host, pair.l.y);
        add(static_cast<double>(to) / 1e9, "zzz", 0, "b", 0);
        engine_at->feed("plain", "s", b, at(100'000), false);
      }
      const Reading wanted = engine_at->read_one(id, {}, at(100'000));
      const bool has_past = handles[id].metric.trailing.is_set();
      compared_with_past += has_past && seen.status == Status::ok;
      INFO(handles[id].metric.metric << " at " << to / 1'000'000'000);
      REQUIRE(wanted.to == seen.to);
      CHECK(seen.n == wanted.n);
      CHECK(seen.baseline_n == wanted.baseline_n);
      if (has_past && wanted.n > 0) {
        CHECK(seen.text == wanted.text);
        CHECK(seen.p_value == wanted.p_value);
        if (wanted.status == Status::insufficient) CHECK(seen.status == Status::insufficient);
      }
      // No pair at all: a count is 0 here, where predictions are rows of the stream, and no_data there.
      if (seen.value && wanted.status != Status::no_data) CHECK(seen.value == wanted.value);
      if (wanted.status == Status::ok && join.coverage == 0) CHECK(seen.status == Status::ok);
      if (wanted.status == Status::undefined) CHECK(seen.status != Status::ok);
      ++compared;
    }
  }
  CHECK(compared > 2000);
  CHECK(compared_with_past > 400);
  CHECK(revised > 500);
  CHECK(restarts > 100);
}

TEST_CASE("a detector on a joined stream learns each window with its labels, over restarts too") {
  const unsigned seed = GENERATE(51u, 52u, 53u);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  HandleSpec odd = combination(HandleSpec::Op::detector, {0});
  odd.detector.decay = 0.1;
  odd.detector.warm = 5;
  const auto make = [&] {
    return Engine({joined_metric("brier", "20s", "10s", {"score", "y"}), odd}, join_spec(seconds(60)));
  };
  struct Event {
    double at;
    int id;
    bool is_label;
  };
  std::vector<Event> events;
  std::vector<double> scores, outcomes;
  for (int i = 0; i < 120; ++i) {
    scores.push_back(static_cast<double>(random() % 100) / 100);
    outcomes.push_back(random() % 2);
    events.push_back({i * 5.0, i, false});
    events.push_back({i * 5.0 + static_cast<double>(random() % 55), i, true});
  }
  std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.at < b.at; });
  Engine whole = make(), broken = make();
  std::size_t scored = 0;
  for (const Event& e : events) {
    const std::string id = std::to_string(e.id);
    const auto k = static_cast<std::size_t>(e.id);
    for (Engine* engine : {&whole, &broken}) {
      if (e.is_label)
        engine->feed(std::vector<Label>{{e.at, id, static_cast<int>(outcomes[k])}});
      else
        engine->feed(std::vector<Prediction>{{e.at, id, scores[k]}});
    }
    if (random() % 5 == 0) {
      ByteWriter out;
      broken.metrics->save(out);
      broken = make();
      ByteReader in(out.bytes());
      REQUIRE(broken.metrics->restore(in));
    }
    if (random() % 2) continue;
    const Reading now = whole.read(1);
    REQUIRE(bits(now) == bits(broken.read(1)));
    scored += now.status == Status::ok;
  }
  CHECK(scored > 30);
  for (Engine* engine : {&whole, &broken}) {
    engine->feed(std::vector<Prediction>{{735, "late", 0.5}});
    engine->feed(std::vector<Label>{{735, "nobody", 1}});
  }
  auto plain = make_detector(odd.detector);
  Detection last;
  for (int end = 10; end <= 610; end += 10) {
    double sum = 0, n = 0;
    for (int i = 0; i < 120; ++i)
      if (i * 5 >= end - 20 && i * 5 < end) sum += (scores[i] - outcomes[i]) * (scores[i] - outcomes[i]), ++n;
    last = (*plain)->add(sum / n, at(end));
  }
  for (Engine* engine : {&whole, &broken}) {
    const Reading r = engine->metrics->read_at(1, {}, at(610), at(100'000));
    REQUIRE(r.status == Status::ok);
    CHECK(r.is_final);
    CHECK(*r.value == Approx(*last.score).epsilon(1e-9));
  }
}
