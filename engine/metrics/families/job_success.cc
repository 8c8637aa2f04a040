// job_success: due runs that were answered in time over due runs. A schedule says when runs are due ("21:00" on the
// days of a calendar, in a zone, or "every 1h"); a row answers a run when it comes within `within` of it, or, with
// `covers`, when a row by then holds a date that reaches the due day. A run that never started is a failure; one whose
// time is not over yet is pending and counts for nothing.
#include <algorithm>
#include <charconv>

#include "base/calendar.h"
#include "metrics/families/family_of.h"
#include "metrics/families/ordered_rows.h"

namespace tidewatch {
namespace {

struct Schedule {
  Duration every{0};
  std::vector<std::string> times;  // of the day, "HH:MM"
};

Result<Schedule> parse_schedule(const std::string& text) {
  const Error bad =
      invalid("job_success: expected schedule = \"21:00\", \"09:00, 21:00\" or \"every 1h\", got \"" + text + "\"");
  Schedule out;
  if (text.rfind("every ", 0) == 0) {
    const auto every = parse_duration(std::string_view(text).substr(6));
    if (!every || every->ns < minutes(1).ns) return bad;
    out.every = *every;
    return out;
  }
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    std::string_view item = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    int hour = 0, minute = 0;
    if (item.size() != 5 || item[2] != ':') return bad;
    const auto [h, h_code] = std::from_chars(item.data(), item.data() + 2, hour);
    const auto [m, m_code] = std::from_chars(item.data() + 3, item.data() + 5, minute);
    if (h_code != std::errc() || m_code != std::errc() || h != item.data() + 2 || m != item.data() + 5 || hour > 23 ||
        minute > 59)
      return bad;
    out.times.emplace_back(item);
  }
  if (out.times.empty()) return bad;
  return out;
}

// In a row first = the local day that `covers` reaches.
class JobSuccess final : public FamilyOf<JobSuccess, OrderedState> {
 public:
  JobSuccess(Schedule schedule, Calendar calendar, std::string zone, std::optional<std::size_t> covers)
      : schedule_(std::move(schedule)), calendar_(std::move(calendar)), zone_(std::move(zone)), covers_(covers) {}

  void add_one(OrderedState& state, const Batch& batch, std::uint32_t row) const {
    double day = 0;
    if (covers_) {
      if (batch.columns[*covers_].null[row]) {
        ++state.tally.nulls;
        return;
      }
      day = local_day({batch.columns[*covers_].integers[row]}, zone_);
    }
    ++state.tally.n;
    state.rows.push_back({batch.time(row).ns, day, 0});
  }
  void read_one(const OrderedState& state, const MetricSpec& spec, const ReadContext& context, Reading& out) const {
    state.tally.show(out, "");
    const auto rows = in_order(state.rows);
    std::vector<double> reached;  // the furthest day covered by row i and those before it
    for (const OrderedRow& row : rows)
      reached.push_back(std::max(row.first, reached.empty() ? row.first : reached.back()));
    std::uint64_t due = 0, answered = 0, pending = 0;
    const auto judge = [&](Instant at, CivilDay day) {
      if (at < context.from || at >= context.to) return;
      if (at + spec.within > context.to) {
        ++pending;
        return;
      }
      ++due;
      const auto end = std::upper_bound(rows.begin(), rows.end(), (at + spec.within).ns,
                                        [](std::int64_t t, const OrderedRow& row) { return t < row.time_ns; });
      if (end == rows.begin()) return;
      const auto last = static_cast<std::size_t>(end - rows.begin()) - 1;
      answered += covers_ ? reached[last] >= day : rows[last].time_ns >= at.ns;
    };
    if (schedule_.every.ns > 0) {
      for (Instant at = ceil_to(context.from, schedule_.every); at < context.to; at = at + schedule_.every)
        judge(at, local_day(at, zone_));
    } else {
      const CivilDay last = local_day(context.to, zone_);
      for (CivilDay day = local_day(context.from, zone_); day <= last; ++day) {
        if (!calendar_.is_business_day(day)) continue;
        for (const std::string& time : schedule_.times)
          if (const auto at = parse_instant(format_day(day) + "T" + time + ":00", zone_)) judge(*at, day);
      }
    }
    out.n = due;  // runs, not rows: what min_n and the interval are about
    std::optional<double> value;
    if (due) value = static_cast<double>(answered) / static_cast<double>(due);
    settle(out, spec, value, "no run was due");
    set_wilson(out, answered, due);
    if (pending) out.text = std::to_string(pending) + " pending";
  }
  bool merges_at_once(const FamilyState&) const override { return true; }
  std::size_t row_bytes() const override { return sizeof(OrderedRow); }
  std::vector<std::size_t> needed_columns() const override {
    return covers_ ? std::vector<std::size_t>{*covers_} : std::vector<std::size_t>{};
  }

 private:
  Schedule schedule_;
  Calendar calendar_;
  std::string zone_;
  std::optional<std::size_t> covers_;
};

}  // namespace

FamilyMade make_job_success(const FamilyInput& input) {
  const MetricSpec& spec = input.spec;
  auto schedule = parse_schedule(spec.schedule);
  if (!schedule) return schedule.error();
  if (spec.within.ns <= 0) return invalid("job_success: expected how long a run may take: within = \"24h\"");
  auto calendar = Calendar::named(spec.calendar);
  if (!calendar) return calendar.error();
  if (auto zone = check_zone(spec.zone); !zone) return zone.error();
  std::optional<std::size_t> covers;
  if (!spec.covers.empty()) {
    covers = input.stream.schema.find(spec.covers);
    if (!covers || input.stream.schema.columns[*covers].type != ColumnType::time)
      return invalid("job_success: expected covers to name a column of type time, got \"" + spec.covers + "\"");
  }
  return FamilyMade(std::make_unique<JobSuccess>(std::move(*schedule), std::move(*calendar), spec.zone, covers));
}

}  // namespace tidewatch
