// Handles: what an analyst's `api:p95("latency_ms", { over = "5m" })` becomes. Plain data; handles form a list in
// which a combination names the handles it reads by index, always earlier ones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "metrics/detectors/detector_spec.h"

namespace tidewatch {

using HandleId = std::uint32_t;

struct WindowSpec {
  enum class Kind : std::uint8_t { none, sliding, rows, business_days, calendar };
  enum class Unit : std::uint8_t { day, week, month, quarter, year };
  Kind kind = Kind::none;
  Duration over{};          // sliding
  std::uint32_t count = 0;  // rows: last N non-null rows; business_days: whole days
  Unit unit = Unit::day;    // calendar: "calendar day" ...
  std::string calendar = "weekdays";
  std::string zone = "UTC";

  std::string text() const;  // as it was written: "5m", "252 rows", "5 business days", "calendar month"
};

// "5m", "252 rows", "5 business days", "calendar day|week|month|quarter|year".
Result<WindowSpec> parse_window(std::string_view text);

// mature and latest: joined streams only, where closed means mature.
enum class ReadMode : std::uint8_t { closed, open, mature, latest };

inline constexpr std::uint32_t default_most_series = 10'000;

// A past that moves with the window: the span, or the rows, that end where the window begins, less `gap`; or the
// window's own slot of each of the last `periods`.
struct TrailingSpec {
  Duration span{0};
  std::uint32_t rows = 0;  // instead of a span: windows of rows
  Duration gap{0};
  Duration rebin = days(30);  // how long bins cut from it stay in force
  Duration period{0};         // instead of a span: seasonal
  std::uint32_t periods = 0;
  bool is_set() const { return span.ns > 0 || rows > 0 || is_seasonal(); }
  bool is_seasonal() const { return periods > 0; }
  std::string text() const;  // "trailing 28d", "seasonal 1w, 8 periods"
  friend bool operator==(const TrailingSpec&, const TrailingSpec&) = default;
};

struct MetricSpec {
  std::string metric;  // a name of the catalogue: "p95"
  std::string stream;
  std::vector<std::string> columns;  // "*" allowed where the catalogue says so
  std::string expression;            // share(expr)
  std::string where;                 // "" = all rows
  int predicate = -1;                // a Lua `where`: index into PackSpec's functions; -1 when none
  WindowSpec window;
  std::vector<std::string> by;
  Duration step{0};                                 // 0 = default
  Duration lateness{-1};                            // <0 = default: the larger of step and 1m
  std::uint64_t min_n = 0;                          // 0 = the metric's default
  std::uint32_t most_series = default_most_series;  // label sets; rows of further ones share "(other)"
  bool full = false;
  ReadMode read = ReadMode::closed;
  std::string against;           // baseline name
  TrailingSpec trailing;         // instead of a baseline
  bool at_baseline = false;      // the metric over the rows of baseline `against`, not over a window
  std::string bins;              // "", "10", "0.1,0.2,0.3" (inner edges), "equal_width 10"
  bool smoothing_floor = false;  // smoothing = "floor"
  bool point_masses = true;
  bool nulls_bin = false;          // nulls = "bin"
  bool reverse = false;            // kl
  double q = 0.5;                  // quantile
  bool exact = false;              // quantiles
  double threshold = 0.5;          // scores at or above it are positive
  std::string positive;            // category value that counts as positive
  double false_positive_cost = 1;  // decision_cost{false_positive = }
  double false_negative_cost = 1;  // decision_cost{false_negative = }
  bool per_prediction = false;     // decision_cost{per = "prediction"}
  std::string unit;                // freshness: "" (a duration in seconds) or "business days"
  std::string of;                  // freshness: a time column other than the stream's
  std::string calendar = "weekdays";
  std::string zone = "UTC";
  bool ordered = true;   // schema_hash
  std::string method;    // correlation: "" (pearson) or "spearman"
  bool scaled = false;   // wasserstein: over the baseline's standard deviation
  std::string test;      // drifted_columns: "" (psi), "ks", "chi2", ...
  std::string schedule;  // job_success: "21:00", "09:00, 21:00", "every 1h"
  Duration within{0};    // job_success: how long after its time a run may be answered
  std::string covers;    // job_success: a time column that must reach the due day
  Duration holds{0};     // time_share: how long a sample holds at most; 0 = twice the median gap
  std::string side;      // compare: the column that tells the two apart,
  std::string control;   // its values,
  std::string candidate;
  double least = 0;   // the smallest difference worth knowing,
  std::string worse;  // and which one counts: "higher", "lower", "" for both
  // Its readings say what chance does to them: a rule asked for false_alarms. Costs some families a sum more a row.
  bool is_calibrated = false;
};

struct HandleSpec {
  enum class Op : std::uint8_t {
    metric,
    constant,
    add,
    subtract,
    multiply,
    divide,
    negate,
    shifted,  // input read as of `span` earlier (event time)
    change,   // (now - then) / |then|, then = `span` earlier
    rate,     // per second of the window
    max_over,
    min_over,
    mean_over,  // over the values read at pane ends within `span`
    deviation,  // (a - b) / |b|
    trailing,   // mean or median of the windows of the same length in `span`, which ends where the window begins
    seasonal,   // median of the windows `span`, 2 `span` ... before, `periods` of them
    detector,   // how unusual the newest value at a pane end is after all before it
    forecast,   // least squares over the values at pane ends within `span`: the line `ahead` of the window's end
    time_to,    // seconds until that line meets `limit`
  };
  Op op = Op::metric;
  MetricSpec metric;
  double constant = 0;
  std::vector<HandleId> inputs;
  Duration span{};
  std::uint32_t rows = 0;     // trailing: instead of a span, windows of so many rows together
  Duration rebin = days(30);  // trailing, where a distribution is compared with it
  Duration gap{0};            // trailing: between the span and the window
  bool is_median = false;     // trailing
  std::uint32_t periods = 8;  // seasonal
  DetectorSpec detector;
  Duration ahead{0};  // forecast
  double limit = 0;   // time_to
  std::string file;   // where it was written, for messages
  int line = 0;
};

struct BaselineSpec {
  std::string name;
  std::string stream;     // whose schema the rows have
  std::string file;       // frozen file, relative to the pack; or
  bool has_span = false;  // a pinned window of the stream's history
  Instant from{}, to{};
};

std::string describe(const HandleSpec& handle,
                     const std::vector<HandleSpec>& all);  // api:p95("latency_ms", {over = "5m"})

}  // namespace tidewatch
