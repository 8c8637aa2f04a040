// What an alert is called outside: the labels receivers group, route and silence by. Identity inside is the monitor id
// and the `by` labels alone; everything added here is an attribute and may change while the alert lives.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "monitors/monitor_spec.h"
#include "records/labels.h"

namespace tidewatch {

// `by` labels + the monitor's `labels` + alertname, pack, layer, team, severity; empty values are dropped. `severity`
// none drops the severity (a resolved alert passes the severity it had).
LabelSet wire_labels(const MonitorSpec& spec, const LabelSet& by, Severity severity);

// A load error when a name would be said twice or is reserved: a monitor label that repeats a `by` name, alertname,
// alertstate, pack, layer, team, severity or a name that begins with two underscores; a `by` name that repeats one the
// engine sets.
Done check_wire_labels(const MonitorSpec& spec, std::span<const std::string> by);

}  // namespace tidewatch
