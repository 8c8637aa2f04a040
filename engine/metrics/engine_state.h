// What MetricEngine holds, for the files that create, feed, read and save it. Nothing outside engine/metrics includes
// this. A leaf is a metric handle made concrete: equal specs share one leaf, so they share their recorded windows too.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "metrics/baseline_windows.h"
#include "metrics/detectors/detector_tracks.h"
#include "metrics/handle_eval.h"
#include "metrics/join_stream.h"
#include "metrics/metric_engine.h"
#include "metrics/stream_metrics.h"
#include "metrics/windows/kept_rows.h"
#include "metrics/windows/sequence.h"
#include "metrics/windows/watermark.h"
#include "metrics/windows/window.h"
#include "records/expression.h"

namespace tidewatch {

// Rows chosen by `where` or a Lua predicate; once a batch for all rings that agree.
struct Selection {
  std::string where;
  int predicate = -1;
  std::optional<Expression> expression;
  std::vector<std::uint8_t> truth;  // of the batch being fed
  bool is_listed = false;           // `passing` holds the rows of the batch being fed, and truth nothing
  std::vector<std::uint32_t> passing;
  std::string failure;  // why the predicate lost the batch
  std::vector<std::uint32_t> rows;

  // Fills truth for the batch; all rows pass when neither is set.
  void test(const Batch& batch, RowPredicate* predicates);
};

// Selections of the form `column == "text"` on one category column: answered together, in one pass over its codes.
struct EqualitySelections {
  std::size_t column = 0;
  std::map<std::string, Selection*, std::less<>> by_text;
  // Fills is_listed and passing of each; `rows` are the batch's rows that land.
  void test(const Batch& batch, const std::vector<std::uint32_t>& rows);

 private:
  std::vector<Selection*> of_code_;
};

struct Leaf;

struct StreamState {
  StreamSpec spec;
  Watermark watermark;
  StreamCounters counters;
  Instant first_row = far_past;  // oldest event time accepted; far_past before any
  Instant started = far_past;    // first feed or tick
  StreamLog log;
  Duration log_keep{0};
  std::map<std::size_t, Instant> newest_in;  // freshness { of = ... }: column -> newest value
  std::vector<std::unique_ptr<Selection>> selections;
  std::optional<std::vector<EqualitySelections>> equalities;  // found at the first feed
  std::vector<std::unique_ptr<LabelIndex>> indexes;
  struct RingUse {
    std::unique_ptr<Ring> ring;
    std::size_t selection = 0;
    std::size_t index = SIZE_MAX;  // into indexes
  };
  std::vector<RingUse> rings;
  std::optional<Sequence> sequence;      // rows wait for their order: previous(...)
  std::unique_ptr<JoinedStream> joined;  // this stream is made of two others
  std::vector<Leaf*> trailing;           // compared with the time before their windows
  std::vector<StreamState*> joins;       // joined streams this one is a side of
  std::vector<HandleId> detectors;       // that read this stream, alone or among others

