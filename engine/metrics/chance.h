// What chance does to a value when nothing has changed, and the threshold that follows: above(0.1, { false_alarms = "1
// per month" }) means 0.1, or further out where that many false alarms come from too few rows alone. A family says
// which distribution its value has (Chance); a rule asks here for the threshold in force, once an evaluation, and knows
// no distribution. A threshold is never loosened. The metric says it at the read, because only its state knows how many
// rows, bins or outcomes stand behind the value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

namespace tidewatch {

struct HandleSpec;

// How many false alarms a rule may give, all its label sets together.
struct FalseAlarms {
  double count = 1;
  Duration per{};
  std::string text;  // as it was written

  bool operator==(const FalseAlarms&) const = default;
};

// "1 per month", "2 per 10 days", "0.5 per year". A month is 30 days, a quarter 91, a year 365.
Result<FalseAlarms> parse_false_alarms(std::string_view text);

struct Chance {
  enum class Kind : std::uint8_t { none, psi, kl, js, hellinger, chi_square, ks, share, standard_error, auc, quantile };
  Kind kind = Kind::none;
  bool is_inflation_measured = false;
  std::uint32_t degrees = 0;   // bins less one
  std::uint32_t reads = 1;     // panes a window has: how often it is read within its own length
  Duration over{};             // the window's length
  std::uint64_t n = 0, m = 0;  // rows of the window and of the baseline; auc: positives and negatives
  double standard_error = 0;   // of the value
  // quantile: which, its value, and values of the window at ranks around it (0 = the least), rising.
  double q = 0, value = 0;
  std::vector<std::pair<std::uint64_t, double>> ranks;
  double inflation = 1;  // how much wider than independent rows would be: of the chi-square, squared errors

  bool operator==(const Chance&) const = default;
};

struct ThresholdInForce {
  std::uint8_t severity = 0;
  bool is_above = true;
  bool is_inflation_measured = false;
  double asked = 0, in_force = 0;
  double alpha = 0;  // how often chance exceeds it at one look
  double inflation = 1;
  std::string false_alarms;
  std::string note;  // a sentence when the rows cannot carry what was asked
  Chance chance;     // what it was made of; not kept in a checkpoint
};

// The probability at one look that gives `rate` false alarms: rate x over / (c(K) x series), K = reads a window. One
// alarm spans many overlapping windows, so c(K) = min(K, 2.6 √K) onsets a window length. 1e-12 to 0.5.
double alpha_of(const FalseAlarms& rate, const Chance& chance, std::size_t series);

// The further of `asked` and the value that chance exceeds (is_above, else falls below) with probability alpha.
// Sources: for psi and the other divergences the chi-square limit with 1/n + 1/m (Yurdakul and Naranjo 2020); Hanley
// and McNeil for auc. Of a quantile the number of rows beyond `asked` is binomial; in force is then asked plus how far
// the value is from the row whose rank decides.
ThresholdInForce threshold_in_force(double asked, bool is_above, double alpha, const Chance& chance);

// Hanley and McNeil's standard error of an AUC of `area`, Radiology 143 (1982).
double auc_standard_error(double area, std::uint64_t positives, std::uint64_t negatives);
// The ranks of n values a rule on their quantile q may need: all while n is small, else out to eight standard
// deviations.
std::vector<std::uint64_t> ranks_around(double q, std::uint64_t n);
// The standard error of a reading's value as its chance says it: shares by (x + 1/2)/(n + 1), so that 0 of 10 is not
// certain. Negative when the chance has none.
double standard_error_of(const Chance& chance, double value);

// Marks the metrics below `handle` so that their readings say their chance. The error names the metric that is nearest
// to one that has no such distribution. `is_below`: the rule fires on low values, which a distance from a baseline
// never gives by drifting.
Done calibrate(std::vector<HandleSpec>& handles, std::uint32_t handle, bool is_below);
// The metric to take instead of one whose chance is not known; "" when it is.
std::string_view nearest_calibrated(std::string_view metric);

void write_chance(ByteWriter& out, const Chance& chance);
Chance read_chance(ByteReader& in);
void write_threshold(ByteWriter& out, const ThresholdInForce& threshold);
ThresholdInForce read_threshold(ByteReader& in);
// {"asked":0.1,"in_force":0.27,"false_alarms":"1 per month","alpha":0.0016,...}; an array when there are several; ""
// when there is none of that severity (0 = any).
std::string thresholds_json(const std::vector<ThresholdInForce>& thresholds, std::uint8_t severity);

}  // namespace tidewatch
