// See webhook_payload.h.
#include "io/webhook_payload.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace tidewatch {

namespace {

nlohmann::ordered_json object_of(const std::vector<std::pair<std::string, std::string>>& pairs) {
  auto out = nlohmann::ordered_json::object();
  for (const auto& [name, value] : pairs) out[name] = value;
  return out;
}

std::string hex16(std::uint64_t v) {
  std::string out(16, '0');
  for (int i = 15; i >= 0; --i, v >>= 4) out[static_cast<std::size_t>(i)] = "0123456789abcdef"[v & 15];
  return out;
}

}  // namespace

std::string webhook_payload(const Notification& n, const std::string& external_url) {
  const bool resolved = n.event == "resolved";
  const std::string status = resolved ? "resolved" : "firing";
  nlohmann::ordered_json alert;
  alert["status"] = status;
  alert["labels"] = object_of(n.labels.pairs());
  alert["annotations"] = object_of(n.annotations);
  alert["startsAt"] = format_instant(n.fired_at);
  alert["endsAt"] = resolved ? format_instant(n.at) : "0001-01-01T00:00:00Z";
  alert["generatorURL"] = external_url;
  alert["fingerprint"] = hex16(n.labels.fingerprint());
  nlohmann::ordered_json out;
  out["version"] = "4";
  out["groupKey"] = "{}:{alertname=\"" + std::string(n.labels.get("alertname")) + "\"}";
  out["truncatedAlerts"] = 0;
  out["status"] = status;
  out["receiver"] = n.notifier;
  out["groupLabels"] = {{"alertname", std::string(n.labels.get("alertname"))}};
  out["commonLabels"] = alert["labels"];
  out["commonAnnotations"] = alert["annotations"];
  out["externalURL"] = external_url;
  out["notification_reason"] = n.reason;
  out["idempotency_key"] = n.key;
  out["alerts"] = nlohmann::ordered_json::array({alert});
  nlohmann::ordered_json own;
  own["event"] = n.event;
  own["at"] = format_instant(n.at);
  own["monitor"] = n.monitor;
  own["pack"] = n.pack;
  own["severity"] = std::string(name_of(n.severity));
  own["reason"] = n.reason;
  own["active_at"] = format_instant(n.active_at);
  own["value"] = n.reading.value          ? nlohmann::ordered_json(*n.reading.value)
                 : n.reading.text.empty() ? nlohmann::ordered_json()
                                          : nlohmann::ordered_json(n.reading.text);
  own["n"] = n.reading.n;
  own["status"] = std::string(name_of(n.reading.status));
  out["tidewatch"] = std::move(own);
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
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
  if (const auto it = body.find("commonAnnotations"); it != body.end() && it->is_object())
    if (const auto text = it->find("summary"); text != it->end() && text->is_string())
      out += " - " + text->get<std::string>();
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 32) c = ' ';  // a label must not draw on the operator's terminal
  return out;
}

}  // namespace tidewatch
