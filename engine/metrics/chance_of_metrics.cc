// Which metrics have a distribution when nothing changed, and what to take instead of one that has none: the choice an
// author has to make, said at load.
#include <algorithm>

#include "metrics/chance.h"
#include "metrics/handle.h"

namespace tidewatch {
namespace {

// `error`: it has a standard error, so a difference of two has one as well. `order`: only its rows' ranks are known.
enum class Has { distance, error, order };

struct Known {
  std::string_view metric;
  Has has;
};

constexpr Known known[] = {
    {"psi", Has::distance},
    {"kl", Has::distance},
    {"js", Has::distance},
    {"hellinger", Has::distance},
    {"chi2", Has::distance},
    {"ks", Has::distance},
    {"share", Has::error},
    {"null_rate", Has::error},
    {"out_of_range", Has::error},
    {"new_values", Has::error},
    {"duplicates", Has::error},
    {"job_success", Has::error},
    {"accuracy", Has::error},
    {"precision", Has::error},
    {"recall", Has::error},
    {"false_positive_rate", Has::error},
    {"false_negative_rate", Has::error},
    {"mean", Has::error},
    {"mae", Has::error},
    {"bias", Has::error},
    {"rmse", Has::error},
    {"brier", Has::error},
    {"log_loss", Has::error},
    {"auc", Has::error},
    {"p50", Has::order},
    {"p75", Has::order},
    {"p90", Has::order},
    {"p95", Has::order},
    {"p99", Has::order},
    {"quantile", Has::order},
};

constexpr std::pair<std::string_view, std::string_view> nearest[] = {
    {"total_variation", "hellinger"},
    {"l_infinity", "psi"},
    {"wasserstein", "ks"},
    {"drifted_columns", "psi"},
    {"importance_shift", "psi"},
    {"sum", "mean"},
    {"increase", "mean"},
    {"last", "mean"},
    {"min", "quantile"},
    {"max", "quantile"},
    {"percentile_rank", "quantile"},
    {"correlation", "mean"},
    {"standard_deviation", "mean"},
    {"mape", "mae"},
    {"wape", "mae"},
    {"max_error", "rmse"},
    {"r2", "rmse"},
    {"f1", "precision"},
    {"confusion", "accuracy"},
    {"decision_cost", "false_positive_rate"},
    {"directional_hit_rate", "accuracy"},
    {"leakage", "auc"},
    {"average_precision", "auc"},
    {"ece", "brier"},
    {"mce", "brier"},
    {"calibration", "brier"},
    {"distinct", "new_values"},
    {"changed", "new_values"},
    {"schema_hash", "new_values"},
    {"schema_changes", "new_values"},
    {"freshness", "job_success"},
    {"arrival_age", "job_success"},
    {"label_delay", "job_success"},
    {"coverage", "null_rate"},
    {"compare", "share"},
    {"estimated_accuracy", "accuracy"},
    {"estimated_precision", "precision"},
    {"estimated_recall", "recall"},
    {"estimated_f1", "precision"},
    {"estimated_auc", "auc"},
};

const Known* find(std::string_view metric) {
  const auto* const at =
      std::find_if(std::begin(known), std::end(known), [&](const Known& one) { return one.metric == metric; });
  return at == std::end(known) ? nullptr : at;
}

std::string no_chance(const std::string& metric) {
  return "nobody knows how far " + metric + " goes by chance; the nearest metric with a known one is " +
         std::string(nearest_calibrated(metric));
}

// The metric handles that `handle` reads, below shifts and the past.
Done mark(std::vector<HandleSpec>& handles, std::uint32_t handle, bool is_compared, bool is_below) {
  HandleSpec& spec = handles[handle];
  using Op = HandleSpec::Op;
  switch (spec.op) {
    case Op::metric: {
      const Known* const one = find(spec.metric.metric);
      if (!one || (is_compared && one->has != Has::error))
        return invalid(one ? "a change of " + spec.metric.metric + " has no known chance; put the rule on " +
                                 spec.metric.metric + " itself"
                           : no_chance(spec.metric.metric));
      if (is_below && one->has == Has::distance)
        return invalid(spec.metric.metric +
                       " is a distance from the baseline and only grows by drifting; use above(...)");
      spec.metric.is_calibrated = true;
      return done();
    }
    case Op::shifted:
    case Op::trailing:
    case Op::seasonal:
      return mark(handles, spec.inputs[0], is_compared, is_below);
    case Op::deviation:
    case Op::change:
      for (const HandleId input : spec.inputs)
        if (Done marked = mark(handles, input, true, is_below); !marked) return marked;
      return done();
    case Op::detector:
    case Op::forecast:
    case Op::time_to: {
      std::uint32_t read = handle;
      while (!handles[read].inputs.empty()) read = handles[read].inputs[0];
      const std::string& metric = handles[read].metric.metric;
      return invalid("nobody knows how far a detector or a forecast goes by chance; put the rule on " +
                     (metric.empty() ? std::string("a metric") : metric) + " itself");
    }
    default:
      return invalid(
          "expected a metric, or its change from an earlier time; the value is put together from several, "
          "and "
          "what chance does to it is not known");
  }
}

}  // namespace

std::string_view nearest_calibrated(std::string_view metric) {
  if (find(metric)) return "";
  for (const auto& [name, instead] : nearest)
    if (name == metric) return instead;
  return "share";
}

Done calibrate(std::vector<HandleSpec>& handles, std::uint32_t handle, bool is_below) {
  return mark(handles, handle, false, is_below);
}

}  // namespace tidewatch
