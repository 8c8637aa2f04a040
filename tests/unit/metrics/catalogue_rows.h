// Every metric of the catalogue that has a family, with the options that change its state or its reading: the property
// tests run over these, so a metric added to the catalogue is tested before anybody writes a test for it.
#pragma once

#include <algorithm>
#include <limits>
#include <random>

#include "family_rows.h"

namespace tidewatch::rows {

// Columns: x (any double, spikes, nulls), p (a score), f (a forecast of x), y (0 or 1), c (a category), k (a class).
inline std::vector<MetricSpec> catalogue_specs() {
  std::vector<MetricSpec> out;
  const auto with = [&](MetricSpec spec, auto change) {
    change(spec);
    out.push_back(std::move(spec));
  };
  for (const MetricInfo& info : metric_catalogue()) {
    MetricSpec spec = metric(std::string(info.name), {});
    const std::string& name = spec.metric;
    const bool is_forecast = info.columns_max == 2 && (info.text.find("actual|") != std::string_view::npos ||
                                                       info.example.find("\"predicted\"") != std::string_view::npos);
    if (info.columns_max == 1) spec.columns = {name == "new_values" ? "c" : "x"};
    if (info.columns_max == 2) spec.columns = {is_forecast ? "f" : "p", is_forecast ? "x" : "y"};
    if (info.columns_max == many_columns) spec.columns = {"x", "c", "p"};
    if (name == "importance_shift") spec.columns = {"c", "p"};
    if (info.columns_max == -1) spec.expression = "p > 0.5";
    if (info.needs_against) spec.against = "train";
    if (info.needs_over) spec.window = *parse_window(name == "percentile_rank" ? "20 rows" : "10m");
    if (name == "job_success") {
      spec.schedule = "every 1m";
      spec.within = seconds(40);
    }
    if (name == "compare") {
      spec.side = "c";
      spec.control = "a";
      spec.candidate = "b";
      spec.least = 0.02;
    }
    spec.min_n = 1;
    out.push_back(spec);
    if (name == "compare")
      with(spec, [](MetricSpec& s) { s.expression = "x", s.worse = "higher", s.step = seconds(20); });
    if (name == "psi" || name == "chi2") {
      with(spec, [](MetricSpec& s) { s.columns = {"c"}; });
      with(spec, [](MetricSpec& s) { s.bins = "equal_width 7"; });
      with(spec, [](MetricSpec& s) { s.bins = "0.5,40,60", s.nulls_bin = true; });
      with(spec, [](MetricSpec& s) { s.point_masses = false, s.smoothing_floor = true; });
    }
    if (name == "psi" || name == "ks" || name == "drifted_columns") {
      const auto past = [](MetricSpec& s) {
        s.against.clear(), s.trailing.span = minutes(2), s.trailing.rebin = minutes(3);
      };
      const auto seasons = [](MetricSpec& s) {
        s.against.clear(), s.trailing.period = minutes(10), s.trailing.periods = 5, s.trailing.rebin = minutes(20);
      };
      with(spec, past);
      with(spec, seasons);
      if (name == "psi") with(spec, [&](MetricSpec& s) { past(s), s.columns = {"c"}, s.nulls_bin = true; });
    }
    if (name == "distinct" || name == "duplicates" || name == "changed" || name == "last" || name == "null_rate")
      with(spec, [](MetricSpec& s) { s.columns = {"c"}; });
    if (name == "correlation") with(spec, [](MetricSpec& s) { s.method = "spearman"; });
    if (name == "wasserstein") with(spec, [](MetricSpec& s) { s.scaled = true; });
    if (name == "quantile") with(spec, [](MetricSpec& s) { s.exact = true, s.q = 0.99; });
    if (name == "time_share") with(spec, [](MetricSpec& s) { s.holds = seconds(2); });
    if (name == "accuracy" || name == "confusion") with(spec, [](MetricSpec& s) { s.columns = {"k", "c"}; });
    if (name == "precision" || name == "decision_cost")
      with(spec, [](MetricSpec& s) { s.columns = {"k", "c"}, s.positive = "b"; });
    for (const char* each :
         {"psi", "chi2", "mean", "mae", "rmse", "brier", "log_loss", "auc", "share", "p90", "new_values"})
      if (name == each) with(spec, [](MetricSpec& s) { s.is_calibrated = true; });
    if (name == "ece") with(spec, [](MetricSpec& s) { s.bins = "5"; });
  }
  StreamSpec stream;
  std::vector<MetricSpec> with_family;
  for (MetricSpec& spec : out)
    if (spec.metric != "coverage" && spec.metric != "label_delay" &&
        spec.metric != "leakage" &&  // see joined_stream_test.cc
        spec.metric != "freshness" && spec.metric != "arrival_age" && spec.metric != "ingested" &&
        spec.metric.rfind("schema_", 0) != 0)
      with_family.push_back(std::move(spec));
  return with_family;
}

inline Table random_table(std::mt19937& random, std::size_t count) {
  std::vector<double> x, p, f;
  std::vector<std::int64_t> y;
  std::vector<std::string> c, k;
  std::vector<std::uint8_t> null, none;
  const double inf = std::numeric_limits<double>::infinity();
  const double odd[] = {std::nan(""), inf, -inf, 1e16, -1e16, 1e300, 5e-324, 0.0, -0.0, 7.25, 7.25, 7.25};
  const bool is_plain = random() % 4 == 0, has_ties = random() % 3 == 0, is_one_class = random() % 6 == 0;
  const std::size_t letters = random() % 5 == 0 ? 900 : 6;
  for (std::size_t i = 0; i < count; ++i) {
    const double value = has_ties ? static_cast<double>(random() % 9) : std::normal_distribution<>(50, 20)(random);
    x.push_back(is_plain || random() % 8 ? value : odd[random() % 12]);
    p.push_back(static_cast<double>(random() % 101) / 100);
    f.push_back(x.back() + static_cast<double>(random() % 10));
    y.push_back(is_one_class ? 0 : static_cast<std::int64_t>(random() % 2));
    const auto word = [&] {
      const auto letter = random() % letters;
      return std::string(1, static_cast<char>('a' + letter % 6)) + (letter < 6 ? "" : std::to_string(letter));
    };
    c.push_back(word());
    k.push_back(random() % 2 ? c.back() : word());
    null.push_back(!is_plain && random() % 9 == 0);
    none.push_back(0);
  }
  Table table;
  table.numbers("x", x, null).numbers("p", p).numbers("f", f).integers("y", y).texts("c", c, null).texts("k", k, none);
  return table;
}

inline Table reference_table() {
  std::vector<double> x, p;
  std::vector<std::int64_t> y;
  std::vector<std::string> c;
  for (int i = 0; i < 200; ++i) {
    x.push_back(i % 5 ? i * 0.5 : 7.25);
    p.push_back(i % 11 / 10.0);
    y.push_back(i % 2);
    c.push_back(std::string(1, static_cast<char>('a' + i % 7)));
  }
  Table table;
  table.numbers("x", x).numbers("p", p).numbers("f", x).integers("y", y).texts("c", c).texts("k", c);
  return table;
}

}  // namespace tidewatch::rows
