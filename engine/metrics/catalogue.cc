// The catalogue of metrics: one row each. `check`, completion, help and the reference are made of it, and a test runs
// every example, over a stream `api` with columns ts, endpoint, status, latency_ms, score, predicted, actual, outcome.
#include <unordered_map>

#include "metrics/metric_engine.h"

namespace tidewatch {
namespace {

using std::string_view;

constexpr bool with_window = true, against = true;
constexpr int whole = -1;  // an expression instead of columns

MetricInfo row(string_view name, string_view signature, string_view layer, string_view text, string_view example,
               int least, int most, bool needs_over, std::uint64_t min_n, bool needs_against = false,
               bool sequential = false, bool share = false) {
  return {name, signature, layer, text, example, least, most, needs_over, needs_against, min_n, sequential, share};
}

const std::vector<MetricInfo>& rows() {
  constexpr bool seq = true, is_share = true, plain = false;
  static const std::vector<MetricInfo> table = {
      // Data layer
      row("ingested", "ingested({ over })", "data",
          "Rows accepted over rows received, from 0 to 1, with a 95 % Wilson interval.",
          R"(api:ingested({ over = "5m" }))", 0, 0, with_window, 1, plain, plain, is_share),
      row("freshness", "freshness({ unit, of, calendar, zone })", "data",
          "Seconds from the newest event time to now. With unit = \"business days\": working days strictly between the "
          "newest date and today.",
          R"(api:freshness())", 0, 0, false, 1),
      row("arrival_age", "arrival_age()", "data", "Seconds from the last arrival to now, by the engine's clock.",
          R"(api:arrival_age())", 0, 0, false, 1),
      row("schema_changes", "schema_changes({ over })", "data",
          "How many schema facts were seen in the window: columns added, removed, retyped, reordered, nullable.",
          R"(api:schema_changes({ over = "1h" }))", 0, 0, with_window, 0),
      row("schema_hash", "schema_hash({ ordered })", "data",
          "SHA-256 of the lines name, type, nullable, as received or sorted by name. A text.",
          R"(api:schema_hash({ ordered = true }))", 0, 0, false, 1),
      row("null_rate", "null_rate(column, { over })", "data",
          "Nulls over rows, from 0 to 1, with a 95 % Wilson interval. NaN and \"\" are not nulls.",
          R"(api:null_rate("latency_ms", { over = "1 day" }))", 1, 1, with_window, 1, plain, plain, is_share),
      row("sum", "sum(column, { over })", "data", "The exact sum, rounded once; 0 for no row.",
          R"(api:sum("latency_ms", { over = "1h" }))", 1, 1, with_window, 0),
      row("mean", "mean(column, { over })", "data", "The exact sum over the number of values.",
          R"(api:mean("latency_ms", { over = "5m" }))", 1, 1, with_window, 1),
      row("min", "min(column, { over })", "data", "The least value.", R"(api:min("latency_ms", { over = "5m" }))", 1, 1,
          with_window, 1),
      row("max", "max(column, { over })", "data", "The greatest value.", R"(api:max("latency_ms", { over = "5m" }))", 1,
          1, with_window, 1),
      row("standard_deviation", "standard_deviation(column, { over })", "data",
          "The sample standard deviation (n - 1), from exact sums. Values of 1e150 and beyond are excluded.",
          R"(api:standard_deviation("latency_ms", { over = "1 day" }))", 1, 1, with_window, 2),
      row("psi", "psi(column, { over, against, bins, smoothing, point_masses, nulls })", "data",
          "Population stability index: sum of (q - p) ln(q / p), p the baseline's shares, q the window's. p-value: "
          "PSI / (1/n + 1/n_ref) as chi-square with one degree less than bins. `against` may also be trailing \"28 "
          "days\" or seasonal \"1 week\", here and for the metrics below up to drifted_columns.",
          R"(api:psi("latency_ms", { over = "1 day", against = baseline "train" }))", 1, 1, with_window, 50, against),
      row("kl", "kl(column, { over, against, reverse, bins, smoothing })", "data",
          "Kullback-Leibler divergence of the window from the baseline, in nats; reverse = true for the other way.",
          R"(api:kl("score", { over = "1 day", against = baseline "train" }))", 1, 1, with_window, 50, against),
      row("js", "js(column, { over, against, bins })", "data",
          "Jensen-Shannon distance: the root of the divergence in bits, from 0 to 1.",
          R"(api:js("score", { over = "1 day", against = baseline "train" }))", 1, 1, with_window, 50, against),
      row("hellinger", "hellinger(column, { over, against, bins })", "data",
          "Hellinger distance: the root of 1 - sum of sqrt(p q), from 0 to 1.",
          R"(api:hellinger("endpoint", { over = "1 day", against = baseline "train" }))", 1, 1, with_window, 50,
          against),
      row("total_variation", "total_variation(column, { over, against, bins })", "data",
          "Half the sum of |p - q| over the bins, unsmoothed, from 0 to 1.",
          R"(api:total_variation("endpoint", { over = "1 day", against = baseline "train" }))", 1, 1, with_window, 50,
          against),
      row("l_infinity", "l_infinity(column, { over, against, bins })", "data",
          "The largest |p - q| of a bin, unsmoothed, from 0 to 1.",
          R"(api:l_infinity("endpoint", { over = "1 day", against = baseline "train" }))", 1, 1, with_window, 50,
          against),
      row("chi2", "chi2(column, { over, against, bins })", "data",
          "Pearson's chi-square of the two samples' bins; bins expecting under 5 rows are pooled.",
          R"(api:chi2("endpoint", { over = "1 day", against = baseline "train" }))", 1, 1, with_window, 50, against),
      row("ks", "ks(column, { over, against })", "data",
          "Kolmogorov-Smirnov: the largest distance of the two distribution functions, from 0 to 1. Exact up to "
          "100,000 "
          "rows. p-value exact while n * n_ref <= 40,000, else Kolmogorov's limit with Stephens' correction.",
          R"(api:ks("latency_ms", { over = "1 day", against = baseline "train" }))", 1, 1, with_window, 20, against),
      row("wasserstein", "wasserstein(column, { over, against, scaled })", "data",
          "The area between the two distribution functions, in units of the column; scaled = true: in standard "
          "deviations of the baseline.",
          R"(api:wasserstein("latency_ms", { over = "1 day", against = baseline "train", scaled = true }))", 1, 1,
          with_window, 20, against),
      row("drifted_columns", "drifted_columns({ columns, over, against, test })", "data",
          "Share of columns whose p-value stays at or below 0.05 after Benjamini and Hochberg; their names are in "
          "`text`, the least adjusted p-value is its p-value. A column with too few rows is not tested. Assumes "
          "columns that are not negatively correlated.",
          R"(api:drifted_columns({ columns = "*", over = "1 day", against = baseline "train" }))", 1, many_columns,
          with_window, 1, against, plain, plain),
      row("out_of_range", "out_of_range(column, { over, against })", "data",
          "Share of values below the baseline's least or above its greatest, with a 95 % Wilson interval.",
          R"(api:out_of_range("latency_ms", { over = "1 day", against = baseline "train" }))", 1, 1, with_window, 1,
          against, plain, is_share),
      row("new_values", "new_values(column, { over, against })", "data",
          "Share of values the baseline does not hold, with a 95 % Wilson interval.",
          R"(api:new_values("endpoint", { over = "1 day", against = baseline "train" }))", 1, 1, with_window, 1,
          against, plain, is_share),
      row("distinct", "distinct(column, { over })", "data",
          "How many different values. Exact while each pane holds at most 512, beyond it HyperLogLog with a standard "
          "error of 1.63 % (see `error`).",
          R"(api:distinct("endpoint", { over = "calendar day" }))", 1, 1, with_window, 0),
      row("duplicates", "duplicates(key, { over })", "data",
          "Share of rows whose key was seen before in the window: 1 - different keys / rows. Exact up to a million "
          "keys.",
          R"(api:duplicates("endpoint", { over = "1h" }))", 1, 1, with_window, 1, plain, plain, is_share),
      row("changed", "changed(column, { over })", "data",
          "How often the value differs from the one before it, in event order; nulls are passed over.",
          R"(api:changed("endpoint", { over = "1 day" }))", 1, 1, with_window, 1, plain, seq),
      row("last", "last(column, { over })", "data", "The newest row's value; of rows with equal times the greatest.",
          R"(api:last("latency_ms", { over = "5m" }))", 1, 1, with_window, 1, plain, seq),
      // Model layer
      row("mae", "mae(predicted, actual, { over })", "model", "Mean of |predicted - actual|.",
          R"(api:mae("predicted", "actual", { over = "1 day" }))", 1, 2, with_window, 1),
      row("rmse", "rmse(predicted, actual, { over })", "model", "Root of the mean of (predicted - actual) squared.",
          R"(api:rmse("predicted", "actual", { over = "1 day" }))", 1, 2, with_window, 1),
      row("bias", "bias(predicted, actual, { over })", "model", "Mean of predicted - actual.",
          R"(api:bias("predicted", "actual", { over = "1 day" }))", 1, 2, with_window, 1),
      row("max_error", "max_error(predicted, actual, { over })", "model", "The largest |predicted - actual|.",
          R"(api:max_error("predicted", "actual", { over = "1 day" }))", 1, 2, with_window, 1),
      row("r2", "r2(predicted, actual, { over })", "model",
          "1 - SSE / SST about the window's mean of actual; undefined when actual is constant.",
          R"(api:r2("predicted", "actual", { over = "1 day" }))", 1, 2, with_window, 3),
      row("mape", "mape(predicted, actual, { over })", "model",
          "Mean of |predicted - actual| / |actual|; rows whose actual is 0 are excluded.",
          R"(api:mape("predicted", "actual", { over = "1 day" }))", 1, 2, with_window, 1),
      row("wape", "wape(predicted, actual, { over })", "model",
          "Sum of |predicted - actual| over sum of |actual|; forecast accuracy is 1 - wape.",
          R"(api:wape("predicted", "actual", { over = "1 day" }))", 1, 2, with_window, 1),
      row("directional_hit_rate", "directional_hit_rate(predicted, actual, { over })", "model",
          "Share of rows whose prediction moved from the last actual the way actual did; unchanged rows are excluded.",
          R"(api:directional_hit_rate("predicted", "actual", { over = "1 day" }))", 1, 2, with_window, 1, plain, seq,
          is_share),
      row("importance_shift", "importance_shift(feature, weight, { over, against })", "model",
          "Half the sum of |w - w_ref| over features, w a feature's share of the absolute weights; from 0 to 1. `text` "
          "has "
          "Spearman's correlation of the weights and how many of the five heaviest stayed.",
          R"(api:importance_shift("endpoint", "score", { over = "1 day", against = baseline "train" }))", 2, 2,
          with_window, 1, against),
      row("accuracy", "accuracy(predicted, actual, { over, threshold, positive })", "model",
          "Share of right predictions, with a 95 % Wilson interval. A number prediction is positive at or above "
          "threshold.",
          R"(api:accuracy("score", "outcome", { over = "1 day" }))", 1, 2, with_window, 1, plain, plain, is_share),
      row("precision", "precision(predicted, actual, { over, threshold, positive })", "model",
          "True positives over predicted positives; undefined when nothing was predicted positive.",
          R"(api:precision("score", "outcome", { over = "1 day", threshold = 0.7 }))", 1, 2, with_window, 1, plain,
          plain, is_share),
      row("recall", "recall(predicted, actual, { over, threshold, positive })", "model",
          "True positives over positives; undefined when nothing was positive.",
          R"(api:recall("score", "outcome", { over = "1 day" }))", 1, 2, with_window, 1, plain, plain, is_share),
      row("f1", "f1(predicted, actual, { over, threshold, positive })", "model",
          "2 TP / (2 TP + FP + FN), from 0 to 1.", R"(api:f1("score", "outcome", { over = "1 day" }))", 1, 2,
          with_window, 1),
      row("false_positive_rate", "false_positive_rate(predicted, actual, { over, threshold, positive })", "model",
          "False positives over negatives.", R"(api:false_positive_rate("score", "outcome", { over = "1 day" }))", 1, 2,
          with_window, 1, plain, plain, is_share),
      row("false_negative_rate", "false_negative_rate(predicted, actual, { over, threshold, positive })", "model",
          "False negatives over positives.", R"(api:false_negative_rate("score", "outcome", { over = "1 day" }))", 1, 2,
          with_window, 1, plain, plain, is_share),
      row("confusion", "confusion(predicted, actual, { over, threshold })", "model",
          "Counts of predicted against actual classes, in `text`; its value is the accuracy, with a 95 % Wilson "
          "interval. A number prediction is 1 at or above threshold, else 0.",
          R"(api:confusion("score", "outcome", { over = "1 day" }))", 1, 2, with_window, 1, plain, plain, is_share),
      row("auc", "auc(score, outcome, { over, positive })", "model",
          "Area under the ROC curve, ties one half; 95 % interval of Hanley and McNeil. Exact up to a million pairs, "
          "then "
          "over scores rounded to 16 bits (see `error`).",
          R"(api:auc("score", "outcome", { over = "1 day" }))", 1, 2, with_window, 30),
      row("average_precision", "average_precision(score, outcome, { over, positive })", "model",
          "Sum of recall steps times precision from the highest score down, tied scores one step.",
          R"(api:average_precision("score", "outcome", { over = "1 day" }))", 1, 2, with_window, 30),
      row("estimated_accuracy", "estimated_accuracy(score, outcome, { over, against, threshold, positive })", "model",
          "Accuracy to be expected of rows whose outcome is not known yet: the score is read as a probability by an "
          "isotonic fit of the labelled baseline. With a 95 % interval of the outcomes' own chance. Assumes that "
          "scores mean what they meant in the baseline: a changed relation of score and outcome (concept drift) shows "
          "in the realised metric only.",
          R"(api:estimated_accuracy("score", "outcome", { over = "1 day", against = baseline "train" }))", 2, 2,
          with_window, 1, against, plain, is_share),
      row("estimated_precision", "estimated_precision(score, outcome, { over, against, threshold, positive })", "model",
          "Precision to be expected, as estimated_accuracy: the mean probability of the rows predicted positive. "
          "Assumes that scores mean what they meant in the baseline: a changed relation of score and outcome (concept "
          "drift) shows in the realised metric only.",
          R"(api:estimated_precision("score", "outcome", { over = "1 day", against = baseline "train" }))", 2, 2,
          with_window, 1, against, plain, is_share),
      row("estimated_recall", "estimated_recall(score, outcome, { over, against, threshold, positive })", "model",
          "Recall to be expected, as estimated_accuracy: the probability in the rows predicted positive over all of "
          "it. Assumes that scores mean what they meant in the baseline: a changed relation of score and outcome "
          "(concept drift) shows in the realised metric only.",
          R"(api:estimated_recall("score", "outcome", { over = "1 day", against = baseline "train" }))", 2, 2,
          with_window, 1, against, plain, is_share),
      row("estimated_f1", "estimated_f1(score, outcome, { over, against, threshold, positive })", "model",
          "F1 to be expected, as estimated_accuracy. Assumes that scores mean what they meant in the baseline: a "
          "changed relation of score and outcome (concept drift) shows in the realised metric only.",
          R"(api:estimated_f1("score", "outcome", { over = "1 day", against = baseline "train" }))", 2, 2, with_window,
          1, against, plain, is_share),
      row("estimated_auc", "estimated_auc(score, outcome, { over, against, positive })", "model",
          "AUC to be expected, as estimated_accuracy, tied scores one half; exact up to a million rows, then as auc. "
          "Assumes that scores mean what they meant in the baseline: a changed relation of score and outcome (concept "
          "drift) shows in the realised metric only.",
          R"(api:estimated_auc("score", "outcome", { over = "1 day", against = baseline "train" }))", 2, 2, with_window,
          30, against, plain, is_share),
      row("log_loss", "log_loss(score, outcome, { over, positive })", "model",
          "Mean of -ln of the probability given to what happened, clipped at 1e-15. In nats.",
          R"(api:log_loss("score", "outcome", { over = "1 day" }))", 1, 2, with_window, 1),
      row("brier", "brier(score, outcome, { over, positive })", "model", "Mean of (score - outcome) squared.",
          R"(api:brier("score", "outcome", { over = "1 day" }))", 1, 2, with_window, 1),
      row("ece", "ece(score, outcome, { over, bins, positive })", "model",
          "Expected calibration error over equal-width bins: mean |mean score - share of positives|, weighted by rows.",
          R"(api:ece("score", "outcome", { over = "1 day" }))", 1, 2, with_window, 30),
      row("mce", "mce(score, outcome, { over, bins, positive })", "model",
          "The largest |mean score - share of positives| of a bin.",
          R"(api:mce("score", "outcome", { over = "1 day" }))", 1, 2, with_window, 30),
      row("calibration", "calibration(score, outcome, { over, bins, positive })", "model",
          "The calibration table in `bins` (low, high, n, score, positive); its value is the ece.",
          R"(api:calibration("score", "outcome", { over = "1 day" }))", 1, 2, with_window, 30),
      row("decision_cost", "decision_cost(predicted, actual, { over, false_positive, false_negative, per })", "model",
          "false_positive times FP plus false_negative times FN; per = \"prediction\" divides by the rows.",
          R"(api:decision_cost("score", "outcome", { over = "1 day", false_positive = 1, false_negative = 20 }))", 1, 2,
          with_window, 1),
      row("coverage", "coverage(score, { over, where })", "model",
          "Of a joined stream: predictions of the newest closed window whose label is known over all of them, from 0 "
          "to "
          "1, with a 95 % Wilson interval. With a score column, `bins` has the share by tenth of the score: the early "
          "labels are no random sample.",
          R"(judged:coverage({ over = "1 day" }))", 0, 1, with_window, 1, plain, plain, is_share),
      row("label_delay", "label_delay({ over, q })", "model",
          "Of a joined stream: seconds until the label of a prediction is there, for the share q (0.5) of them, by the "
          "Kaplan-Meier curve: predictions still waiting count with their age. `immature`, with that age as `low`, "
          "while the curve has not come down to 1 - q.",
          R"(judged:label_delay({ over = "30 days", q = 0.9 }))", 0, 0, with_window, 1),
      row("leakage", "leakage({ columns, actual, over })", "model",
          "How well the best single feature tells the outcome: max(A, 1 - A) of its AUC for a yes/no outcome, "
          "abs(Spearman) for a number, the accuracy of the best map for a category. `text` names the column. Above "
          "0.98 "
          "a feature has seen the label. At most 100,000 rows a window.",
          R"(judged:leakage({ columns = { "score", "amount" }, actual = "outcome", over = "1 day" }))", 2, 256,
          with_window, 200, plain, plain, is_share),
      // System layer
      row("count", "count({ over, where, by })", "system", "Rows in the window.", R"(api:count({ over = "1h" }))", 0, 0,
          with_window, 0),
      row("rate", "rate({ over, where, by })", "system", "Rows a second of the window.",
          R"(api:rate({ over = "5m", where = "status >= 500" }))", 0, 0, with_window, 0),
      row("share", "share(expression, { over, by })", "system",
          "Rows where the expression is true over rows where it is known, with a 95 % Wilson interval.",
          R"(api:share("status >= 500", { over = "5m" }))", whole, whole, with_window, 1, plain, plain, is_share),
      row("compare", "compare(expression, { by, control, candidate, least, worse, over })", "system",
          "Whether the rows of a candidate are another than those of the control: a condition compares shares, a "
          "number "
          "means. Its value is a p that may be looked at after every pane: of equal sides, at most 5 in 100 ever come "
          "below 0.05. `least` is the smallest difference worth knowing; with worse = \"higher\" or \"lower\" only a "
          "candidate that is so counts. It begins where both sides have come and `over` does not reach back further, "
          "so "
          "let `over` be longer than the trial. Judged from 200 rows a side and 10 of either outcome; the two are in "
          "`text`. One column in `by`.",
          R"(api:compare("status >= 500", { over = "7 days", by = "endpoint", control = "/v1", candidate = "/v2", least = 0.02, worse = "higher" }))",
          whole, whole, with_window, 1),
      row("increase", "increase(column, { over, by })", "system",
          "Growth of a counter: a fall is a restart and adds the new value; the first sample is the base. One counter "
          "a "
          "series: name hosts in `by`.",
          R"(api:increase("latency_ms", { over = "1h", by = "endpoint" }))", 1, 1, with_window, 0, plain, seq),
      row("time_share", "time_share(expression, { over, holds })", "system",
          "Time the expression was true over time it was known. A sample holds to the next, at most `holds`; how long "
          "nothing was known is in `text`.",
          R"(api:time_share("status < 500", { over = "1 day", holds = "2m" }))", whole, whole, with_window, 1, plain,
          seq),
      row("job_success", "job_success({ over, schedule, within, covers, calendar, zone })", "system",
          "Due runs answered within `within` over due runs; a run that never started is a failure, one whose time is "
          "not over is pending. n counts runs. 95 % Wilson interval.",
          R"(api:job_success({ over = "30 days", schedule = "21:00", within = "24h", calendar = "every day" }))", 0, 0,
          with_window, 1, plain, plain, is_share),
      row("p50", "p50(column, { over, exact })", "system",
          "The median: linear between the values at rank q (n - 1) while exact, else within 0.78 % (see `error`).",
          R"(api:p50("latency_ms", { over = "5m" }))", 1, 1, with_window, 1),
      row("p75", "p75(column, { over, exact })", "system", "The 0.75 quantile, as p50.",
          R"(api:p75("latency_ms", { over = "5m" }))", 1, 1, with_window, 1),
      row("p90", "p90(column, { over, exact })", "system", "The 0.9 quantile, as p50.",
          R"(api:p90("latency_ms", { over = "5m" }))", 1, 1, with_window, 1),
      row("p95", "p95(column, { over, exact })", "system", "The 0.95 quantile, as p50.",
          R"(api:p95("latency_ms", { over = "5m" }))", 1, 1, with_window, 1),
      row("p99", "p99(column, { over, exact })", "system", "The 0.99 quantile, as p50.",
          R"(api:p99("latency_ms", { over = "5m" }))", 1, 1, with_window, 1),
      row("quantile", "quantile(column, { over, q, exact })", "system",
          "The quantile q (0 to 1), as p50; method = \"nearest_rank\": the ceil(q n)-th smallest value, one that was "
          "there.",
          R"(api:quantile("latency_ms", { over = "5m", q = 0.999 }))", 1, 1, with_window, 1),
      // Business layer
      row("correlation", "correlation(a, b, { over, method })", "business",
          "Pearson's correlation from exact moments, from -1 to 1; method = \"spearman\" correlates mid-ranks, up to "
          "100,000 rows.",
          R"(api:correlation("predicted", "actual", { over = "1 day", method = "spearman" }))", 2, 2, with_window, 3),
      row("percentile_rank", "percentile_rank(column, { over = \"252 rows\" })", "business",
          "Where the newest value stands among the N before it, from 0 to 1: the least q with quantile(q) >= value.",
          R"(api:percentile_rank("actual", { over = "252 rows" }))", 1, 1, with_window, 1, plain, seq),
  };
  return table;
}

}  // namespace

std::span<const MetricInfo> metric_catalogue() { return rows(); }

const MetricInfo* find_metric(string_view name) {
  // A read settles through here, so the search must not walk the whole table.
  static const std::unordered_map<string_view, const MetricInfo*> index = [] {
    std::unordered_map<string_view, const MetricInfo*> out;
    for (const MetricInfo& info : rows()) out.emplace(info.name, &info);
    return out;
  }();
  const auto at = index.find(name);
  return at != index.end() ? at->second : nullptr;
}

}  // namespace tidewatch
