// The body of a notification: Alertmanager's webhook version 4, which every receiver already reads, with our own
// fields in an object of their own. Written once, when the row is queued: a retry days later says the same.
#pragma once

#include <string>

#include "core/core.h"

namespace tidewatch {

// {version, groupKey, truncatedAlerts, status, receiver, groupLabels, commonLabels, commonAnnotations, externalURL,
// notification_reason, idempotency_key, alerts [one], tidewatch {event, monitor, pack, severity, reason, value, n,
// status}}.
std::string webhook_payload(const Notification& notification, const std::string& external_url);

// One line for people, from such a body: `FIRING critical vix-spx/gap {symbol="SPY"}: fired, value 31.2, n 400`.
std::string payload_line(const std::string& payload);

}  // namespace tidewatch
