// The only list of families: which one a metric reads, its columns checked, and the key under which rings share its
// state. A metric the window frame answers itself (freshness, schema facts) has no family and says so.
#include <array>

#include "base/text.h"
#include "metrics/families/family_of.h"
#include "metrics/metric_engine.h"

namespace tidewatch {
namespace {

enum class Wants { nothing, number, any };  // of its columns

struct FamilyRow {
  std::string_view metrics;  // space separated
  std::string_view name;
  FamilyMade (*make)(const FamilyInput&);
  Wants wants;
};

constexpr FamilyRow family_rows[] = {
    {"count rate", "counts", make_counts, Wants::nothing},
    {"share", "share", make_share, Wants::nothing},
    {"sum mean min max", "sum", make_sum, Wants::number},
    {"standard_deviation", "moments", make_moments, Wants::number},
    {"p50 p75 p90 p95 p99 quantile", "quantiles", make_quantiles, Wants::number},
    {"null_rate", "null_rate", make_null_rate, Wants::any},
    {"psi kl js hellinger total_variation l_infinity chi2", "drift", make_drift, Wants::any},
    {"ks wasserstein", "samples", make_sample_drift, Wants::number},
    {"drifted_columns", "drifted_columns", make_drifted_columns, Wants::any},
    {"out_of_range", "out_of_range", make_out_of_range, Wants::number},
    {"new_values", "new_values", make_new_values, Wants::any},
    {"distinct", "distinct", make_distinct, Wants::any},
    {"duplicates", "duplicates", make_duplicates, Wants::any},
    {"changed", "changed", make_changed, Wants::any},
    {"importance_shift", "importance_shift", make_importance_shift, Wants::any},
    {"mae rmse bias r2 max_error", "regression", make_regression, Wants::number},
    {"mape", "mape", make_relative_error, Wants::number},
    {"wape", "wape", make_relative_error, Wants::number},
    {"directional_hit_rate", "hit_rate", make_hit_rate, Wants::number},
    {"calibration ece mce", "calibration", make_calibration, Wants::any},
    {"brier", "brier", make_score_loss, Wants::any},
    {"log_loss", "log_loss", make_score_loss, Wants::any},
    {"accuracy precision recall f1 false_positive_rate false_negative_rate decision_cost", "classification",
     make_classification, Wants::any},
    {"confusion", "confusion", make_confusion, Wants::any},
    {"auc average_precision", "auc", make_auc, Wants::any},
    {"estimated_accuracy estimated_precision estimated_recall estimated_f1", "expected_counts", make_estimate,
     Wants::any},
    {"estimated_auc", "expected_rank", make_estimate, Wants::any},
    {"increase", "increase", make_increase, Wants::number},
    {"time_share", "time_share", make_time_share, Wants::nothing},
    {"compare", "compare", make_compare, Wants::nothing},
    {"job_success", "job_success", make_job_success, Wants::nothing},
    {"correlation", "correlation", make_correlation, Wants::number},
    {"percentile_rank", "percentile_rank", make_percentile_rank, Wants::number},
    {"last", "last", make_last, Wants::any},
    {"leakage", "leakage", make_leakage, Wants::any},
};

const FamilyRow* row_of(const MetricSpec& spec) {
  // A rule that asks what chance does needs the spread of the rows beside their mean.
  std::string_view metric = spec.metric;
  if (metric == "mean" && spec.is_calibrated) metric = "standard_deviation";
  // In a window that moves on by a row, who is least when the least one goes must be known.
  const bool is_rows = spec.window.kind == WindowSpec::Kind::rows && !spec.at_baseline;
  if (is_rows && (metric == "min" || metric == "max")) metric = "quantile";
  for (const FamilyRow& row : family_rows) {
    std::string_view rest = row.metrics;
    while (!rest.empty()) {
      const std::size_t space = std::min(rest.find(' '), rest.size());
      if (rest.substr(0, space) == metric) return &row;
      rest.remove_prefix(std::min(space + 1, rest.size()));
    }
  }
  return nullptr;
}

bool is_number_type(ColumnType type) {
  return type == ColumnType::number || type == ColumnType::integer || type == ColumnType::boolean;
}

// accuracy("direction") on a joined stream compares predicted.direction with actual.direction.
std::vector<std::string> columns_of(const MetricSpec& spec, const StreamSpec& stream, int most) {
  if (most == 2 && spec.columns.size() == 1) {
    const std::string predicted = "predicted." + spec.columns[0], actual = "actual." + spec.columns[0];
    if (stream.schema.find(predicted) && stream.schema.find(actual)) return {predicted, actual};
  }
  return spec.columns;
}

}  // namespace

std::string family_key(const MetricSpec& spec) {
  const FamilyRow* row = row_of(spec);
  std::string key(row ? row->name : std::string_view(spec.metric));
  if (spec.trailing.is_set()) {  // of a table: which test each column gets is the family's, all else is read
    if (key != "drifted_columns") return "trailing " + (spec.columns.empty() ? std::string() : spec.columns[0]);
    key = "trailing columns, test " + spec.test;
    for (const std::string& column : spec.columns) key += " " + column;
    return key;
  }
  for (const std::string& column : spec.columns) key += " " + column;
  if (!row) return key;
  const std::string_view name = row->name;
  if (name == "share" || name == "time_share") key += " " + spec.expression;
  if (!spec.against.empty() && !spec.at_baseline) key += " against " + spec.against;
  if (name == "drifted_columns") key += " test " + spec.test;
  if (name == "compare")
    key += " " + spec.expression + " by " + spec.side + " " + spec.control + " and " + spec.candidate + " each " +
           std::to_string(look_of(spec).ns);
  if (name == "correlation") key += " " + spec.method;
  if (name == "job_success")
    key += " " + spec.schedule + " covers " + spec.covers + " " + spec.calendar + " " + spec.zone;
  if (name == "drift" || name == "drifted_columns") {
    if (!spec.bins.empty()) key += " bins " + spec.bins;
    if (!spec.point_masses) key += " no point masses";
    if (spec.nulls_bin) key += " nulls";
    if (spec.is_calibrated) key += " in order";
  }
  if (name == "samples" && spec.is_calibrated) key += " in order";
  if (name == "quantiles") {
    if (spec.exact) key += " exact";
    if (spec.at_baseline) key += " baseline";
    if (spec.window.kind == WindowSpec::Kind::rows) key += " rows " + std::to_string(spec.window.count);
  }
  if (spec.metric == "max_error" && spec.window.kind == WindowSpec::Kind::rows) key += " worst";
  if (spec.is_calibrated && (name == "regression" || name == "brier" || name == "log_loss")) key += " spread";
  if (name == "calibration" && !spec.bins.empty()) key += " bins " + spec.bins;
  const bool is_estimate = name == "expected_counts" || name == "expected_rank";
  if ((name == "classification" || name == "confusion" || name == "expected_counts") && spec.threshold != 0.5)
    key += " threshold " + format_number(spec.threshold);
  if (name == "classification" && spec.metric == "accuracy" && spec.positive.empty()) key += " classes";
  if ((name == "classification" || name == "calibration" || name == "brier" || name == "log_loss" || name == "auc" ||
       is_estimate) &&
      !spec.positive.empty())
    key += " positive " + spec.positive;
  return key;
}

Result<std::unique_ptr<Family>> make_family(const MetricSpec& spec, const StreamSpec& stream) {
  const MetricInfo* info = find_metric(spec.metric);
  if (!info) {
    std::vector<std::string> known;
    for (const MetricInfo& each : metric_catalogue()) known.emplace_back(each.name);
    return not_found("there is no metric \"" + spec.metric + "\"" + did_you_mean(spec.metric, known));
  }
  const FamilyRow* row = row_of(spec);
  if (!row) return invalid(spec.metric + " is read from the stream itself, not from a window's rows; it has no family");
  FamilyInput input{spec, stream, {}, {}};
  const std::vector<std::string> columns = columns_of(spec, stream, info->columns_max);
  if (info->columns_max >= 0) {
    const auto got = static_cast<int>(columns.size());
    const bool is_list = info->columns_max > 2;  // a table, or features and then the outcome
    if (is_list ? got < info->columns_min || got > info->columns_max : got != info->columns_max) {
      const std::string expected =
          info->columns_max == 0   ? "no column"
          : info->columns_max == 1 ? "one column"
          : is_list ? std::to_string(info->columns_min) + " to " + std::to_string(info->columns_max) + " columns"
                    : "two columns";
      return invalid(spec.metric + ": expected " + expected + ", got " + std::to_string(got) + "; " +
                     std::string(info->signature));
    }
    for (const std::string& name : columns) {
      std::vector<std::string> known = stream.schema.names();
      ColumnType type = ColumnType::number;
      std::size_t index = 0;
      if (const auto found = stream.schema.find(name)) {
        index = *found;
        type = stream.schema.columns[*found].type;
      } else {
        std::size_t derived = 0;
        while (derived < stream.derived.size() && stream.derived[derived].name != name) ++derived;
        for (const DerivedSpec& each : stream.derived) known.push_back(each.name);
        if (derived == stream.derived.size())
          return not_found(spec.metric + ": stream \"" + stream.name + "\" has no column \"" + name + "\"" +
                           did_you_mean(name, known));
        index = stream.schema.columns.size() + derived;
      }
      if (row->wants == Wants::number && !is_number_type(type))
        return invalid(spec.metric + ": expected a number in column \"" + name + "\", got a " +
                       std::string(name_of(type)));
      input.columns.push_back(index);
      input.types.push_back(type);
    }
  }
  if (spec.trailing.is_set()) {
    if (row->make == make_drift || row->make == make_sample_drift) return make_trailing_drift(input);
    if (row->make == make_drifted_columns) return row->make(input);
    return invalid(spec.metric +
                   ": cannot be compared with a past that moves; psi, kl, js, hellinger, total_variation, l_infinity, "
                   "chi2, ks, wasserstein and drifted_columns can, " +
                   spec.metric + " takes against = baseline \"train\"");
  }
  const bool has_score = row->make == make_calibration || row->make == make_score_loss || row->make == make_auc ||
                         row->make == make_estimate;
  if (has_score && !is_number_type(input.types[0]))
    return invalid(spec.metric + ": expected a score in column \"" + columns[0] + "\", got a " +
                   std::string(name_of(input.types[0])));
  return row->make(input);
}

}  // namespace tidewatch
