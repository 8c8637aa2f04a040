#include "app/backtest.h"

#include <algorithm>
#include <memory>

#include "app/quiet_track.h"
#include "base/text.h"
#include "core/baseline_file.h"

namespace tidewatch {

namespace {

// Collects what each instance did, from the evaluations themselves: a span opens and closes where the state changed.
class Recorder : public EvaluationObserver {
 public:
  explicit Recorder(const BacktestOptions& options) : options_(options) {}

  void evaluated(const MonitorSpec& monitor, const LabelSet& labels, Instant at, const Observation& seen,
                 const AlertInstance& alert, std::uint32_t& mark) override {
    if (mark == 0) mark = number_of(monitor, labels);
    Track& track = *tracks_[mark - 1];
    const Reading& reading = *seen.reading;
    track.quiet.take(seen, at, reading);
    if (reading.baseline) {
      track.history.baseline = reading.baseline;
      track.history.baseline_n = reading.baseline_n;
    }
    MonitorHistory& h = track.history;
    const AlertState state = alert.state();
    const Severity severity = alert.severity();
    ++h.evaluations;
    if (reading.status != Status::ok) ++h.not_ok;
    if (reading.value) h.last = reading.value;
    if (!reading.thresholds.empty()) h.in_force = reading.thresholds;
    if (track.keeps_values) {
      h.values.push_back({at, reading.value, reading.text, reading.n, reading.status, state, severity, {}});
      for (const auto& threshold : reading.thresholds) h.values.back().in_force.push_back(threshold.in_force);
    }
    if (state == AlertState::pending && track.state != AlertState::pending) track.pending_from = at;
    if (track.state == AlertState::firing && (state != AlertState::firing || severity != track.severity))
      h.spans.back().to = at;
    if (state == AlertState::firing && (track.state != AlertState::firing || severity != track.severity)) {
      h.spans.push_back({severity, alert.active_at().value_or(at), at, std::nullopt});
    }
    if (track.state == AlertState::pending && state == AlertState::ok)
      h.pending_only.push_back({track.pending_from, at});
    track.state = state;
    track.severity = severity;
  }

  std::vector<MonitorHistory> take() {
    std::vector<MonitorHistory> out;
    out.reserve(tracks_.size());
    for (auto& [id, judged] : monitors_) {
      while (!judged.tracks.empty()) {
        auto node = judged.tracks.extract(judged.tracks.begin());
        Track& track = node.mapped();
        track.quiet.tell(*judged.spec, track.history);
        if (track.state == AlertState::pending)
          track.history.pending_only.push_back({track.pending_from, std::nullopt});
        out.push_back(std::move(track.history));
        out.back().labels = std::move(node.key());
      }
    }
    return out;
  }

 private:
  struct Track {
    MonitorHistory history;
    AlertState state = AlertState::ok;
    Severity severity = Severity::none;
    Instant pending_from{};
    bool keeps_values = false;
    QuietTrack quiet;
  };
  struct Judged {
    std::shared_ptr<const JudgedMonitor> monitor;
    const MonitorSpec* spec = nullptr;  // of the pack, which outlives this
    std::map<LabelSet, Track> tracks;
    bool keeps_values = false;
  };

  std::uint32_t number_of(const MonitorSpec& monitor, const LabelSet& labels) {
    Judged& judged = monitors_[monitor.id];
    if (!judged.monitor) begin(monitor, judged);
    // Label sets come in label order.
    const auto place = judged.tracks.try_emplace(judged.tracks.end(), labels);
    Track& track = place->second;
    track.history.monitor = judged.monitor;
    track.keeps_values = judged.keeps_values;
    tracks_.push_back(&track);
    return static_cast<std::uint32_t>(tracks_.size());
  }

  void begin(const MonitorSpec& monitor, Judged& judged) {
    auto words = std::make_shared<JudgedMonitor>();
    judged.spec = &monitor;
    words->name = monitor.name;
    words->layer = monitor.layer;
    judged.keeps_values = options_.keep_values || std::find(options_.values.begin(), options_.values.end(),
                                                            monitor.name) != options_.values.end();
    for (std::size_t s = 3; s >= 1; --s) {
      if (!monitor.rules[s]) continue;
      words->thresholds.emplace_back(static_cast<Severity>(s), monitor.rules[s]->condition);
      words->rule += (words->rule.empty() ? "" : "; ") + std::string(name_of(static_cast<Severity>(s))) + " " +
                     monitor.rules[s]->describe();
    }
    if (monitor.judge >= 0) words->rule = "judged by a function";
    judged.monitor = std::move(words);
  }

