// Rows in, readings out. Rings of mergeable panes per (stream, where, by, step), shared by the metrics that agree on
// those; one state family each, so p50, p95 and p99 keep one sketch. Pure: engine time is handed in.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "metrics/handle.h"
#include "metrics/joins/join_counters.h"
#include "metrics/shared_reading.h"
#include "records/batch.h"
#include "records/labels.h"

namespace tidewatch {

// A predicate written in Lua, called with a whole batch. Sets out[row] for each row; false = the batch adds nothing
// and the panes it touches read `undefined` until they leave the window (reason says why).
class RowPredicate {
 public:
  virtual ~RowPredicate() = default;
  virtual bool test(int function, const Batch& batch, std::vector<std::uint8_t>& out, std::string& reason) = 0;
};

struct SeriesReading {
  const LabelSet* labels = nullptr;  // borrowed until the next feed or tick
  SharedReading reading;
};

struct StreamCounters {
  std::uint64_t received = 0, accepted = 0, late = 0, too_late = 0, future = 0, rejected = 0;
  std::vector<std::pair<std::string, std::uint64_t>> rejected_by;  // by reason
  Instant newest_event = far_past, last_arrival = far_past, watermark = far_past;
};

class MetricEngine {
 public:
  // All problems at once, each with the handle it belongs to: unknown metric, column, type, bad window, missing
  // baseline, a ring above 20,000 panes.
  struct Problem {
    HandleId handle;
    std::string text;
  };
  static Result<std::unique_ptr<MetricEngine>> create(std::vector<StreamSpec> streams,
                                                      std::vector<BaselineSpec> baselines,
                                                      std::vector<HandleSpec> handles, RowPredicate* predicates,
                                                      std::vector<Problem>* problems);
  ~MetricEngine();

  // Gives a baseline its rows (any number of batches; then seal). A pinned span that is not given is learnt from the
  // rows fed, and sealed when its stream's watermark has passed its end. A handle against a baseline without rows reads
  // `insufficient: baseline "train" has no rows`.
  void baseline_rows(std::string_view baseline, const Batch& batch);
  void baseline_seal(std::string_view baseline);
  // Of a sealed baseline: why a metric cannot compare with it (an estimate without labels); "" when all can.
  std::string baseline_problem(std::string_view baseline) const;

  // What is known of each baseline, in declared order.
  struct BaselineView {
    const BaselineSpec* spec = nullptr;
    std::string definition;  // what its rows depend on
    bool is_sealed = false;
    std::shared_ptr<const BaselineEvidence> evidence;
    std::uint64_t rows = 0;  // given; a span keeps at most 100,000 of them
    std::size_t memory_bytes = 0;
  };
  std::vector<BaselineView> baselines() const;

  // A pinned span whose end has passed, to be kept for later starts: by then its rows are nowhere else.
  struct LearntBaseline {
    std::string pack, name, definition;  // pack: set by who knows it. definition: span and columns; see below
    std::string hash;                    // of all rows
    std::uint64_t total = 0;             // rows of the span
    Instant from{}, to{};                // the span
    Instant at{};                        // engine time; set by who knows it
    Batch rows;                          // those it compares with, at most 100,000
  };
  std::vector<LearntBaseline> take_learnt();
  // Gives one back, after restoring and before anything else: to families that came with an edit, or to all when the
  // checkpoint did not know this baseline. False when the pack means another span or other columns now, or when the
  // checkpoint is from the time it was learnt: it is learnt again then, from the same inputs.
  bool baseline_learnt(const LearntBaseline& learnt);

  // Rows of one stream from one source, received at `now`. Rows beyond now + future are rejected when
  // `check_future`; rows too late for every ring are rejected; returns what was rejected here (counted too).
  std::vector<Rejected> feed(std::string_view stream, std::string_view source, const Batch& batch, Instant now,
                             bool check_future = true);
  // Time alone: idle sources, watermarks of silent streams, label sets to forget.
  void tick(Instant now);
  // Nobody listened for `down`: no stream counts as idle for that.
  void paused(Duration down);

  // One reading per live label set, in label order; one with empty labels when ungrouped. Windows end at the newest
  // pane end at or before the stream's watermark (closed), or include the running pane (open).
  void read(HandleId handle, Instant now, std::vector<SeriesReading>& out);
  // The same a row at a time, for who reads often: the label sets in label order and a number that changes whenever
  // they do. Borrowed until the next feed or tick.
  struct Rows {
    std::span<const LabelSet* const> labels;
    std::uint64_t generation;
  };
  Rows rows(HandleId handle);
  bool is_grouped(HandleId handle) const;  // has a row a label set, else one row without labels
  SharedReading read_row(HandleId handle, std::size_t row, Instant now);  // row of rows(), asked after the last feed
  // One label set's reading; no_data when it does not exist.
  Reading read_one(HandleId handle, const LabelSet& labels, Instant now);

  // The revision known now of the window that ended at `window_end` (event time); panes that left the ring are gone.
  Reading read_at(HandleId handle, const LabelSet& labels, Instant window_end, Instant now);

  // Changes whenever a read could answer differently because rows landed or a watermark moved; for skipping work.
  std::uint64_t version(HandleId handle) const;
  // True when the handle's streams have no open window left to empty: time alone changes nothing until the next feed.
  // False for freshness and arrival_age.
  bool is_quiet(HandleId handle, Instant now) const;
  std::vector<std::string> streams_of(HandleId handle) const;

  const StreamCounters* counters(std::string_view stream) const;
  // Joined streams: what became of the rows of both sides, and what waits.
  struct JoinView {
    std::string_view stream;
    JoinCounters counters;
    std::uint64_t predictions = 0, labels = 0;  // rows held
    std::size_t memory_bytes = 0;
  };
  std::vector<JoinView> joins() const;
  bool reads_join(HandleId handle) const;
  // Why, while a join below the handle lets predictions go before their labels have had their time; else "".
  std::string full_join(HandleId handle) const;
  Duration default_every(HandleId handle)
      const;  // 1s up to 10m, 10s to 1h, 1m to 1 day, 10m to 1 week, else 1h; rows/business/calendar: 1h
  std::size_t series_count() const;
  std::size_t memory_bytes() const;

  // The whole state. restore() takes what it recognises (same stream, where, by, step, family) and leaves the rest
  // empty, so an edited pack keeps the windows it did not change.
  void save(ByteWriter& out) const;
  Done restore(ByteReader& in);

 private:
  struct State;
  explicit MetricEngine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

inline constexpr int many_columns = 1'000;

// The catalogue: one row a metric. Also what `check`, help and the reference are made of.
struct MetricInfo {
  std::string_view name;
  std::string_view signature;    // `psi(column, { over, against, ... })`
  std::string_view layer;        // data model system business
  std::string_view text;         // one or two sentences, units, formula source
  std::string_view example;      // Lua, executed by a test
  int columns_min, columns_max;  // how many columns it takes; -1 = expression; many_columns: a list, or "*" for all
  bool needs_over, needs_against;
  std::uint64_t default_min_n;
  bool sequential;  // order of rows matters
  bool result_is_share;
};
std::span<const MetricInfo> metric_catalogue();
const MetricInfo* find_metric(std::string_view name);

}  // namespace tidewatch
