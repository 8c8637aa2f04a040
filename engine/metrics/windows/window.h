// A ring of mergeable panes for every label set, shared by all metrics that agree on stream, `where`, `by` and step.
// Panes are merged: adding and subtracting numbers would be quicker and would drift with every late record, while
// merging gives a shard, a checkpoint and a backtest the same bits. Rows that are kept may be taken out again. A ring
// may instead keep whole rows ("252 rows").
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "metrics/families/family.h"
#include "metrics/shared_reading.h"
#include "metrics/windows/label_index.h"
#include "metrics/windows/pane_block.h"
#include "metrics/windows/pane_clock.h"
#include "metrics/windows/row_store.h"
#include "metrics/windows/sparse_panes.h"
#include "metrics/windows/trailing_cuts.h"

namespace tidewatch {

// A pane's rows for sequential families, which make their states when they are read.
struct OrderedPart {
  explicit OrderedPart(std::optional<std::size_t> key_column) : rows(key_column) {}
  RowStore rows;
  std::vector<std::unique_ptr<FamilyState>> states;  // by slot; null for the others
  bool is_stale = false;                             // rows came after the states were made
  bool is_settled = false;                           // no row will: the states stayed, the rows went
};

// One label set's rows of one pane: a state a family, side by side; Ring::Slot says where.
struct Pane {
  PaneBlock states;
  std::unique_ptr<OrderedPart> ordered;
};

// What the whole stream did in a pane, whatever `where` and `by` say.
struct PaneMark {
  std::uint64_t rows = 0;
  std::string undefined;  // why a predicate lost rows of this pane; "" when it did not
};

// Neighbouring rows of a batch that fall in one pane.
struct PaneRun {
  std::int64_t pane = 0;
  std::uint64_t rows = 0;
};
std::vector<PaneRun> runs_of(const Batch& batch, std::span<const std::uint32_t> rows, const PaneClock& clock);

// A window that moves forward, at about two merges a pane that enters: suffix merges of the older panes and one running
// merge of the newer (two stacks; Tangwongsan et al., "General Incremental Sliding-Window Aggregation", VLDB 2015).
// Panes that entered together will leave together when the window moves in equal strides, so they are kept as one
// chunk. Holds closed panes only; a row landing in one of them, or a chunk that leaves in two parts, makes it start
// over. A window of few panes, or one that moves on by much of its length, is merged anew each time, which is fewer
// merges than keeping the stacks.
// Families that slide() keep one merge in `back` and take leaving panes out of it: stacks of merges that hold rows
// would hold each row thirty times.
struct WindowCache {
  struct Chunk {
    std::int64_t first = 0, last = 0;  // its oldest and newest pane with rows
    // Of a chunk that entered: its merge, null for a single pane (its own state serves). In `front`: the merge of it
    // and all newer ones there.
    std::unique_ptr<FamilyState> state;
  };
  std::int64_t first = 0, end = 0;
  bool is_valid = false;
  bool is_whole = false;       // merged anew: `merged` is all there is
  bool is_stacked = false;     // of a family that slides: it no longer can
  std::vector<Chunk> front;    // oldest last
  std::vector<Chunk> entered;  // oldest first, all newer than front
  std::unique_ptr<FamilyState> back, merged;
  const FamilyState* answer = nullptr;
};

// An "N rows" window that moves on by rows: its state, from which the oldest rows are taken out as newer ones come in.
// A row that sorts among or before them makes it start over.
struct RowsCache {
  std::unique_ptr<FamilyState> state;
  std::uint64_t first = 0, end = 0;  // places (RowStore::dropped) of the oldest row used and past the newest looked at
  std::uint32_t used = 0;            // rows in it, those with a null that is needed left out
  Instant reached{};                 // rows later than this come after `end`
};

// A window that was read: its newest revision, and what must hold for it to be current.
struct RecordedWindow {
  SharedReading reading;
  Instant to{};  // of the reading
  bool is_final = false;
  std::uint64_t series_version = 0, mark_version = 0;
  std::uint64_t first_rows = 0;   // rows at the first read, to count those that came later
  Instant next_row = far_future;  // rows windows: when event time gets here the window is another
};

struct Series {
  LabelSet labels;
  std::uint32_t label_id = UINT32_MAX;  // in the ring's LabelIndex; none for "(other)" and without `by`
  SparsePanes<Pane> panes;
  std::unique_ptr<RowStore> rows;  // rows rings
  std::uint64_t version = 0;       // rows that landed where windows had been read
  Instant last_row = far_past;
  std::vector<WindowCache> caches;                    // by reader
  std::vector<RowsCache> rows_caches;                 // by reader; rows rings
  std::vector<std::vector<RecordedWindow>> recorded;  // by leaf of the ring, oldest window first
  Instant first_row = far_future;                     // oldest; rings with a past that moves
  std::vector<TrailingCuts> cuts;                     // by leaf of the ring, likewise
  std::vector<std::uint32_t> pending;                 // rows rings: rows of the batch being landed
};

class Ring {
 public:
  struct Slot {
    std::string key;
    std::unique_ptr<Family> family;
    bool is_sequential = false;
    std::size_t offset = 0;       // of its state in a pane's block; not for sequential ones
    std::size_t bytes = 0;        // of that state
    std::uint32_t most_rows = 0;  // rows rings: the longest N, extra rows included
    std::vector<std::size_t> needed;
    // Rows rings: windows of `rows` rows, each compared with the rows before it.
    struct Past {
      std::uint32_t rows;
      TrailingSpec past;
    };
    std::vector<Past> pasts;
  };

