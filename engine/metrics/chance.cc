// See chance.h. Numbers in notes have four digits: they are for people.
#include "metrics/chance.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/text.h"
#include "metrics/families/null_quantiles.h"

namespace tidewatch {
namespace {

using Kind = Chance::Kind;

bool is_divergence(Kind kind) { return kind >= Kind::psi && kind <= Kind::hellinger; }

std::string rough(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

// A divergence is k x, x being chi-square and k = 1/n + 1/m, or a function of that.
double from_scaled(Kind kind, double kx) {
  switch (kind) {
    case Kind::kl:
      return kx / 2;
    case Kind::js:
      return std::min(1.0, std::sqrt(kx / (8 * M_LN2)));
    case Kind::hellinger:
      return std::min(1.0, std::sqrt(kx / 8));
    default:
      return kx;
  }
}

double to_scaled(Kind kind, double value) {
  switch (kind) {
    case Kind::kl:
      return value * 2;
    case Kind::js:
      return value * value * 8 * M_LN2;
    case Kind::hellinger:
      return value * value * 8;
    default:
      return value;
  }
}

// What few rows mean for who asked. `share_needed` is 1/n + 1/m at which chance stays within what was asked.
std::string too_few(const ThresholdInForce& t, const Chance& chance, double share_needed) {
  std::string out = with_thousands(chance.n) + " rows cannot carry a threshold of " + rough(t.asked) +
                    ": chance alone goes beyond it, so " + rough(t.in_force) + " is in force";
  const double rest = share_needed - 1 / static_cast<double>(chance.m);
  if (rest > 0 && 1 / rest < 1e12)
    return out + "; about " + rough(std::ceil(1 / rest)) + " rows a window would carry it";
  return out + "; no window carries it against a baseline of " + with_thousands(chance.m) + " rows";
}

// The number of rows beyond what was asked decides, which is a rank: that row must be beyond it as well.
void of_quantile(ThresholdInForce& out, const Chance& chance, double wider) {
  const std::uint64_t n = chance.n;
  const double tail = out.is_above ? 1 - chance.q : chance.q, expected = static_cast<double>(n) * tail;
  auto beyond = static_cast<double>(binomial_exceeded(out.alpha, n, tail));
  if (wider > 1) beyond = std::ceil(expected + (beyond - expected) * wider);
  const double highest = out.is_above ? static_cast<double>(n) - 1 - beyond : static_cast<double>(n) - 1;
  const double lowest = out.is_above ? 0 : beyond;
  std::optional<double> deciding;
  for (const auto& [rank, value] : chance.ranks) {
    const auto at = static_cast<double>(rank);
    if (at < lowest || at > highest) continue;
    deciding = value;
    if (!out.is_above) break;  // the first that is far enough; above, the last
  }
  if (!deciding) {
    out.in_force = out.is_above ? std::max(out.asked, chance.value) : std::min(out.asked, chance.value);
    out.note = with_thousands(n) + (n == 1 ? " row" : " rows") + " can carry no threshold on this quantile";
    return;
  }
  // Rounding must not turn the verdict: it is that of the deciding row.
  const double reached = out.asked + (chance.value - *deciding);
  const double low = std::nextafter(chance.value, -HUGE_VAL), high = std::nextafter(chance.value, HUGE_VAL);
  if (out.is_above)
    out.in_force = *deciding > out.asked ? std::min(reached, low) : std::max(reached, chance.value);
  else
    out.in_force = *deciding < out.asked ? std::max(reached, high) : std::min(reached, chance.value);
}

}  // namespace

std::vector<std::uint64_t> ranks_around(double q, std::uint64_t n) {
  std::vector<std::uint64_t> out;
  if (n <= 128) {
    for (std::uint64_t rank = 0; rank < n; ++rank) out.push_back(rank);
    return out;
  }
  const auto last = static_cast<double>(n - 1);
  // A binomial is skewed near the ends, and no step is finer than one row.
  const double step = std::max(1.0, std::sqrt(last * q * (1 - q)) / 8);
  for (int i = -64; i <= 64; ++i)
    out.push_back(static_cast<std::uint64_t>(std::clamp(std::round(q * last + i * step), 0.0, last)));
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<FalseAlarms> parse_false_alarms(std::string_view text) {
  const auto wrong = [&](const std::string& what) {
    return invalid("expected a number and a span, such as \"1 per month\" or \"2 per 10 days\", got \"" +
                   std::string(text) + "\": " + what);
  };
  const std::size_t per = text.find(" per ");
  if (per == std::string_view::npos) return wrong("it has no \" per \"");
  const std::string count(text.substr(0, per));
  FalseAlarms out;
  out.text = std::string(text);
  char* end = nullptr;
  out.count = std::strtod(count.c_str(), &end);
  if (count.empty() || *end != 0 || !(out.count > 0) || !(out.count <= 1e6))
    return wrong("before \"per\" stands no number above 0");
  const std::string_view span = text.substr(per + 5);
  constexpr std::pair<std::string_view, int> units[] = {
      {"day", 1}, {"week", 7}, {"month", 30}, {"quarter", 91}, {"year", 365}};
  for (const auto& [name, length] : units)
    if (span == name) out.per = days(length);
  if (span == "hour") out.per = hours(1);
  if (out.per.ns == 0) {
    const auto length = parse_duration(span);
    if (!length || length->ns <= 0) return wrong("\"" + std::string(span) + "\" is no span");
    out.per = *length;
  }
  return out;
}

double alpha_of(const FalseAlarms& rate, const Chance& chance, std::size_t series) {
  const double reads = std::max<double>(1, chance.reads);
  const double onsets = std::min(reads, 2.6 * std::sqrt(reads));
  const double alpha = rate.count * static_cast<double>(chance.over.ns) / static_cast<double>(rate.per.ns) /
                       (onsets * static_cast<double>(std::max<std::size_t>(1, series)));
  return std::clamp(alpha, 1e-12, 0.5);
}

double auc_standard_error(double area, std::uint64_t positives, std::uint64_t negatives) {
  const auto p = static_cast<double>(positives), n = static_cast<double>(negatives);
  const double q1 = area / (2 - area), q2 = 2 * area * area / (1 + area);
  const double variance = (area * (1 - area) + (p - 1) * (q1 - area * area) + (n - 1) * (q2 - area * area)) / (p * n);
  return std::sqrt(std::max(0.0, variance));
}

double standard_error_of(const Chance& chance, double value) {
  const auto n = static_cast<double>(chance.n);
  switch (chance.kind) {
    case Kind::share: {
      const double share = (value * n + 0.5) / (n + 1);
      return n > 0 ? std::sqrt(std::max(0.0, share * (1 - share)) / n * chance.inflation) : -1;
    }
    case Kind::standard_error:
      return chance.standard_error * std::sqrt(chance.inflation);
    case Kind::auc:
      return auc_standard_error(value, chance.n, chance.m) * std::sqrt(chance.inflation);
    default:
      return -1;
  }
}

ThresholdInForce threshold_in_force(double asked, bool is_above, double alpha, const Chance& chance) {
  ThresholdInForce out;
  out.is_above = is_above;
  out.asked = out.in_force = asked;
  out.alpha = alpha;
  out.inflation = chance.inflation;
  out.is_inflation_measured = chance.is_inflation_measured;
  out.chance = chance;
  const double wider = std::sqrt(chance.inflation);
  const double side = is_above ? 1 : -1;
  double reached = asked;
  if (is_divergence(chance.kind) && is_above && chance.degrees > 0 && chance.n > 0 && chance.m > 0) {
    const double scale = 1 / static_cast<double>(chance.n) + 1 / static_cast<double>(chance.m);
    const double x = chi_square_exceeded(alpha, chance.degrees) * chance.inflation;
    reached = from_scaled(chance.kind, scale * x);
    if (reached > asked) {
      out.in_force = reached;
      out.note = too_few(out, chance, to_scaled(chance.kind, asked) / x);
    }
  } else if (chance.kind == Kind::chi_square && is_above) {
    reached = chi_square_exceeded(alpha, chance.degrees) * chance.inflation;
  } else if (chance.kind == Kind::ks && is_above) {
    reached = std::min(1.0, ks_exceeded(alpha, chance.n, chance.m) * wider);
    if (reached > asked) {
      out.in_force = reached;
      const double root = kolmogorov_exceeded(alpha) * wider / asked;
      out.note = too_few(out, chance, 1 / (root * root));
    }
  } else if (chance.kind == Kind::share && chance.n > 0) {
    // The count is discrete: the threshold is the count that chance exceeds with at most alpha, over n.
    const double share = is_above ? asked : 1 - asked;
    const std::uint64_t count = binomial_exceeded(alpha, chance.n, share);
    const auto n = static_cast<double>(chance.n);
    reached = static_cast<double>(is_above ? count : chance.n - count) / n;
    if (chance.inflation > 1) reached = std::clamp(asked + (reached - asked) * wider, 0.0, 1.0);
  } else if (chance.kind == Kind::standard_error) {
    reached = asked + side * normal_exceeded(alpha) * chance.standard_error * wider;
  } else if (chance.kind == Kind::quantile && chance.n > 0) {
    of_quantile(out, chance, wider);
    reached = out.in_force;
  } else if (chance.kind == Kind::auc && chance.n > 0 && chance.m > 0) {
    reached = std::clamp(asked + side * normal_exceeded(alpha) * wider * auc_standard_error(asked, chance.n, chance.m),
                         0.0, 1.0);
  }
  out.in_force = is_above ? std::max(asked, reached) : std::min(asked, reached);
  return out;
}

void write_chance(ByteWriter& out, const Chance& c) {
  out.put(c.kind);
  out.put(static_cast<std::uint8_t>(c.is_inflation_measured));
  out.put(c.degrees);
  out.put(c.reads);
  out.put(c.over.ns);
  out.put(c.n);
  out.put(c.m);
  out.put(c.standard_error);
  out.put(c.inflation);
  out.put(c.q);
  out.put(c.value);
  out.put(static_cast<std::uint64_t>(c.ranks.size()));
  for (const auto& [rank, value] : c.ranks) {
    out.put(rank);
    out.put(value);
  }
}

Chance read_chance(ByteReader& in) {
  Chance c;
  c.kind = in.get<Kind>();
  if (c.kind > Kind::quantile) in.fail();
  c.is_inflation_measured = in.get<std::uint8_t>() != 0;
  c.degrees = in.get<std::uint32_t>();
  if (c.degrees > 100'000) in.fail();
  c.reads = in.get<std::uint32_t>();
  c.over.ns = in.nanoseconds();
  c.n = in.get<std::uint64_t>();
  c.m = in.get<std::uint64_t>();
  c.standard_error = in.get<double>();
  c.inflation = in.get<double>();
  c.q = in.get<double>();
  c.value = in.get<double>();
  for (std::size_t i = in.count(16); i > 0 && in.good(); --i) {
    const auto rank = in.get<std::uint64_t>();
    c.ranks.emplace_back(rank, in.get<double>());
  }
  return c;
}

void write_threshold(ByteWriter& out, const ThresholdInForce& t) {
  out.put(t.severity);
  out.put(static_cast<std::uint8_t>(t.is_above));
  out.put(static_cast<std::uint8_t>(t.is_inflation_measured));
  for (const double v : {t.asked, t.in_force, t.alpha, t.inflation}) out.put(v);
  out.text(t.false_alarms);
  out.text(t.note);
}

ThresholdInForce read_threshold(ByteReader& in) {
  ThresholdInForce t;
  t.severity = in.get<std::uint8_t>();
  t.is_above = in.get<std::uint8_t>() != 0;
  t.is_inflation_measured = in.get<std::uint8_t>() != 0;
  for (double* v : {&t.asked, &t.in_force, &t.alpha, &t.inflation}) *v = in.get<double>();
  t.false_alarms = in.text();
  t.note = in.text();
  return t;
}

std::string thresholds_json(const std::vector<ThresholdInForce>& thresholds, std::uint8_t severity) {
  std::string out;
  std::size_t count = 0;
  for (const ThresholdInForce& t : thresholds) {
    if (severity != 0 && t.severity != severity) continue;
    out += count++ ? "," : "";
    out += "{\"asked\":" + format_number(t.asked) + ",\"in_force\":" + format_number(t.in_force) +
           ",\"false_alarms\":\"" + json_escape(t.false_alarms) + "\",\"alpha\":" + format_number(t.alpha) +
           ",\"inflation\":" + format_number(t.inflation);
    out += t.is_inflation_measured ? "" : ",\"inflation_is\":\"assumed\"";
    if (!t.note.empty()) out += ",\"note\":\"" + json_escape(t.note) + "\"";
    out += "}";
  }
  return count > 1 ? "[" + out + "]" : out;
}

}  // namespace tidewatch
