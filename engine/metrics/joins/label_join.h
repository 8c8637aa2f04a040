// Predictions meet their labels by key. Per key the outcome is a pure function of the rows it has (resolve()), and a
// new row emits the difference between the outcome before and after: so arrival order, batch splits and restarts cannot
// show. State machines a prediction were tried on paper and had an order-dependent corner for every pair of table rows.
//
//   stands    the least (time, bytes) of an id; a later one within `within` + `early` of it is `rescored`
//   matches   a label with -early <= t_label - t_prediction <= within; the greatest (time, bytes) wins
//   settled   when neither watermark leaves room for a change; then rows go and outcomes stay as emitted
//
// Memory: about 140 bytes and its packed row a prediction, 60 and its row a label; bounded by `most_pending` of each.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "metrics/joins/join_counters.h"
#include "metrics/joins/join_rows.h"

namespace tidewatch {

// What is known of one standing prediction.
struct JoinFacts {
  enum class Kind : std::uint8_t {
    pending,  // no label yet: the row's label columns are null
    matched,  // a pair
    blank,    // the label has nothing but its key, or the prediction has no key: null and covered, no pair
  };
  Kind kind = Kind::pending;
  bool is_same_pair = false;  // only the counts below changed: rings need not hear of it
  std::int64_t predicted_ns = 0;
  std::int64_t delay_ns = 0;  // of the first label; matched and blank
  std::uint32_t relabelled = 0, leaked = 0;
  bool has_key = true;
};

// Rows of the joined schema (the predictions' columns, then the labels') that hold now and that no longer hold. Add
// first: what came and went within one batch is in both.
struct JoinChanges {
  Batch removed, added;
  std::vector<JoinFacts> removed_facts, added_facts;
  bool empty() const { return removed.rows == 0 && added.rows == 0; }
};

class LabelJoin {
 public:
  struct Shape {
    std::vector<ColumnType> predicted, actual;  // all columns of each side's batches
    std::size_t predicted_time = 0, actual_time = 0;
    std::vector<std::size_t> predicted_key, actual_key;
    Duration within{}, early{}, lateness{};
    std::uint64_t most_pending = 1'000'000;
    bool is_over_label_time = false;  // the joined batches' time column is the labels'
  };
  explicit LabelJoin(Shape shape);
  ~LabelJoin();

  // Empty batches of the joined schema, to be filled and handed back any number of times.
  JoinChanges changes() const;
  // Rows of one side, in any order; `rows` are indices into the batch.
  void predictions(const Batch& batch, std::span<const std::uint32_t> rows, JoinChanges& out);
  void labels(const Batch& batch, std::span<const std::uint32_t> rows, JoinChanges& out);
  // The watermarks of both sides (far_past: none yet). Settles what can no longer change; after every batch and tick.
  // Emits counts of leaks only, never a pair.
  void watermarks(Instant predicted, Instant actual, JoinChanges& out);

  // Predictions before this are settled: their pairs, and that they have none, will not change.
  Instant settled() const { return settled_; }
  const JoinCounters& counters() const { return counters_; }
  std::uint64_t version() const { return version_; }  // of counters and outcomes
  std::uint64_t pending() const { return prediction_rows_; }
  std::uint64_t held() const { return label_rows_; }
  Instant last_evicted() const { return evicted_; }
  std::size_t memory_bytes() const;
  const Shape& shape() const { return shape_; }

  void write(ByteWriter& out) const;
  bool read(ByteReader& in);

 private:
  struct Entry;
  struct Outcome;
  using Entries = std::unordered_map<std::string, Entry>;
  using Place = Entries::value_type;
  struct Due {
    std::int64_t time;
    Place* place;
  };
  struct Resolved;

  void resolve(const Entry& entry, Resolved& out) const;
  void emit(const Resolved& before, const Resolved& after, JoinChanges& out);
  void append(Batch& into, const JoinRow* prediction, const JoinRow* label) const;
  void put_label(Place& place, std::int64_t time, std::string_view bytes, JoinChanges& out);
  void put_prediction(Place& place, std::int64_t time, std::string_view bytes, JoinChanges& out);
  void push(std::vector<Due>& queue, std::int64_t time, Place& place);
  Place* pop(std::vector<Due>& queue);
  void settle_prediction(Place& place, std::int64_t time, JoinChanges& out);
  void settle_labels(Place& place);
  void let_go(Place& place);
  void evict_predictions(std::uint64_t most, JoinChanges& out);
  void evict_labels(JoinChanges& out);
  bool is_blank(std::string_view label) const;
  std::int64_t held_until() const;  // labels before this wait for nobody

  Shape shape_;
  std::vector<std::uint8_t> is_payload_;  // label columns that are neither key nor time
  Entries entries_;
  std::vector<Due> predictions_due_, labels_due_;  // heaps, the least (time, key) on top; an item a row
  Instant predicted_watermark_ = far_past, actual_watermark_ = far_past;
  Instant settled_ = far_past, evicted_ = far_past;
  std::uint64_t prediction_rows_ = 0, label_rows_ = 0;
  std::size_t row_bytes_ = 0;
  std::uint64_t version_ = 0;
  JoinCounters counters_;
  std::string key_, bytes_;
  std::unique_ptr<Resolved> before_, after_;
};

}  // namespace tidewatch
