// A checkpoint with any bytes changed: refused with a sentence, or restored into a core that still works and saves what
// it then holds. A damaged disk must not be able to make the engine worse than empty.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "core/core.h"
#include "records/decode.h"

using namespace tidewatch;

namespace {

PackSpec small_pack() {
  PackSpec pack;
  pack.name = "small";
  StreamSpec api;
  api.name = "api";
  api.time = "ts";
  api.schema.columns = {
      {"ts", ColumnType::time, false}, {"endpoint", ColumnType::category, false}, {"ms", ColumnType::number, true}};
  pack.streams = {api};
  const auto add = [&](const char* metric, const char* window, bool by, std::vector<std::string> columns) {
    HandleSpec handle;
    handle.metric.metric = metric;
    handle.metric.stream = "api";
    handle.metric.columns = std::move(columns);
    handle.metric.window = *parse_window(window);
    if (by) handle.metric.by = {"endpoint"};
    pack.handles.push_back(handle);
    MonitorSpec monitor;
    monitor.name = std::string(metric) + std::to_string(pack.handles.size());
    monitor.id = "small/" + monitor.name;
    monitor.pack = "small";
    monitor.value = static_cast<int>(pack.handles.size()) - 1;
    Condition above;
    above.high = 50;
    monitor.rules[2] = SeverityRule{above, seconds(10), 2, 3, seconds(15)};
    pack.monitors.push_back(monitor);
  };
  add("mean", "1m", true, {"ms"});
  add("p95", "1m", true, {"ms"});
  add("count", "1m", false, {});
  add("percentile_rank", "5 rows", false, {"ms"});
  add("null_rate", "1h", false, {"ms"});
  pack.notifiers = {{"screen", "console", "", "", Severity::info}};
  return pack;
}

void drive(Core& core, int steps) {
  static auto decoder = Decoder::create(small_pack().streams[0]);
  const Instant start = std::max(core.now(), *parse_instant("2026-03-02"));
  for (int i = 1; i <= steps; ++i) {
    const Instant now = start + seconds(7 * i);
    const auto batch = decoder->decode("{\"ts\":\"" + format_instant(now) + "\",\"endpoint\":\"/" +
                                           std::to_string(i % 3) + "\",\"ms\":" + std::to_string(i * 9 % 120) + "}\n",
                                       BodyFormat::ndjson);
    CoreOutput out;
    core.feed("api", "test", *batch, now, out);
    core.tick(now + seconds(1), out);
  }
}

std::string saved_by(const Core& core) {
  ByteWriter out;
  core.save(out);
  return out.take();
}

}  // namespace

// The input is a list of edits (three bytes of place, one of value) of a real checkpoint, then a length to cut it to:
// random bytes alone would never pass the first field.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string whole = [] {
    auto core = Core::create(small_pack(), nullptr, nullptr);
    drive(**core, 40);
    return saved_by(**core);
  }();
  std::string bytes = whole;
  while (size >= 4) {
    const std::size_t place = (data[0] | data[1] << 8 | data[2] << 16) % bytes.size();
    bytes[place] = static_cast<char>(data[3]);
    data += 4;
    size -= 4;
  }
  if (size == 2) bytes.resize((data[0] | data[1] << 8) % (bytes.size() + 1));
  auto core = Core::create(small_pack(), nullptr, nullptr);
  ByteReader in(bytes);
  if (const Done restored = (*core)->restore(in); !restored) {
    if (restored.error().text.empty()) std::abort();
    return 0;
  }
  // Damage may have put the clock anywhere; work on only where adding to it is still an instant.
  if ((*core)->now() > *parse_instant("2040-01-01")) return 0;
  drive(**core, 3);
  if (saved_by(**core).empty()) std::abort();
  return 0;
}
