// The engine in a checkpoint, keyed by names and each part with its length, so that an edited pack takes what it still
// has and skips the rest. A stream whose columns changed keeps its watermark and counters and loses its windows.
#include <cmath>
#include <set>

#include "metrics/engine_state.h"

namespace tidewatch {

std::string shape_of(const StreamSpec& stream) {
  std::string shape = stream.schema.hash(true) + stream.time + "|" + stream.key;
  if (const auto& j = stream.join) {
    for (const std::string& key : j->on) shape += "|on " + key;
    shape += "|" + std::to_string(j->within.ns) + "|" + std::to_string(j->early.ns) + "|" +
             std::to_string(j->is_over_label_time);
  }
  for (const DerivedSpec& derived : stream.derived) shape += "|" + derived.name + "=" + derived.expression;
  return shape;
}

namespace {

constexpr std::uint32_t format = 5;

void write_counters(const StreamCounters& c, ByteWriter& out) {
  for (const std::uint64_t v : {c.received, c.accepted, c.late, c.too_late, c.future, c.rejected}) out.put(v);
  out.put(static_cast<std::uint64_t>(c.rejected_by.size()));
  for (const auto& [reason, count] : c.rejected_by) {
    out.text(reason);
    out.put(count);
  }
  for (const Instant t : {c.newest_event, c.last_arrival, c.watermark}) out.put(t.ns);
}

void read_counters(StreamCounters& c, ByteReader& in) {
  for (std::uint64_t* v : {&c.received, &c.accepted, &c.late, &c.too_late, &c.future, &c.rejected})
    *v = in.get<std::uint64_t>();
  c.rejected_by.clear();
  for (std::size_t i = in.count(12); i > 0 && in.good(); --i) {
    std::string reason = in.text();
    c.rejected_by.emplace_back(std::move(reason), in.get<std::uint64_t>());
  }
  for (Instant* t : {&c.newest_event, &c.last_arrival, &c.watermark}) t->ns = in.nanoseconds();
}

bool read_baseline(BaselineState& baseline, const StreamState* owner, ByteReader& in) {
  BaselineState saved;
  saved.is_restored = true;
  saved.is_sealed = in.get<std::uint8_t>() != 0;
  saved.rows = in.get<std::uint64_t>();
  if (!saved.digest.read(in)) return false;
  saved.oldest.ns = in.nanoseconds();
  saved.newest.ns = in.nanoseconds();
  if (!owner || in.text() != definition_of(baseline, *owner)) return in.good();
  BaselineEvidence evidence;
  evidence.name = baseline.spec.name;
  evidence.hash = in.text();
  evidence.from.ns = in.nanoseconds();
  evidence.to.ns = in.nanoseconds();
  if (in.get<std::uint8_t>() != 0) {
    saved.kept = std::make_unique<KeptRows>(owner->spec.schema.columns.size());
    if (!saved.kept->read(in)) return false;
  }
  if (!in.good()) return false;
  saved.evidence = std::make_shared<const BaselineEvidence>(std::move(evidence));
  saved.spec = std::move(baseline.spec);
  baseline = std::move(saved);
  return true;
}

}  // namespace

void MetricEngine::save(ByteWriter& out) const {
  out.put(format);
  out.put(static_cast<std::uint64_t>(state_->streams.size()));
  for (const auto& stream : state_->streams) {
    out.text(stream->spec.name);
    const std::size_t body = out.begin_text();
    stream->watermark.write(out);
    write_counters(stream->counters, out);
    out.put(stream->first_row.ns);
    out.put(stream->started.ns);
    stream->log.write(out);
    out.text(shape_of(stream->spec));
    out.put(static_cast<std::uint64_t>(stream->newest_in.size()));
    for (const auto& [column, at] : stream->newest_in) {
      out.put(static_cast<std::uint64_t>(column));
      out.put(at.ns);
    }
    if (stream->sequence) {
      ByteWriter sequence;
      stream->sequence->write(sequence);
      out.text(sequence.bytes());
    }
    if (const JoinedStream* const joined = stream->joined.get()) {
      const std::size_t join = out.begin_text();
      joined->join->write(out);
      out.end_text(join);
      out.put(static_cast<std::uint64_t>(joined->coverage.size()));
      for (const auto& panes : joined->coverage) {
        out.text(panes->key());
        const std::size_t counts = out.begin_text();
        panes->write(out);
        out.end_text(counts);
      }
    }
    out.put(static_cast<std::uint64_t>(stream->rings.size()));
    for (const auto& use : stream->rings) {
      out.text(use.ring->key());
      const std::size_t ring = out.begin_text();
      use.ring->write(out);
      out.end_text(ring);
    }
    out.end_text(body);
  }
  out.put(static_cast<std::uint64_t>(state_->baselines.size()));
  for (const auto& baseline : state_->baselines) {
    out.text(baseline->spec.name);
    ByteWriter body;
    body.put(static_cast<std::uint8_t>(baseline->is_sealed));
    body.put(baseline->rows);
    baseline->digest.write(body);
    body.put(baseline->oldest.ns);
    body.put(baseline->newest.ns);
    const StreamState* const owner = state_->stream(baseline->spec.stream);
    body.text(owner ? definition_of(*baseline, *owner) : "");
    body.text(baseline->evidence->hash);
    body.put(baseline->evidence->from.ns);
    body.put(baseline->evidence->to.ns);
    body.put(static_cast<std::uint8_t>(baseline->kept != nullptr));
    if (baseline->kept) baseline->kept->write(body);
    out.text(body.bytes());
  }
  std::uint64_t count = 0;
  for (const auto& leaf : state_->leaves) count += leaf->kind == Leaf::Kind::baseline ? leaf->parts.size() : 0;
  out.put(count);
  for (const auto& leaf : state_->leaves) {
    if (leaf->kind != Leaf::Kind::baseline) continue;
    for (const Leaf::Part& part : leaf->parts) {
      out.text(leaf->key + part.column);
      ByteWriter body;
      body.put(static_cast<std::uint8_t>(part.inflation.has_value()));
      body.put(part.inflation.value_or(1));
      part.family->write(*part.state, body);
      out.text(body.bytes());
    }
  }
  state_->write_detectors(out);
}

Done MetricEngine::restore(ByteReader& in) {
  if (in.get<std::uint32_t>() != format) return invalid("metrics checkpoint: expected format 5");
  for (std::size_t i = in.count(8); i > 0 && in.good(); --i) {
    const std::string name = in.text();
    const std::string bytes = in.text();
    StreamState* const stream = state_->stream(name);
    if (!stream) continue;
    ByteReader body(bytes);
    const bool has_watermark = stream->watermark.read(body);
    read_counters(stream->counters, body);
    stream->first_row.ns = body.nanoseconds();
    stream->started.ns = body.nanoseconds();
    const bool has_log = stream->log.read(body);
    if (!has_watermark || !has_log) return invalid("metrics checkpoint: stream \"" + name + "\" is damaged");
    if (body.text() != shape_of(stream->spec)) continue;
    for (std::size_t j = body.count(16); j > 0 && body.good(); --j) {
      const auto column = static_cast<std::size_t>(body.get<std::uint64_t>());
      const Instant at{body.nanoseconds()};
      if (const auto found = stream->newest_in.find(column); found != stream->newest_in.end()) found->second = at;
    }
    if (stream->sequence) {
      const std::string sequence_bytes = body.text();
      ByteReader sequence(sequence_bytes);
      if (!stream->sequence->read(sequence))
        return invalid("metrics checkpoint: waiting rows of stream \"" + name + "\" are damaged");
    }
    if (JoinedStream* const joined = stream->joined.get()) {
      const std::string join_bytes = body.text();
      ByteReader join(join_bytes);
      if (!joined->join->read(join)) return invalid("metrics checkpoint: the join " + name + " is damaged");
      for (std::size_t j = body.count(8); j > 0 && body.good(); --j) {
        const std::string key = body.text();
        const std::string count_bytes = body.text();
        for (auto& panes : joined->coverage) {
          if (panes->key() != key) continue;
          ByteReader counts(count_bytes);
          if (!panes->read(counts)) return invalid("metrics checkpoint: the coverage of " + name + " is damaged");
        }
      }
    }
    for (std::size_t j = body.count(8); j > 0 && body.good(); --j) {
      const std::string key = body.text();
      const std::string ring_bytes = body.text();
      for (auto& use : stream->rings) {
        if (use.ring->key() != key) continue;
        ByteReader ring(ring_bytes);
        if (!use.ring->read(ring, use.ring->recorder_keys))
          return invalid("metrics checkpoint: a window of stream \"" + name + "\" is damaged");
      }
    }
    if (!body.good()) return invalid("metrics checkpoint: stream \"" + name + "\" is damaged");
  }
  std::set<std::string> given;
  for (std::size_t i = in.count(13); i > 0 && in.good(); --i) {
    const std::string name = in.text();
    const std::string bytes = in.text();
    BaselineState* const baseline = state_->baseline(name);
    if (!baseline) continue;
    if (baseline->is_sealed) given.insert(name);
    if (given.count(name) != 0) continue;  // its rows were given before restoring: they are the newer ones
    ByteReader body(bytes);
    if (!read_baseline(*baseline, state_->stream(baseline->spec.stream), body))
      return invalid("metrics checkpoint: baseline \"" + name + "\" is damaged");
  }
  for (std::size_t i = in.count(8); i > 0 && in.good(); --i) {
    const std::string key = in.text();
    const std::string bytes = in.text();
    for (auto& leaf : state_->leaves) {
      if (leaf->kind != Leaf::Kind::baseline) continue;
      if (leaf->baseline != nullptr && given.count(leaf->baseline->spec.name) != 0) continue;
      for (Leaf::Part& part : leaf->parts) {
        if (leaf->key + part.column != key) continue;
        ByteReader body(bytes);
        const bool is_measured = body.get<std::uint8_t>() != 0;
        const auto inflation = body.get<double>();
        auto state = part.family->read_state(body);
        if (!(inflation >= 1) || !std::isfinite(inflation)) state.reset();
        if (!state) return invalid("metrics checkpoint: a baseline's state is damaged");
        part.state = std::move(state);
        part.is_given = true;
        part.inflation = is_measured ? std::optional<double>(inflation) : std::nullopt;
      }
    }
  }
  if (auto detectors = state_->read_detectors(in); !detectors) return detectors;
  if (!in.good()) return invalid("metrics checkpoint: it is cut short or damaged");
  return done();
}

}  // namespace tidewatch
