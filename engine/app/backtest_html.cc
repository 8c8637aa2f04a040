// `tidewatch backtest --html`: one file without scripts or addresses, to mail to a colleague. Each monitor's value
// over time with its thresholds and firing spans, as SVG; a long series is drawn as the least and greatest value of
// each pixel column, so that no spike is lost to sampling.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "app/backtest.h"
#include "base/text.h"

namespace tidewatch {

namespace {

constexpr double plot_width = 900, plot_height = 130;

std::string fixed(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", v);
  return text;
}

std::string short_number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", v);
  return text;
}

struct Scale {
  Instant from, to;
  double low, high;
  double x(Instant t) const {
    const double span = std::max(1.0, (to - from).seconds());
    return std::clamp((t - from).seconds() / span, 0.0, 1.0) * plot_width;
  }
  double y(double v) const { return plot_height - 8 - (v - low) / (high - low) * (plot_height - 16); }
};

void threshold_values(const Condition& c, std::vector<double>& out) {
  if (c.kind == Condition::Kind::above || c.kind == Condition::Kind::outside) out.push_back(c.high);
  if (c.kind == Condition::Kind::below || c.kind == Condition::Kind::outside) out.push_back(c.low);
}

Scale scale_of(const MonitorHistory& m, const BacktestResult& r) {
  Scale s{r.from, r.to, HUGE_VAL, -HUGE_VAL};
  std::vector<double> points;
  for (const auto& v : m.values)
    if (v.value) points.push_back(*v.value);
  for (const auto& [severity, condition] : m.monitor->thresholds) threshold_values(condition, points);
  for (const double p : points) {
    s.low = std::min(s.low, p);
    s.high = std::max(s.high, p);
  }
  if (points.empty()) s.low = 0, s.high = 1;
  if (s.high - s.low < 1e-12 * std::max(1.0, std::abs(s.high))) s.low -= 0.5, s.high += 0.5;
  return s;
}

std::string value_path(const MonitorHistory& m, const Scale& s) {
  struct Pixel {
    double low = HUGE_VAL, high = -HUGE_VAL, first = 0, last = 0;
    bool is_set = false;
  };
  std::vector<Pixel> pixels(static_cast<std::size_t>(plot_width) + 1);
  for (const auto& v : m.values) {
    if (!v.value) continue;
    Pixel& p = pixels[static_cast<std::size_t>(s.x(v.at))];
    if (!p.is_set) p.first = *v.value;
    p.is_set = true;
    p.last = *v.value;
    p.low = std::min(p.low, *v.value);
    p.high = std::max(p.high, *v.value);
  }
  std::string path;
  std::size_t previous = 0;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const Pixel& p = pixels[i];
    if (!p.is_set) continue;
    const std::string x = std::to_string(i);
    path += (path.empty() || i - previous > 25 ? "M" : "L") + x + " " + fixed(s.y(p.first));
    if (p.high > p.low) path += "V" + fixed(s.y(p.low)) + "V" + fixed(s.y(p.high)) + "V" + fixed(s.y(p.last));
    previous = i;
  }
  return path;
}