  const BacktestOptions& options_;
  std::map<std::string, Judged> monitors_;  // by id
  std::vector<Track*> tracks_;              // mark 1 = the first
};

// Why there is nothing to go through: a run over no row would say that all was quiet.
Error no_rows(const std::map<std::string, History>& histories, const BacktestResult& result,
              const BacktestOptions& options) {
  Instant first = far_future, last = far_past;
  for (const auto& [stream, history] : histories) {
    if (history.order.empty()) continue;
    first = std::min(first, history.order.front().at);
    last = std::max(last, history.order.back().at);
  }
  if (first != far_future)
    return invalid("no record lies in the time asked for" +
                   (options.from == far_past ? "" : ", from " + format_instant(options.from)) +
                   (options.to == far_future ? "" : ", to " + format_instant(options.to)) + "; the data is from " +
                   format_instant(first) + " to " + format_instant(last));
  std::string out = "the data has no record that can be used";
  if (!result.first_rejects.empty()) {
    const Rejected& r = result.first_rejects.front();
    out += ": " + with_thousands(result.rejected) + " were rejected, the first in line " + std::to_string(r.line) +
           ": " + r.reason + ": " + r.detail;
  }
  return invalid(out);
}

}  // namespace

Result<std::vector<std::string>> give_baselines(Core& core, const std::map<std::string, History>& histories) {
  std::vector<std::string> notes;
  for (const auto& b : core.pack().baselines) {
    if (!b.file.empty()) {
      auto given = give_baseline_file(core, b);
      if (!given) return given.error();
      if (!given->empty()) notes.push_back(std::move(*given));
    } else if (const auto it = histories.find(b.stream); it != histories.end()) {
      const auto& order = it->second.order;
      const auto before = [](const History::Row& r, Instant t) { return r.at < t; };
      const auto first =
          static_cast<std::size_t>(std::lower_bound(order.begin(), order.end(), b.from, before) - order.begin());
      const auto last =
          static_cast<std::size_t>(std::lower_bound(order.begin(), order.end(), b.to, before) - order.begin());
      if (last == first) continue;
      core.baseline_rows(b.name, it->second.take(first, last));
      core.baseline_seal(b.name);
    }
  }
  return notes;
}

Result<BacktestResult> backtest(ScriptPack& pack, const BacktestOptions& options,
                                const std::map<std::string, History>& histories, const Progress& progress) {
  auto made = Core::create(pack.spec(), &pack, &pack);
  if (!made) return made.error();
  Core& core = **made;
  auto notes = give_baselines(core, histories);
  if (!notes) return notes.error();

  BacktestResult result;
  result.notes = std::move(*notes);
  result.pack = pack.spec().name;
  Recorder recorder(options);
  core.observe(&recorder);
  CoreOutput out;
  out.keeps_journal = false;

  struct Cursor {
    const std::string* stream;
    const History* history;
    std::size_t next, end;
    Duration span;
  };
  std::vector<Cursor> cursors;
  std::uint64_t total = 0, fed = 0;
  Instant last = far_past, first = far_future;
  const auto before = [](const History::Row& r, Instant t) { return r.at < t; };
  for (const auto& [stream, history] : histories) {
    const auto& order = history.order;
    const auto begin = std::lower_bound(order.begin(), order.end(), options.from, before);
    const auto end = std::lower_bound(order.begin(), order.end(), options.to, before);
    result.records += history.received;
    result.rejected += history.rejected;
    for (const auto& r : history.rejected_by) result.rejected_by.push_back(r);
    for (const auto& r : history.first_rejects) result.first_rejects.push_back(r);
    if (begin == end) continue;
    cursors.push_back({&stream, &history, static_cast<std::size_t>(begin - order.begin()),
                       static_cast<std::size_t>(end - order.begin()), core.feed_span(stream)});
    total += static_cast<std::uint64_t>(end - begin);
    first = std::min(first, begin->at);
    last = std::max(last, (end - 1)->at);
  }
  if (options.to != far_future) last = std::max(last, options.to);
  if (total == 0) return no_rows(histories, result, options);
  result.from = first;
  result.to = last;

  core.tick(result.from - nanoseconds(1), out);  // every monitor takes its place on the clock

  // At one instant rows come before the tick, so a tick sees what was true at that instant.
  std::uint64_t said = 0;
  Batch made_of_parts;
  for (;;) {
    Cursor* next = nullptr;
    for (auto& c : cursors)
      if (c.next < c.end && (!next || c.history->order[c.next].at < next->history->order[next->next].at)) next = &c;
    const Instant due = core.next_due();
    if (!next) {
      if (due > last) break;
      core.tick(due, out);
      continue;
    }
    const Instant row_at = next->history->order[next->next].at;
    if (due < row_at) {
      core.tick(due, out);
      continue;
    }
    const auto& order = next->history->order;
    Instant limit = next->span.ns == 0 ? row_at : ceil_to(row_at, next->span);
    limit = std::min(limit, std::max(due, row_at));
    std::size_t to = next->next;
    // Where rows of one decoded batch end, so does a batch fed by span: the rows then need no joining.
    const std::uint32_t decoded = order[to].batch;
    const bool may_split = next->span.ns != 0;
    while (to < next->end && order[to].at <= limit && to - next->next < 8192 &&
           !(may_split && order[to].batch != decoded && to - next->next >= 256))
      ++to;
    const Batch& batch = next->history->part(next->next, to, made_of_parts);
    const auto refused = core.feed(*next->stream, *next->stream, batch, order[to - 1].at, out, false);
    for (const auto& r : refused)
      if (result.first_rejects.size() < 20) result.first_rejects.push_back(r);
    fed += to - next->next;
    next->next = to;
    if (progress && fed - said > total / 200 + 1) {
      said = fed;
      progress(fed, total);
    }
  }
  result.evaluations = core.counters().evaluations;
  for (const auto& s : pack.spec().streams)
    if (const StreamCounters* c = core.metrics().counters(s.name)) {
      const std::uint64_t refused = c->too_late + c->future;
      result.rejected += refused;
      if (c->too_late) result.rejected_by.emplace_back("too_late", c->too_late);
    }
  result.monitors = recorder.take();
  result.notifications = std::move(out.notifications);
  result.script_output = pack.take_output();
  core.observe(nullptr);
  result.core = std::move(*made);
  return result;
}

}  // namespace tidewatch
