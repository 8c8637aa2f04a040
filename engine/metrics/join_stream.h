// A joined stream: rings over pairs, fed by a LabelJoin whenever a batch of either side lands. Rings hear pairs that
// hold and pairs that no longer do; panes beside them count the predictions, labelled or not.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "metrics/joins/coverage_panes.h"
#include "metrics/joins/label_join.h"
#include "records/expression.h"
#include "records/schema.h"

namespace tidewatch {

struct StreamState;
class RowPredicate;

// The stream `join` makes of its two sides: the predictions' columns, then the labels', derived ones included; a column
// both have is predicted.c and actual.c. Time and key are the predictions' (time the labels', over label time). The
// error names what does not fit: a side, a key column, a type, a span.
Result<StreamSpec> joined_stream(const JoinSpec& join, const StreamSpec& predictions, const StreamSpec& labels);

// The parts of `where`, between its outermost `and`s, that read nothing but prediction columns.
std::string prediction_part(const std::string& where, const StreamSpec& joined, std::size_t predicted_columns);

struct JoinedStream {
  StreamState* predictions = nullptr;
  StreamState* labels = nullptr;
  std::size_t predicted_columns = 0;
  Duration lateness = minutes(1);  // the largest of its metrics
  std::unique_ptr<LabelJoin> join;
  JoinChanges changes;
  std::vector<std::unique_ptr<CoveragePanes>> coverage;
  std::vector<Expression> derived;

  // Up to which event time of the windows nothing can change, but for lateness: a window that ends at E is final once
  // this reaches E + lateness.
  Instant settled_watermark(const JoinSpec& spec) const;
};

}  // namespace tidewatch
