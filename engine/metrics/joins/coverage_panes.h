// How many predictions of a window have their label: what decides whether a joined window may be judged. Counted by
// prediction time and by the prediction-side labels, beside the rings of pairs, because a prediction without a label is
// in no ring. Counts are whole numbers, so here, unlike in a ring, taking away is exact.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "metrics/joins/label_delay.h"
#include "metrics/joins/label_join.h"
#include "metrics/windows/label_index.h"
#include "metrics/windows/pane_clock.h"
#include "metrics/windows/sparse_panes.h"
#include "records/expression.h"

namespace tidewatch {

struct CoverageSum {
  std::uint64_t predictions = 0, covered = 0;  // covered: a label is known, or none can be (no key)
  std::uint64_t nulls = 0;                     // of the covered: no key, or a label with nothing but its key
  std::uint64_t leaked = 0, relabelled = 0;
  struct Tenth {
    std::uint64_t predictions = 0, covered = 0;
  };
  std::array<Tenth, 10> tenths{};  // by score: [0, 0.1) ... [0.9, 1]; only when a score column is counted

  std::uint64_t pending() const { return predictions - covered; }
  double share() const {
    return predictions == 0 ? 0 : static_cast<double>(covered) / static_cast<double>(predictions);
  }
};

class CoveragePanes {
 public:
  struct Spec {
    std::string key;  // equal keys count the same things
    std::string where;
    std::vector<std::string> by;  // prediction-side columns
    std::vector<std::size_t> by_columns;
    std::optional<std::size_t> score;
    bool keeps_delays = false;
  };
  CoveragePanes(Spec spec, PaneClock clock, std::optional<Expression> where);

  const std::string& key() const { return spec_.key; }
  const PaneClock& clock() const { return clock_; }
  void needs(Duration keep) { keep_ = std::max(keep_, keep); }
  void keep_delays() { spec_.keeps_delays = true; }
  // As many label sets are kept apart as the metric needs that asks for most.
  void needs_series(std::size_t most) { most_series_ = std::max(most_series_, most); }

  void take(const JoinChanges& changes);
  // What no window can reach goes, and label sets without a prediction for a day beyond that.
  void forget(Instant settled);

  // `labels` may hold more names than are counted by; panes [first, end).
  CoverageSum sum(const LabelSet& labels, std::int64_t first, std::int64_t end) const;
  // The same for every window of `panes` panes that ends at `newest`, newest - 1, ... `oldest`: the newest whose
  // covered share is at least `least`.
  std::optional<std::int64_t> newest_covered(const LabelSet& labels, std::int64_t newest, std::int64_t oldest,
                                             std::int64_t panes, double least) const;
  // Delays of the labels that came and ages, at most `within`, of the predictions that wait; as of `watermark`.
  DelayCounts delays(const LabelSet& labels, std::int64_t first, std::int64_t end, Instant watermark,
                     Duration within) const;

  std::size_t memory_bytes() const;
  void write(ByteWriter& out) const;
  bool read(ByteReader& in);

 private:
  struct Pane {
    CoverageSum sum;
    std::map<std::int64_t, std::uint64_t> known, pending;  // delays; prediction times
  };
  struct Series {
    SparsePanes<Pane> panes;
    Instant last = far_past;
  };
  Series& series_of(const LabelSet& labels);
  const Series* find(const LabelSet& labels) const;
  void count(const Batch& rows, const std::vector<JoinFacts>& facts, bool is_added);

  Spec spec_;
  std::size_t most_series_ = 0;
  PaneClock clock_;
  std::optional<Expression> where_;
  std::unique_ptr<LabelIndex> index_;
  Duration keep_{0};
  std::map<LabelSet, Series> series_;
  std::vector<std::uint8_t> truth_;
  std::vector<std::uint32_t> label_ids_;
};

}  // namespace tidewatch