std::string plot(const MonitorHistory& m, const BacktestResult& r) {
  const Scale s = scale_of(m, r);
  std::string svg = "<svg viewBox=\"0 0 " + fixed(plot_width) + " " + fixed(plot_height) +
                    "\" role=\"img\" aria-label=\"" + markup_escape(m.monitor->name) + " over time\">";
  for (const auto& span : m.spans) {
    const double from = s.x(span.from), to = s.x(span.to.value_or(r.to)), pending = s.x(span.pending_from);
    const std::string tip = std::string(name_of(span.severity)) + " from " + format_instant(span.from) + " to " +
                            (span.to ? format_instant(*span.to) : "the end");
    if (from > pending)
      svg += "<rect class=\"pending\" x=\"" + fixed(pending) + "\" width=\"" + fixed(from - pending) + "\" height=\"" +
             fixed(plot_height) + "\"/>";
    svg += "<rect class=\"" + std::string(name_of(span.severity)) + "\" x=\"" + fixed(from) + "\" width=\"" +
           fixed(std::max(1.0, to - from)) + "\" height=\"" + fixed(plot_height) + "\"><title>" + markup_escape(tip) +
           "</title></rect>";
  }
  for (const auto& [severity, condition] : m.monitor->thresholds) {
    std::vector<double> levels;
    threshold_values(condition, levels);
    for (const double level : levels)
      svg += "<line class=\"at-" + std::string(name_of(severity)) + "\" x1=\"0\" x2=\"" + fixed(plot_width) +
             "\" y1=\"" + fixed(s.y(level)) + "\" y2=\"" + fixed(s.y(level)) + "\"/>";
  }
  svg += "<path d=\"" + value_path(m, s) + "\"/>";
  svg += "<text x=\"4\" y=\"11\">" + short_number(s.high) + "</text><text x=\"4\" y=\"" + fixed(plot_height - 3) +
         "\">" + short_number(s.low) + "</text>";
  return svg + "</svg>";
}

