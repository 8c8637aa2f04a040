// What a webhook is sent, read back by a JSON library.
#include "io/webhook_payload.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

using namespace tidewatch;

namespace {

Notification page() {
  Notification n;
  n.at = *parse_instant("2026-03-02T08:01:00");
  n.fired_at = n.active_at = *parse_instant("2026-03-02T08:00:00");
  n.notifier = "hook";
  n.pack = "shop";
  n.event = "firing";
  n.monitor = "late";
  n.labels =
      LabelSet(std::vector<std::pair<std::string, std::string>>{{"alertname", "late"}, {"shop", "a\"b\\c\n\x01"}});
  n.severity = Severity::critical;
  n.reason = "value 0.5 > 0.25 \xff";
  n.annotations = {{"summary", "first"}, {"runbook", "http://r"}, {"summary", "second"}};
  n.key = "shop/hook|late|x|1|0";
  n.reading.value = 0.1;
  n.reading.n = 12;
  return n;
}

}  // namespace

TEST_CASE("a webhook's body is JSON that says what the notification says, whatever its labels hold") {
  const Notification n = page();
  const auto body = nlohmann::json::parse(webhook_payload(n, "http://here"));
  const nlohmann::json labels = {{"alertname", "late"}, {"shop", "a\"b\\c\n\x01"}};
  const nlohmann::json annotations = {{"summary", "second"}, {"runbook", "http://r"}};
  CHECK(body["version"] == "4");
  CHECK(body["groupKey"] == "{}:{alertname=\"late\"}");
  CHECK(body["truncatedAlerts"] == 0);
  CHECK(body["status"] == "firing");
  CHECK(body["receiver"] == "hook");
  CHECK(body["groupLabels"] == nlohmann::json{{"alertname", "late"}});
  CHECK(body["commonLabels"] == labels);
  CHECK(body["commonAnnotations"] == annotations);
  CHECK(body["notification_reason"] == "value 0.5 > 0.25 \xEF\xBF\xBD");
  CHECK(body["idempotency_key"] == n.key);
  REQUIRE(body["alerts"].size() == 1);
  const auto& alert = body["alerts"][0];
  CHECK(alert["labels"] == labels);
  CHECK(alert["annotations"] == annotations);
  CHECK(alert["startsAt"] == format_instant(n.fired_at));
  CHECK(alert["endsAt"] == "0001-01-01T00:00:00Z");
  CHECK(alert["generatorURL"] == "http://here");
  CHECK(alert["fingerprint"].get<std::string>().size() == 16);
  const auto& own = body["tidewatch"];
  CHECK(own["event"] == "firing");
  CHECK(own["monitor"] == "late");
  CHECK(own["pack"] == "shop");
  CHECK(own["severity"] == "critical");
  CHECK(own["value"] == 0.1);
  CHECK(own["n"] == 12);
}

TEST_CASE("the threshold in force goes with the value, that of the alert's severity") {
  Notification n = page();
  CHECK_FALSE(nlohmann::json::parse(webhook_payload(n, ""))["tidewatch"].contains("threshold"));
  for (const std::uint8_t severity : {2, 3}) {
    ThresholdInForce t;
    t.severity = severity;
    t.asked = 0.1;
    t.in_force = 0.25 * severity;
    t.false_alarms = "1 per month";
    t.note = "20 rows \"cannot\"";
    n.reading.thresholds.push_back(t);
  }
  const auto own = nlohmann::json::parse(webhook_payload(n, ""))["tidewatch"];
  CHECK(own["threshold"]["in_force"] == 0.75);
  CHECK(own["threshold"]["asked"] == 0.1);
  CHECK(own["threshold"]["false_alarms"] == "1 per month");
  CHECK(own["threshold"]["inflation_is"] == "assumed");
  CHECK(own["threshold"]["note"] == "20 rows \"cannot\"");
  CHECK(payload_line(webhook_payload(n, "")).find(", threshold in force 0.75") != std::string::npos);
}

TEST_CASE("a value that is no number is null or its text, and a resolved alert has its end") {
  Notification n = page();
  n.reading.value = std::nan("");
  CHECK(nlohmann::json::parse(webhook_payload(n, ""))["tidewatch"]["value"].is_null());
  n.reading.value.reset();
  CHECK(nlohmann::json::parse(webhook_payload(n, ""))["tidewatch"]["value"].is_null());
  n.reading.text = "five";
  n.event = "resolved";
  n.annotations.clear();
  const auto body = nlohmann::json::parse(webhook_payload(n, ""));
  CHECK(body["tidewatch"]["value"] == "five");
  CHECK(body["status"] == "resolved");
  CHECK(body["commonAnnotations"].empty());
  CHECK(body["alerts"][0]["endsAt"] == format_instant(n.at));
}