  explicit StreamState(StreamSpec s) : spec(std::move(s)), watermark(spec.disorder, spec.idle) {}
  std::optional<std::size_t> column(std::string_view name) const;  // declared, then derived
  std::optional<ColumnType> type_of(std::size_t column) const;
};

struct BaselineState {
  BaselineSpec spec;
  bool is_sealed = false;
  bool is_restored = false;                          // a checkpoint knew it as it is declared now
  std::uint64_t rows = 0;                            // that the families took
  RowDigest digest;                                  // of all rows given
  Instant oldest = far_future, newest = far_past;    // of them
  RowStore waiting;                                  // given, not in order yet: streams with previous(...)
  std::unique_ptr<KeptRows> kept;                    // pinned spans
  std::shared_ptr<const BaselineEvidence> evidence;  // the name alone until sealed
};

struct Leaf {
  enum class Kind : std::uint8_t { stream, window, rows, baseline };
  struct Part {
    std::size_t slot = 0, reader = 0, recorder = 0, past_reader = 0;
    std::string column;  // label value when there is one series a column
    MetricSpec spec;
    std::unique_ptr<Family> family;      // at_baseline
    std::unique_ptr<FamilyState> state;  // at_baseline: all its rows
    std::size_t selection = 0;
    Instant cuts_due = far_past;  // no cut becomes final before
    std::uint64_t cuts_seen = 0;  // label sets of the ring then
    bool is_given = false;        // at_baseline: the state has the baseline's rows
    // at_baseline, of a rule with false_alarms: the windows of the baseline until it is sealed, and what they said.
    std::unique_ptr<BaselineWindows> windows;
    std::optional<double> inflation;
  };
  // What every read and every look at a sleeper needs stands together: thousands of leaves are read in turn, and each
  // cache line of them comes from afar.
  Kind kind = Kind::window;
  enum class Quiet : std::uint8_t { always, never, rows, window } quiet = Quiet::never;  // when time changes nothing
  bool is_by_column = false, is_zero_when_empty = false, is_extensive = false, keeps_windows = false;
  StreamState* stream = nullptr;
  Ring* ring = nullptr;
  BaselineState* baseline = nullptr;
  std::vector<Part> parts;
  std::int64_t panes = 0;
  Duration lateness{0};
  Duration keep_behind{0};      // shifted, max_over: how much earlier it is read
  std::uint32_t keep_rows = 0;  // trailing "252 rows": how many rows earlier
  Duration quiet_after{0};      // window: this far behind the newest row
  MetricSpec spec;
  std::string key;
  Calendar calendar{"weekdays", 0x1f, {}};
  CoveragePanes* coverage = nullptr;  // joined streams
  std::optional<std::size_t> of_column;
  // is_by_column: the label sets handed out, each with its part and the ring's label set.
  std::map<LabelSet, std::pair<std::size_t, LabelSet>> column_labels;
};

// Where one leaf finds one label set: looked up once for as long as no series comes or goes.
struct Target {
  Series* series = nullptr;
  std::size_t part = 0;
  bool is_known = true;  // false: no such label set
  const LabelSet* labels = nullptr;
};

// The label sets of a handle in label order, and for each the targets of the leaves below it, in leaves_under order.
struct Listing {
  std::uint64_t seen = UINT64_MAX;  // of the rings
  std::uint64_t generation = 0;
  std::vector<const LabelSet*> labels;
  std::vector<Target> targets;
};

// The past a window is compared with, as it is read: null where there is none.
struct PastRead {
  const FamilyState* state = nullptr;
  const FamilyState* cut = nullptr;  // the bins in force
  std::uint32_t slots = 0;           // seasonal: how many have rows
  std::shared_ptr<const BaselineEvidence> evidence;
  std::unique_ptr<FamilyState> own, own_cut;
  TrailingCuts fresh;
};

struct MetricEngine::State {
  std::vector<std::unique_ptr<StreamState>> streams;
  std::vector<std::unique_ptr<BaselineState>> baselines;
  std::vector<LearntBaseline> learnt;  // not taken yet
  std::vector<HandleSpec> handles;
  std::vector<std::unique_ptr<Leaf>> leaves;
  std::vector<Leaf*> leaf_of;                           // by handle; null for combinations
  std::vector<std::vector<Leaf*>> leaves_under;         // by handle
  std::vector<std::uint8_t> is_grouped;                 // by handle
  std::vector<Listing> listings;                        // by handle
  std::vector<std::unique_ptr<DetectorTracks>> tracks;  // by handle; null for all but detectors
  std::vector<std::string> pasts;                       // by handle: "1w ago", "trailing 28d"; "" of others
  RowPredicate* predicates = nullptr;
  std::vector<std::vector<std::uint32_t>> label_ids;  // by index of the stream being fed
  std::vector<std::uint32_t> landable;

  // Gives joined streams their sides, which must stand before them, and their derived columns.
  void connect_joins(std::vector<Problem>& problems);
  StreamState* stream(std::string_view name) const;
  BaselineState* baseline(std::string_view name) const;

  // As of which event time a handle is read: the watermark less `shift`, or a stated instant less `shift`.
  struct AsOf {
    Duration shift{0};
    std::optional<Instant> at;
  };
  // `targets`: one a leaf below the handle, in leaves_under order.
  SharedReading evaluate(HandleId handle, const Target* targets, const AsOf& as_of, Instant now);
  SharedReading evaluate(HandleId handle, const LabelSet& labels, const AsOf& as_of, Instant now);
  SharedReading expected(HandleId handle, const Target* targets, const AsOf& as_of, Instant now);
  // The input read at each of its ends within the handle's span, oldest first.
  std::vector<SharedReading> readings_within(HandleId handle, const Target* targets, const AsOf& as_of, Instant now);

  // Detectors: see engine_detect.cc. The leaf whose ends a handle is walked along, by its place in leaves_under.
  std::optional<std::size_t> paced_leaf(HandleId handle) const;
  std::optional<Instant> next_end(const Leaf& paced, const Target& target, const std::vector<Leaf*>& below,
                                  Instant after, Instant limit);
  Instant reached_by(HandleId handle) const;
  Instant final_by(HandleId handle) const;
  void settle_detectors(const StreamState& stream, Instant now);
  void begin_walk(HandleId handle, DetectorTrack::Walk& walk, const Target* targets, Instant limit);
  void settle_track(HandleId handle, DetectorTrack& track, const Target* targets, Instant until, Instant now);
  void catch_up(HandleId handle, DetectorTrack& track, const Target* targets, Instant now);
  void take(HandleId handle, DetectorTrack::Walk& walk, Instant at, const Target* targets, Instant now);
  std::optional<Detection> reference_of(HandleId handle, const Reading& reading, const Target* targets, Instant now);
  DetectorTrack& track_of(HandleId handle, const LabelSet& labels);
  SharedReading read_detector(HandleId handle, const Target* targets, const AsOf& as_of, Instant now);
  void write_detectors(ByteWriter& out) const;
  Done read_detectors(ByteReader& in);