constexpr const char* style = R"(
:root{color-scheme:light dark;--line:#205493;--grid:#8884;--ink:#1c2733;--paper:#fff;--soft:#5b6b7b;--info:#4a90d955;--warning:#e6a70055;--critical:#d0312d66;--pending:#8883}
@media(prefers-color-scheme:dark){:root{--line:#8ec1ff;--ink:#e5ebf1;--paper:#12181f;--soft:#9aa9b8}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:960px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .2rem}p{margin:.2rem 0 .6rem;color:var(--soft)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:right;padding:.25rem .5rem;border-bottom:1px solid var(--grid)}
th:first-child,td:first-child{text-align:left}th{font-weight:600;color:var(--soft)}a{color:inherit}
svg{width:100%;height:auto;border:1px solid var(--grid);border-radius:4px}path{fill:none;stroke:var(--line);stroke-width:1.2}
line{stroke-width:1;stroke-dasharray:5 4}.at-info{stroke:#4a90d9}.at-warning{stroke:#c98f00}.at-critical{stroke:#d0312d}
rect.info{fill:var(--info)}rect.warning{fill:var(--warning)}rect.critical{fill:var(--critical)}rect.pending{fill:var(--pending)}
text{font-size:10px;fill:var(--soft)}.axis{display:flex;justify-content:space-between;font-size:.8rem;color:var(--soft)}details{margin:.3rem 0}summary{cursor:pointer;color:var(--soft)}
)";

}  // namespace

std::string backtest_html(const BacktestResult& r) {
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\">"
      "<title>Backtest of " +
      markup_escape(r.pack) + "</title><style>" + style + "</style></head><body>\n";
  out += "<h1>Backtest of " + markup_escape(r.pack) + "</h1><p>" + with_thousands(r.records) + " records, " +
         format_instant(r.from) + " to " + format_instant(r.to) + ", " + with_thousands(r.evaluations) +
         " evaluations, " + with_thousands(r.notifications.size()) + " notifications" +
         (r.rejected ? ", " + with_thousands(r.rejected) + " rows rejected" : "") + ".</p>\n";
  out +=
      "<table><thead><tr><th>Monitor</th><th>Fired</th><th>Firing for</th><th>Median</th><th>Longest</th><th>Share of "
      "time</th>"
      "<th>Near misses</th><th>No verdict</th></tr></thead><tbody>\n";
  const double span = std::max(1.0, (r.to - r.from).seconds());
  for (std::size_t i = 0; i < r.monitors.size(); ++i) {
    const MonitorHistory& m = r.monitors[i];
    std::vector<Duration> lengths;
    Duration total{0};
    for (const auto& s : m.spans) {
      lengths.push_back(s.to.value_or(r.to) - s.from);
      total = total + lengths.back();
    }
    std::sort(lengths.begin(), lengths.end());
    char share[32], missing[32];
    std::snprintf(share, sizeof share, "%.2f %%", 100 * total.seconds() / span);
    std::snprintf(missing, sizeof missing, "%.1f %%",
                  m.evaluations ? 100.0 * static_cast<double>(m.not_ok) / static_cast<double>(m.evaluations) : 0.0);
    const auto length = [&](bool any, Duration d) {
      return any ? format_duration({d.ns / seconds(60).ns * seconds(60).ns}) : std::string("–");
    };
    out += "<tr><td><a href=\"#m" + std::to_string(i) + "\">" +
           markup_escape(m.monitor->name + (m.labels.empty() ? "" : " " + m.labels.text())) + "</a></td><td>" +
           std::to_string(m.spans.size()) + "</td><td>" + length(!lengths.empty(), total) + "</td><td>" +
           length(!lengths.empty(), lengths.empty() ? Duration{} : lengths[lengths.size() / 2]) + "</td><td>" +
           length(!lengths.empty(), lengths.empty() ? Duration{} : lengths.back()) + "</td><td>" + share + "</td><td>" +
           std::to_string(m.pending_only.size()) + "</td><td>" + missing + "</td></tr>\n";
  }
  out += "</tbody></table>\n";
  std::string never_quiet;
  for (std::size_t i = 0; i < r.monitors.size(); ++i) {
    const MonitorHistory& m = r.monitors[i];
    for (const auto& rule : m.never_quiet) {
      const auto condition = std::find_if(m.monitor->thresholds.begin(), m.monitor->thresholds.end(),
                                          [&](const auto& each) { return each.first == rule.severity; });
      const std::string quieter = condition == m.monitor->thresholds.end() ? "" : quieter_text(rule, condition->second);
      never_quiet += "<tr><td><a href=\"#m" + std::to_string(i) + "\">" +
                     markup_escape(m.monitor->name + (m.labels.empty() ? "" : " " + m.labels.text())) +
                     "</a></td><td>" + markup_escape(std::string(name_of(rule.severity)) + " " + rule.rule) +
                     "</td><td>" + with_thousands(m.verdicts) + "</td><td>" + markup_escape(quieter) + "</td></tr>\n";
    }
  }
  if (!never_quiet.empty())
    out +=
        "<h2>Never quiet</h2><p>True at every verdict, so they tell nobody anything.</p><table><thead><tr>"
        "<th>Monitor</th><th>Rule</th><th>Verdicts</th><th></th></tr></thead><tbody>\n" +
        never_quiet + "</tbody></table>\n";
  for (std::size_t i = 0; i < r.monitors.size(); ++i) {
    const MonitorHistory& m = r.monitors[i];
    out += "<h2 id=\"m" + std::to_string(i) + "\">" +
           markup_escape(m.monitor->name + (m.labels.empty() ? "" : " " + m.labels.text())) + "</h2><p>" +
           markup_escape((m.monitor->layer.empty() ? "" : m.monitor->layer + " layer. ") + m.monitor->rule) + "</p>" +
           plot(m, r) + "<div class=\"axis\"><span>" + format_instant(r.from).substr(0, 10) + "</span><span>" +
           format_instant(r.to).substr(0, 10) + "</span></div>\n";
    if (m.spans.empty()) continue;
    out += "<details><summary>" + std::to_string(m.spans.size()) +
           " firings</summary><table><thead><tr><th>Severity</th><th>Pending from</th>"
           "<th>Fired</th><th>Ended</th></tr></thead><tbody>";
    for (std::size_t k = 0; k < std::min<std::size_t>(m.spans.size(), 500); ++k) {
      const auto& s = m.spans[k];
      out += "<tr><td>" + std::string(name_of(s.severity)) + "</td><td>" + format_instant(s.pending_from) +
             "</td><td>" + format_instant(s.from) + "</td><td>" + (s.to ? format_instant(*s.to) : "still firing") +
             "</td></tr>";
    }
    out += "</tbody></table></details>\n";
  }
  return out + "</body></html>\n";
}

}  // namespace tidewatch
