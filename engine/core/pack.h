// A pack as the engine sees it: everything a script declared, as plain data, checked. Functions stay with the host
// and are named here by index.
#pragma once

#include <string>
#include <vector>

#include "metrics/handle.h"
#include "monitors/monitor_spec.h"
#include "records/schema.h"

namespace tidewatch {

// Where transitions are sent. People, routes and escalation come later; until then every notifier hears every
// transition of the pack that may notify, from `severity` upward.
struct NotifierSpec {
  std::string name;
  std::string kind;        // "console" or "webhook"
  std::string url;         // webhook
  std::string url_secret;  // webhook: name of a secret instead of a url
  Severity severity = Severity::info;
};

struct SourceSpec {
  std::string name;
  std::string stream;
  std::string kind;    // "file_tail"
  std::string path;    // relative to the pack
  std::string format;  // "ndjson" "csv"
};

struct PackSpec {
  std::string name;
  std::string folder;
  std::string hash;  // SHA-256 over the names and texts of its Lua files
  std::vector<StreamSpec> streams;
  std::vector<BaselineSpec> baselines;
  std::vector<HandleSpec> handles;
  std::vector<MonitorSpec> monitors;
  std::vector<NotifierSpec> notifiers;
  std::vector<SourceSpec> sources;
};

}  // namespace tidewatch
