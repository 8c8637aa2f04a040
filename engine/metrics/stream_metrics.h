// Metrics of a stream itself, not of its values: freshness, arrival_age, ingested, schema_changes, schema_hash. They
// have no family because what they count (rejected rows, schema facts) has no row to be added.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/calendar.h"
#include "metrics/handle.h"
#include "metrics/reading.h"
#include "metrics/windows/sparse_panes.h"
#include "records/batch.h"

namespace tidewatch {

bool is_stream_metric(std::string_view name);
// Those of a joined stream that count predictions, not pairs: coverage, label_delay.
bool is_join_metric(std::string_view name);

// What was delivered, by event time of the delivery's newest row (its watermark when it had none), in panes of 1 s.
class StreamLog {
 public:
  struct Entry {
    std::uint64_t accepted = 0, rejected = 0;
    std::vector<std::string> changes;  // "retyped latency_ms: expected number, got string"
  };
  // A schema fact counts once, when the shape first differs from the source's delivery before.
  void add(std::string_view source, const Batch& batch, std::uint64_t accepted, std::uint64_t rejected, Instant at);
  Entry sum(Instant from, Instant to) const;
  void forget(Instant before);
  const std::set<std::string>& shape() const { return shape_; }  // facts of the newest delivery, "" none
  std::uint64_t version() const { return version_; }

  void write(ByteWriter& out) const;
  bool read(ByteReader& in);

 private:
  SparsePanes<Entry> entries_;
  std::map<std::string, std::set<std::string>, std::less<>> shapes_;  // by source
  std::set<std::string> shape_;
  std::uint64_t version_ = 0;
};

// Seconds, or business days d with newest day < d < today when spec.unit says so. `newest` is far_past before the
// first row: the age then counts from `started`.
Reading freshness_reading(const MetricSpec& spec, const Calendar& calendar, Instant newest, Instant started,
                          Instant now);
Reading ingested_reading(const StreamLog& log, Instant from, Instant to, Instant now);
Reading schema_changes_reading(const StreamLog& log, bool had_delivery, Instant from, Instant to, Instant now);
Reading schema_hash_reading(const MetricSpec& spec, const StreamLog& log, const Schema& schema, Instant now);

}  // namespace tidewatch
