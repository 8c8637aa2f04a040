// A frozen file's rows as the store pins them: by hash, never the rows themselves, which lie in the file.
#pragma once

#include "metrics/metric_engine.h"
#include "store/store.h"

namespace tidewatch {

// The view is of a sealed baseline with a file; `how` is "first seen" or "pinned".
inline StoredBaseline pin_of(const std::string& pack, const MetricEngine::BaselineView& view, Instant at,
                             std::string how) {
  StoredBaseline row;
  row.pack = pack;
  row.name = view.spec->name;
  row.definition = view.definition;
  row.hash = view.evidence->hash;
  row.rows = view.rows;
  row.from = view.evidence->from;
  row.to = view.evidence->to;
  row.at = at;
  row.how = std::move(how);
  return row;
}

}  // namespace tidewatch