  Ring(std::string key, PaneClock clock, bool keeps_rows, LabelIndex* labels, std::optional<std::size_t> key_column);

  const std::string& key() const { return key_; }
  const PaneClock& clock() const { return clock_; }
  bool keeps_rows() const { return keeps_rows_; }
  LabelIndex* labels() const { return labels_; }
  std::vector<Slot>& slots() { return slots_; }
  const std::vector<Slot>& slots() const { return slots_; }

  // Adds the family unless one with this key is there; its slot.
  std::size_t add_slot(std::string key, std::unique_ptr<Family> family);
  std::size_t add_reader() { return readers_++; }  // a (slot, window length) whose merges are kept
  // Whose windows are recorded, and from which slot they are read.
  std::size_t add_recorder(std::size_t slot) {
    slot_of_recorder_.push_back(slot);
    return recorders_++;
  }
  // Windows are compared with the time before them: series remember their first row, and cuts.
  void compare_with_past() { has_past_ = true; }
  // A window of this ring needs panes for `land` (over + lateness) and reads back as far as `keep`.
  void needs(Duration land, Duration keep);

  // A metric of this ring keeps as many label sets apart; the ring keeps the most that any asks for.
  void needs_series(std::size_t most) { most_series_ = std::max(most_series_, most); }

  // Panes that start before this no longer take rows.
  Instant oldest_landable(Instant watermark) const;
  // Lands the rows, ascending, all landable; label_ids is by row of the batch (unused without `by`).
  void land(const Batch& batch, std::span<const std::uint32_t> rows, const std::vector<std::uint32_t>& label_ids,
            Instant watermark);
  // Notes that the stream had these rows, or lost them to a predicate. The runs are those of runs_of() with a clock
  // like this ring's: rings that agree share them.
  void mark(const Batch& batch, std::span<const std::uint32_t> rows, const std::vector<PaneRun>& runs,
            const std::string& undefined);
  // The stream's first row moved: windows read before may have to say so.
  void first_row_moved() { ++mark_version_; }

  // Joined streams: pairs come and go until they are settled. Panes then keep their rows and states are made from them,
  // as for sequential families; to be called before the first slot is added.
  void make_revisable() { is_revisable_ = true; }
  // Takes the rows, which have landed, out again.
  void retract(const Batch& batch, std::span<const std::uint32_t> rows, const std::vector<std::uint32_t>& label_ids);
  // Panes that end by then take no more rows and lose none: their states stay, their rows go.
  void settle(Instant until);
  // What is known about coverage moved: recorded windows are looked at again.
  void coverage_moved() { ++mark_version_; }

  // Drops what no window can reach, and label sets without rows for a day beyond that.
  void forget(Instant watermark);

  // The merge of panes [first, end) of the series, plus open panes when `open`; nullptr when no row is there.
  // Borrowed until the next call.
  const FamilyState* window_state(Series& series, std::size_t slot, std::size_t reader, std::int64_t first,
                                  std::int64_t end, bool may_cache);
  // The same for a window that reaches into open panes: the panes before closed_end are kept merged.
  const FamilyState* open_window_state(Series& series, std::size_t slot, std::size_t reader, std::int64_t first,
                                       std::int64_t closed_end, std::int64_t end);
  // The state of the last `count` rows with nothing null that is needed, at or before `as_of`.
  struct RowsRead {
    const FamilyState* state = nullptr;  // borrowed from `made`, or until the next call
    std::unique_ptr<FamilyState> made;
    std::uint32_t rows = 0;
    Instant from{}, to{};           // times of the oldest and newest row used
    Instant next_row = far_future;  // first row after as_of
    std::size_t first = 0;          // index of the oldest row used
    bool is_full = true;            // rows_before: as many rows, or as much time, as was asked for
  };
  // The rows a window that begins with `row` is compared with.
  RowsRead rows_before(Series& series, std::size_t slot, std::size_t row, const TrailingSpec& spec);
  // Merges panes [first, end) into the state; false when no row is there.
  bool merge_into(FamilyState& into, Series& series, std::size_t slot, std::int64_t first, std::int64_t end);
  // A merge of panes [first, end) of its own; null when no row is there.
  std::unique_ptr<FamilyState> merged(Series& series, std::size_t slot, std::int64_t first, std::int64_t end);
  static bool has_panes_from(Series& series, std::int64_t first) {
    return series.panes.from(first) != series.panes.end();
  }
  RowsRead rows_state(Series& series, std::size_t slot, std::size_t reader, std::uint32_t count, Instant as_of);

