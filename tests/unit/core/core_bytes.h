// What a core said and what it holds, as text and bytes that two runs are compared by.
#pragma once

#include <string>

#include "core/core.h"

namespace tidewatch {

inline std::string text_of(const CoreOutput& out) {
  std::string text;
  for (const auto& j : out.journal)
    text += format_instant(j.at) + " " + j.monitor + j.labels.text() + " " + j.kind + " " + j.from + j.severity_from +
            ">" + j.to + j.severity_to + " " + j.reason + " " + j.evidence + "\n";
  for (const auto& n : out.notifications) text += n.key + " " + n.event + " " + n.reason + "\n";
  return text;
}

inline std::string state_of(const Core& core) {
  ByteWriter out;
  core.save(out);
  return out.take();
}

}  // namespace tidewatch
