// The checkpoint, keyed by names, so that an edited pack takes over what still exists; what it no longer has is ended
// at the next input.
#include "core/state.h"

#include <algorithm>

namespace tidewatch {

namespace {

constexpr std::uint32_t checkpoint_version = 4;  // 4: what was never quiet; baselines are the metrics'

void put_instant(ByteWriter& out, Instant t) { out.put(t.ns); }
Instant get_instant(ByteReader& in) { return {in.nanoseconds()}; }

void write_health(ByteWriter& out, const Health& h) {
  out.put(static_cast<std::uint8_t>(h.is_active));
  put_instant(out, h.since);
  out.put(h.told);
}

void read_health(ByteReader& in, Health& h) {
  h.is_active = in.get<std::uint8_t>() != 0;
  h.since = get_instant(in);
  h.told = in.get<std::uint64_t>();
}

}  // namespace

std::string fingerprint_of(const MonitorSpec& m, const std::vector<HandleSpec>& handles) {
  std::string out;
  if (m.value >= 0) out += "value=" + describe(handles[static_cast<std::size_t>(m.value)], handles) + "\n";
  for (std::size_t s = 1; s < 4; ++s)
    if (m.rules[s]) out += std::string(name_of(static_cast<Severity>(s))) + "=" + m.rules[s]->describe() + "\n";
  out += "layer=" + m.layer + "\nteam=" + m.team + "\nrunbook=" + m.runbook + "\n";
  for (const auto& [k, v] : m.labels) out += "labels." + k + "=" + v + "\n";
  for (const auto& [k, v] : m.annotations) out += "annotations." + k + "=" + v + "\n";
  return out;
}

std::string edited_fields(const std::string& before, const std::string& after) {
  const auto fields = [](const std::string& text) {
    std::map<std::string, std::string> out;
    for (std::size_t at = 0; at < text.size();) {
      // A damaged text may end without a line end.
      const auto end = std::min(text.find('\n', at), text.size());
      const auto line = text.substr(at, end - at);
      out[line.substr(0, line.find('='))] = line;
      at = end + 1;
    }
    return out;
  };
  const auto old_fields = fields(before), new_fields = fields(after);
  std::set<std::string> changed;
  for (const auto& [name, line] : new_fields)
    if (!old_fields.contains(name) || old_fields.at(name) != line) changed.insert(name);
  for (const auto& [name, line] : old_fields)
    if (!new_fields.contains(name)) changed.insert(name);
  std::string out;
  for (const auto& name : changed) out += (out.empty() ? "" : ", ") + name;
  return out;
}

void Core::save(ByteWriter& out) const {
  const State& s = *state_;
  out.put(checkpoint_version);
  put_instant(out, s.now);
  out.put(s.counters.evaluations);
  out.put(s.counters.missed);
  out.put(s.counters.batches);
  out.put(s.counters.ticks);
  out.put(s.counters.script_errors);
  const std::size_t metrics = out.begin_text();
  s.metrics->save(out);
  out.end_text(metrics);
  s.scripts->save(out);
  out.put(static_cast<std::uint64_t>(s.where_errors.size()));
  for (const auto& [name, health] : s.where_errors) {
    out.text(name);
    write_health(out, health);
  }
  out.put(static_cast<std::uint64_t>(s.monitors.size()));
  for (const auto& run : s.monitors) {
    out.text(s.spec(run).id);
    out.text(run.fingerprint);
    std::string by;
    for (const auto& b : run.by) by += b + "\n";
    out.text(by);
    put_instant(out, run.next_due);
    put_instant(out, run.last_evaluated);
    write_health(out, run.error);
    write_health(out, run.overflow);
    write_health(out, run.evicted);
    out.put(static_cast<std::uint8_t>(run.missed_from.has_value()));
    if (run.missed_from) run.missed_from->write(out);
    put_instant(out, run.missed_since);
    out.put(static_cast<std::uint64_t>(run.entries.size()));
    for (const auto& [labels, e] : run.entries) {
      labels.write(out);
      e.instance.write(out);
      out.put(e.told);
      put_instant(out, e.last_data);
      put_instant(out, e.last_seen);
      out.put(static_cast<std::uint8_t>(e.previous_value.has_value()));
      out.put(e.previous_value.value_or(0.0));
      out.text(e.previous_text);
      out.put(e.quietness.verdicts);
      put_instant(out, e.quietness.first);
      out.put(e.quietness.was_quiet);
    }
  }
}

Done Core::restore(ByteReader& in) {
  State& s = *state_;
  const auto version = in.get<std::uint32_t>();
  if (version != checkpoint_version)
    return invalid("checkpoint version: expected " + std::to_string(checkpoint_version) + ", got " +
                   std::to_string(version));
  s.now = get_instant(in);
  s.counters.evaluations = in.get<std::uint64_t>();
  s.counters.missed = in.get<std::uint64_t>();
  s.counters.batches = in.get<std::uint64_t>();
  s.counters.ticks = in.get<std::uint64_t>();
  s.counters.script_errors = in.get<std::uint64_t>();
  const std::string metrics = in.text();
  ByteReader metrics_in(metrics);
  if (in.good())
    if (auto restored = s.metrics->restore(metrics_in); !restored) return restored;
  if (const Done restored = s.scripts->restore(in); !restored) return restored;
  const auto units = in.count();
  for (std::size_t i = 0; i < units && in.good(); ++i) {
    const std::string name = in.text();
    read_health(in, s.where_errors[name]);
  }
  std::map<std::string, std::size_t, std::less<>> by_id;
  for (std::size_t i = 0; i < s.monitors.size(); ++i) {
    const MonitorSpec& m = s.spec(s.monitors[i]);
    by_id[m.id] = i;
    if (!m.was.empty()) by_id[m.pack + "/" + m.was] = i;
  }
  const auto monitors = in.count();
  for (std::size_t i = 0; i < monitors && in.good(); ++i) {
    const std::string id = in.text(), fingerprint = in.text(), by = in.text();
    MonitorRuntime* run = nullptr;
    if (const auto found = by_id.find(id); found != by_id.end()) run = &s.monitors[found->second];
    MonitorRuntime dropped;
    MonitorRuntime& into = run ? *run : dropped;
    into.next_due = get_instant(in);
    into.last_evaluated = get_instant(in);
    read_health(in, into.error);
    read_health(in, into.overflow);
    read_health(in, into.evicted);
    into.missed_from.reset();
    if (in.get<std::uint8_t>() != 0) into.missed_from = LabelSet::read(in);
    into.missed_since = get_instant(in);
    std::string now_by;
    for (const auto& b : into.by) now_by += b + "\n";
    const bool is_same_by = run && now_by == by;
    const auto entries = in.count();
    for (std::size_t k = 0; k < entries && in.good(); ++k) {
      const LabelSet labels = LabelSet::read(in);
      Entry e;
      if (auto read = e.instance.read(in); !read) return read;
      e.told = in.get<std::uint64_t>();
      e.last_data = get_instant(in);
      e.last_seen = get_instant(in);
      const bool has_previous = in.get<std::uint8_t>() != 0;
      const double previous = in.get<double>();
      if (has_previous) e.previous_value = previous;
      e.previous_text = in.text();
      e.quietness.verdicts = in.get<std::uint64_t>();
      e.quietness.first = get_instant(in);
      e.quietness.was_quiet = in.get<std::uint8_t>();
      if (run && run->fingerprint != fingerprint) e.quietness = {};  // another rule
      if (is_same_by)
        into.entries.emplace(labels, std::move(e));
      else
        s.removed.push_back({id, run ? "label sets changed" : "monitor removed", labels, std::move(e)});
    }
    if (!run) continue;
    if (into.fingerprint != fingerprint) {
      into.next_due = s.now == far_past ? far_past : ceil_to(s.now, into.every);
      JournalRow row;
      row.monitor = s.spec(into).id;
      row.kind = "edited";
      row.reason = "edited: " + edited_fields(fingerprint, into.fingerprint);
      row.evidence = "{}";
      s.edits.push_back(std::move(row));
    } else if (into.next_due != far_past && into.next_due != far_future) {
      into.next_due = ceil_to(into.next_due, s.spec(into).on_arrival ? seconds(1) : into.every);
    }
  }
  s.set_all_due_again();
  if (!in.good()) return invalid("checkpoint: expected more bytes than there are");
  return done();
}

}  // namespace tidewatch