  bool had_rows(std::int64_t first, std::int64_t end) const;
  std::optional<std::int64_t> first_pane_with_rows(std::int64_t from) const;  // of the stream, at or after `from`
  const std::string* undefined_in(std::int64_t first, std::int64_t end) const;

  // Series in label order. find() is nullptr when the label set has none.
  std::map<LabelSet, std::unique_ptr<Series>>& series() { return series_; }
  const std::map<LabelSet, std::unique_ptr<Series>>& series() const { return series_; }
  Series* find(const LabelSet& labels);
  Series* ungrouped() const { return labels_ ? nullptr : only_; }
  std::uint64_t overflowed() const { return overflowed_; }
  // Changes when a series comes or goes: whoever keeps pointers to series or their labels looks again.
  std::uint64_t series_generation() const { return series_generation_; }

  std::uint64_t landed_version() const { return landed_version_; }
  std::uint64_t closed_version() const { return closed_version_; }
  std::uint64_t mark_version() const { return mark_version_; }
  // Windows up to here have been read: what lands before it is a revision.
  void was_read(std::int64_t end, Instant as_of);
  Duration land_span() const { return land_; }
  Duration keep_span() const { return keep_; }
  std::size_t memory_bytes() const;

  void write(ByteWriter& out);
  // `slot_of` maps a saved slot's key to ours; recorders are matched by the engine.
  bool read(ByteReader& in, const std::vector<std::string>& recorder_keys);
  std::vector<std::string> recorder_keys;  // names of recorders, for checkpoints

 private:
  Series& series_for(std::uint32_t label_id);
  Series& make_series(LabelSet labels, std::uint32_t label_id);
  void land_in_panes(const Batch& batch, std::span<const std::uint32_t> rows,
                     const std::vector<std::uint32_t>& label_ids);
  void land_piece(const Batch& batch, std::span<const std::uint32_t> rows, const std::vector<std::uint32_t>& label_ids);
  void land_in_one_series(const Batch& batch, std::span<const std::uint32_t> rows);
  void land_in_rows(const Batch& batch, std::span<const std::uint32_t> rows,
                    const std::vector<std::uint32_t>& label_ids, Instant watermark);
  void landed_late(Series& series, std::int64_t index);
  static void forget_merges(Series& series, std::int64_t index);
  bool is_merged_at_once(Series& series, std::size_t slot, std::int64_t first, std::int64_t end);
  bool slide(Series& series, std::size_t slot, WindowCache& cache, std::int64_t first, std::int64_t end);
  void land_rows(Series& series, const Batch& batch, Instant watermark);
  void trim_rows(Series& series, Instant watermark);
  bool slide_rows(Series& series, std::size_t slot, RowsCache& cache, std::size_t wanted, std::size_t until);
  void note_first_rows(const Batch& batch, std::span<const std::uint32_t> rows,
                       const std::vector<std::uint32_t>& label_ids);
  Pane& pane_for(Series& series, std::int64_t index);
  void make_fresh_states();
  const FamilyState* pane_state(Pane& pane, std::size_t slot);
  // Merges the panes into `into`, oldest first.
  void merge_panes(FamilyState& into, std::size_t slot, SparsePanes<Pane>::Item* item, SparsePanes<Pane>::Item* past);
  bool write_pane(Pane& pane, ByteWriter& out);
  void read_settled(Pane& pane, const std::vector<std::size_t>& slot_of, ByteReader& in);

  std::string key_;
  PaneClock clock_;
  bool keeps_rows_;
  LabelIndex* labels_;
  std::optional<std::size_t> key_column_;
  std::vector<Slot> slots_;
  bool has_sequential_ = false;
  bool is_revisable_ = false;
  std::int64_t settled_ = INT64_MIN;  // panes before this are
  std::size_t readers_ = 0, recorders_ = 0;
  std::vector<std::size_t> slot_of_recorder_;
  bool has_past_ = false;
  Duration land_{0}, keep_{0};

  PaneArena arena_;  // outlives the panes
  std::map<LabelSet, std::unique_ptr<Series>> series_;
  std::vector<Series*> by_label_;  // by label id
  Series* only_ = nullptr;
  Series* other_ = nullptr;
  std::size_t most_series_ = 0;
  std::uint64_t overflowed_ = 0;
  std::vector<Series*> touched_;
  std::int64_t oldest_kept_ = INT64_MIN;    // panes before it are out of every window's reach
  std::vector<std::byte*> blocks_, fresh_;  // of the rows being landed; those whose states are not made yet

  SparsePanes<PaneMark> marks_;
  std::int64_t read_end_ = INT64_MIN;
  std::int64_t merged_end_ = INT64_MIN;  // panes before it may be in a cache of an open window
  Instant read_as_of_ = far_past;
  std::uint64_t landed_version_ = 0, closed_version_ = 0, mark_version_ = 0;
  std::uint64_t series_generation_ = 1;
  bool has_undefined_ = false;  // a mark may say so; spares reads the search when none ever did
  std::int64_t swept_ = INT64_MIN;
  std::unique_ptr<FamilyState> scratch_;
};

}  // namespace tidewatch
