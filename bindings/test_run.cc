#include "bindings/test_run.h"

#include <algorithm>

#include "core/baseline_file.h"

namespace tidewatch {

Done TestRun::begin(Instant at) {
  PackSpec spec = declarations.spec;
  // A pack that notifies nobody can still be asked what it would have sent.
  if (spec.notifiers.empty()) spec.notifiers.push_back({"screen", "console", "", "", Severity::info});
  auto made = Core::create(std::move(spec), &judge, &judge);
  if (!made) return made.error();
  core = std::move(*made);
  start = now = at;
  declarations.now = now;
  for (const auto& baseline : declarations.spec.baselines) {
    if (baseline.file.empty()) continue;
    const auto given = give_baseline_file(*core, baseline);
    if (!given) return given.error();
  }
  return done();
}

void TestRun::advance(Instant to, bool inclusive) {
  for (Instant due = core->next_due(); due < to || (inclusive && due == to); due = core->next_due()) {
    now = std::max(now, due);
    declarations.now = now;
    core->tick(now, out);
    if (core->next_due() <= due && due > far_past)
      break;  // a core that asks for the same instant again has nothing new
  }
  now = std::max(now, to);
  declarations.now = now;
}

const StreamSpec* TestRun::find_stream(const std::string& name) const {
  const auto& streams = declarations.spec.streams;
  const auto it =
      std::find_if(streams.begin(), streams.end(), [&](const auto& s) { return s.name == name && !s.join; });
  return it == streams.end() ? nullptr : &*it;
}

Done TestRun::feed(const std::string& stream, const std::string& json, Instant at) {
  const StreamSpec* spec = find_stream(stream);
  if (!spec) return not_found("no stream \"" + stream + "\"");
  auto it = decoders.find(stream);
  if (it == decoders.end()) {
    auto decoder = Decoder::create(*spec);
    if (!decoder) return decoder.error();
    it = decoders.emplace(stream, std::move(*decoder)).first;
  }
  auto batch = it->second.decode(json + "\n", BodyFormat::ndjson);
  if (!batch) return batch.error();
  if (batch->rows == 0) {
    std::string why =
        batch->rejected.empty() ? "refused" : batch->rejected[0].reason + ": " + batch->rejected[0].detail;
    return invalid("stream \"" + stream + "\" refused " + json + ": " + why);
  }
  advance(at, false);
  core->feed(stream, "test", *batch, now, out);
  return done();
}

}  // namespace tidewatch
