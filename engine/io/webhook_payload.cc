// See webhook_payload.h.
#include "io/webhook_payload.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace tidewatch {

namespace {

// Members are written in the order given. A storm writes thousands of these between one record and its webhooks: built
// as a tree of values first, they cost more than sending them.
class Writer {
 public:
  void begin(const char* name = nullptr) {
    if (name != nullptr) key(name);
    out_ += '{';
    is_first_ = true;
  }
  void end() {
    out_ += '}';
    is_first_ = false;
  }
  void text(std::string_view name, std::string_view value) {
    key(name);
    quote(value);
  }
  void raw(std::string_view name, std::string_view value) {
    key(name);
    out_ += value;
  }
  void object(const char* name, const std::vector<std::pair<std::string, std::string>>& pairs) {
    begin(name);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      // Of a name given twice the last value counts, at the first one's place.
      const auto is_it = [&](const auto& other) { return other.first == pairs[i].first; };
      const auto here = pairs.begin() + static_cast<std::ptrdiff_t>(i);
      if (std::any_of(pairs.begin(), here, is_it)) continue;
      text(pairs[i].first, std::find_if(pairs.rbegin(), pairs.rend(), is_it)->second);
    }
    end();
  }
  void restart() { is_first_ = true; }  // the next member is the first of an object begun by hand
  void add(std::string_view plain) { out_ += plain; }
  std::string take() { return std::move(out_); }

 private:
  void key(std::string_view name) {
    if (!is_first_) out_ += ',';
    is_first_ = false;
    quote(name);
    out_ += ':';
  }
  void quote(std::string_view s) {
    out_ += '"';
    out_ += json_escape(s);
    out_ += '"';
  }
  std::string out_;
  bool is_first_ = true;
};

std::string hex16(std::uint64_t v) {
  std::string out(16, '0');
  for (int i = 15; i >= 0; --i, v >>= 4) out[static_cast<std::size_t>(i)] = "0123456789abcdef"[v & 15];
  return out;
}

}  // namespace

std::string webhook_payload(const Notification& n, const std::string& external_url) {
  const bool resolved = n.event == "resolved";
  const std::string status = resolved ? "resolved" : "firing";
  const std::string alertname(n.labels.get("alertname"));
  Writer w;
  w.begin();
  w.text("version", "4");
  w.text("groupKey", "{}:{alertname=\"" + alertname + "\"}");
  w.raw("truncatedAlerts", "0");
  w.text("status", status);
  w.text("receiver", n.notifier);
  w.object("groupLabels", {{"alertname", alertname}});
  w.object("commonLabels", n.labels.pairs());
  w.object("commonAnnotations", n.annotations);
  w.text("externalURL", external_url);
  w.text("notification_reason", n.reason);
  w.text("idempotency_key", n.key);
  w.raw("alerts", "[{");
  w.restart();
  w.text("status", status);
  w.object("labels", n.labels.pairs());
  w.object("annotations", n.annotations);
  w.text("startsAt", format_instant(n.fired_at));
  w.text("endsAt", resolved ? format_instant(n.at) : "0001-01-01T00:00:00Z");
  w.text("generatorURL", external_url);
  w.text("fingerprint", hex16(n.labels.fingerprint()));
  w.add("}]");
  w.begin("tidewatch");
  w.text("event", n.event);
  w.text("at", format_instant(n.at));
  w.text("monitor", n.monitor);
  w.text("pack", n.pack);
  w.text("severity", name_of(n.severity));
  w.text("reason", n.reason);
  w.text("active_at", format_instant(n.active_at));
  if (n.reading.value)
    w.raw("value", nlohmann::json(*n.reading.value).dump());
  else if (n.reading.text.empty())
    w.raw("value", "null");
  else
    w.text("value", n.reading.text);
  w.raw("n", nlohmann::json(n.reading.n).dump());
  w.text("status", name_of(n.reading.status));
  if (const std::string threshold = thresholds_json(n.reading.thresholds, static_cast<std::uint8_t>(n.severity));
      !threshold.empty())
    w.raw("threshold", threshold);
  if (n.reading.baseline) w.raw("baseline", baseline_json(n.reading));
  w.end();
  w.end();
  return w.take();
}

std::string payload_line(const std::string& payload) {
  const auto body = nlohmann::json::parse(payload, nullptr, false);
  if (!body.is_object() || !body.contains("tidewatch") || !body["tidewatch"].is_object()) return payload;
  const auto& own = body["tidewatch"];
  const auto word = [&](const char* name) {
    const auto it = own.find(name);
    return it != own.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  std::string event = word("event");
  for (char& c : event)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  LabelSet labels;
  if (const auto it = body.find("commonLabels"); it != body.end() && it->is_object())
    for (const auto& [name, value] : it->items())
      if (value.is_string() && name != "alertname" && name != "severity" && name != "pack") labels.set(name, value);
  std::string out = event + " " + word("severity") + " " + word("monitor");
  if (!labels.empty()) out += " " + labels.text();
  out += ": " + word("reason");
  if (const auto it = own.find("value"); it != own.end() && !it->is_null())
    out += ", value " + (it->is_number() ? format_number(it->get<double>()) : it->get<std::string>());
  if (const auto it = own.find("n"); it != own.end() && it->is_number()) out += ", n " + it->dump();
  if (const auto it = own.find("threshold"); it != own.end() && it->is_object() && it->contains("in_force"))
    out += ", threshold in force " + (*it)["in_force"].dump();
  if (const auto it = body.find("commonAnnotations"); it != body.end() && it->is_object())
    if (const auto text = it->find("summary"); text != it->end() && text->is_string())
      out += " - " + text->get<std::string>();
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 32) c = ' ';  // a label must not draw on the operator's terminal
  return out;
}

}  // namespace tidewatch