  SharedReading read_leaf(Leaf& leaf, const Target& target, const AsOf& as_of, Instant now);
  SharedReading read_part(Leaf& leaf, Leaf::Part& part, Series* series, const AsOf& as_of, Instant now);
  SharedReading read_rows(Leaf& leaf, Leaf::Part& part, Series* series, const AsOf& as_of, Instant now);
  Reading read_baseline(Leaf& leaf, Leaf::Part& part, Instant now);
  Reading read_stream(Leaf& leaf, const AsOf& as_of, Instant now);
  void finish(const Leaf& leaf, const Leaf::Part& part, const FamilyState* state, const Family& family, bool had_rows,
              bool begins_early, const std::string* undefined, Reading& out, const PastRead* past = nullptr) const;
  // Windows compared with the time before them: tries cuts for windows that begin up to `until`, only final ones or
  // those too that late rows may still change; makes those that have become final; the bins in force for a window.
  void each_cut(Leaf& leaf, Leaf::Part& part, Series& series, Instant until, Instant watermark, TrailingCuts& into,
                bool is_final);
  void advance_cuts(StreamState& stream);
  const FamilyState* cut_for(Leaf& leaf, Leaf::Part& part, Series& series, Instant window_from, Instant watermark,
                             TrailingCuts& fresh);
  // What a window of panes is compared with. `is_next`: it is the newest, so merges of its past are worth keeping;
  // `settled`: final up to there, but for the metric's lateness.
  void read_past(Leaf& leaf, Leaf::Part& part, Series& series, const WindowRange& window, bool is_next, Instant settled,
                 PastRead& out);
  static void read_seasons(Leaf& leaf, Leaf::Part& part, Series& series, const WindowRange& window, PastRead& out);
  SharedReading record(Leaf& leaf, Leaf::Part& part, Series& series, SharedReading made, Instant next_row,
                       Instant watermark);
  // Rows of a stream into its rings.
  void land(StreamState& stream, const Batch& batch, const std::vector<std::uint32_t>& rows, Instant first,
            Instant watermark);
  // Rows that waited for their order and that the watermark has passed; `watermark` is the one they are judged by.
  void release(StreamState& stream, Instant watermark);
  // Joined streams: rows of a side, time of a side, and readings that wait for labels.
  void join_feed(StreamState& from, const Batch& batch, std::span<const std::uint32_t> rows);
  void join_advance(StreamState& joined, Instant now);
  void join_land(StreamState& joined);
  SharedReading read_joined(Leaf& leaf, Leaf::Part& part, Series* series, const AsOf& as_of, Instant now);
  Reading read_coverage(Leaf& leaf, const AsOf& as_of, Instant now);
  class LeafBuilder;
  void add_detector(HandleId id, std::vector<Problem>& problems);
  void know_columns(HandleId handle);  // label sets by column exist once listed
  static Target target_of(Leaf& leaf, const LabelSet& labels);
  const Listing& list(HandleId handle);
  void labels_under(HandleId handle, std::vector<const LabelSet*>& out);
  void baseline_add(BaselineState& baseline, const Batch& batch);
  // Notes the rows as the baseline's: at once for the families of a file, kept until it is sealed for a span.
  void baseline_take(BaselineState& baseline, const Batch& batch, std::span<const std::uint32_t> rows);
  Batch baseline_seal(BaselineState& baseline);  // the rows a span was compared with
  // Rows of a stream that fall in pinned spans; spans its watermark has passed are sealed.
  void learn(const StreamState& stream, const Batch& batch, std::span<const std::uint32_t> rows);
  void seal_learnt(const StreamState& stream);
  // Whether a value read at a baseline needs all rows, and it keeps a sample.
  static bool needs_all_rows(const Leaf& leaf);
};

// The buffer of a joined stream, once the lateness of its metrics is known.
void make_join(StreamState& stream);

// Whole panes of the time a window that begins at `window_from` is compared with.
WindowRange past_range(const TrailingSpec& spec, const PaneClock& clock, Instant window_from);

// What the rows of a stream look like, for a checkpoint: others cannot be compared with them.
std::string shape_of(const StreamSpec& stream);
// What a baseline's rows depend on: after an edit of it they are others.
std::string definition_of(const BaselineState& baseline, const StreamState& owner);

// The text that makes two metric handles the same metric.
std::string identity(const MetricSpec& spec);
// Texts as one, so that no two lists give the same.
std::string unambiguous(const std::vector<std::string>& parts);

}  // namespace tidewatch
