// A family is one kind of mergeable state and the metrics read from it: moments give mean, sum and standard deviation;
// a sketch gives every quantile. One family a file; `make_family` is the only place that lists them.
//
// What every family keeps: merge(a, b) equals adding b's rows to a, bit for bit, in any order (sequential families:
// in pane order); no floating sum is ever subtracted from, only what is whole may leave a window again: kept rows,
// counts, exact sums; a value that cannot be used is counted by reason, never dropped.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/pool.h"
#include "base/result.h"
#include "metrics/handle.h"
#include "metrics/reading.h"
#include "records/batch.h"
#include "records/schema.h"

namespace tidewatch {

class FamilyState : public Pooled {
 public:
  virtual ~FamilyState() = default;
  virtual std::size_t memory_bytes() const = 0;
};

// What a read may need besides the state.
struct ReadContext {
  Instant from{}, to{};  // the window
  Instant now{};         // engine time
  // Compared with a past that moves: its state, and the bins in force; null while they are not there.
  const FamilyState* reference = nullptr;
  const FamilyState* cut = nullptr;
  std::uint32_t slots = 0;  // seasonal: of how many earlier slots with rows the reference is made
};

class Family {
 public:
  virtual ~Family() = default;

  virtual std::unique_ptr<FamilyState> make() const = 0;
  // For states that stand side by side in a pane's block: their size, and an empty one made at `where`, which is
  // aligned so. The block destroys it.
  virtual std::size_t state_bytes() const = 0;
  virtual std::size_t state_alignment() const { return alignof(std::uint64_t); }
  virtual bool states_own_nothing() const = 0;  // no memory beyond those bytes: forgetting one is enough
  virtual void make_each(std::span<std::byte* const> blocks, std::size_t offset) const = 0;
  // A state that panes are merged into to be read, never saved. Where a pane has a size limit (exact values up to 128),
  // a window keeps what each of its panes had; two states from make() merge into what one pane would have been.
  virtual std::unique_ptr<FamilyState> make_window() const { return make(); }
  // Once a batch, before its rows are added: lets a family do per-batch work once (run an expression, map a
  // dictionary). Optional for the caller, but who calls it for one batch calls it for every later one: it is remembered
  // by address.
  virtual void prepare(const Batch&) {}
  // The same when only these rows will be added: of a batch a ring with a `where` may take a hundredth.
  virtual void prepare_rows(const Batch& batch, std::span<const std::uint32_t>) { prepare(batch); }
  // Adds the given rows (indices into batch, already selected by `where` and label set; ascending).
  virtual void add(FamilyState& state, const Batch& batch, std::span<const std::uint32_t> rows) const = 0;
  // Adds one row: the same as add() with one index; the ingest path calls this.
  virtual void add_row(FamilyState& state, const Batch& batch, std::uint32_t row) const {
    add(state, batch, std::span<const std::uint32_t>(&row, 1));
  }
  // Adds rows[i] to the state at blocks[i] + offset, for each i: one call a batch, whatever panes its rows go to.
  virtual void add_each(std::span<std::byte* const> blocks, std::size_t offset, const Batch& batch,
                        std::span<const std::uint32_t> rows) const = 0;
  // into += from. Panes are merged oldest first.
  virtual void merge(FamilyState& into, const FamilyState& from) const = 0;
  // Fills value or text, n, nulls, excluded, status (ok, undefined, insufficient for min_n), reason, error, low, high,
  // p_value, bins. The window, no_data, revision and final fields are the ring's.
  virtual void read(const FamilyState& state, const MetricSpec& spec, const ReadContext& context,
                    Reading& out) const = 0;

  // How a window that moves on is kept. Merged at once at each read: what is so small, or grows so with the rows, that
  // keeping merges of panes would cost more memory than it saves time.
  virtual bool merges_at_once(const FamilyState& newest_pane) const {
    (void)newest_pane;
    return false;
  }
  // Or, where states keep their rows in order: the rows of a pane that leaves are taken out of the merge again, which
  // is as exact as counting. False when it cannot be done, because rows were condensed; `from` is then of no more use.
  virtual bool slides() const { return false; }
  virtual bool take_out(FamilyState&, const FamilyState&) const { return false; }
  // Whether merges of many panes may be kept side by side, so that a window that moves on costs little. Not where each
  // is as long as the rows it holds: sixty of them would be thirty times the rows.
  virtual bool may_stack() const { return true; }
  // "N rows" windows move on by a row at a time: whether rows that were added may leave a state again, and the leaving
  // of these. What is left is as if they had never come, bit for bit: counts, kept rows and exact sums can do that.
  // False when it cannot be done this time (the least value leaves, and who is next was not kept); `from` is then of no
  // more use.
  virtual bool slides_by_row() const { return false; }
  virtual bool take_rows_out(FamilyState& from, const Batch& batch, std::span<const std::uint32_t> rows) const {
    (void)from, (void)batch, (void)rows;
    return false;
  }
  // What `check` estimates with: bytes of a pane with many rows, and of each row where rows are kept.
  virtual std::size_t pane_bytes() const { return state_bytes(); }
  virtual std::size_t row_bytes() const { return 0; }

  virtual void write(const FamilyState& state, ByteWriter& out) const = 0;
  virtual std::unique_ptr<FamilyState> read_state(ByteReader& in) const = 0;  // nullptr when damaged

  // Columns whose null makes a row not count for a "N rows" window; indices into the batch.
  virtual std::vector<std::size_t> needed_columns() const = 0;
  // Rows beyond N that a "N rows" window hands over (percentile_rank: 1, the row being ranked, which comes last).
  virtual std::uint32_t extra_rows() const { return 0; }
  virtual bool is_sequential() const { return false; }

  // Families that compare with a past that moves: bins cut from a reference (null when it has too few rows), which stay
  // in force for later windows.
  virtual std::unique_ptr<FamilyState> cut(const FamilyState&, const MetricSpec&) const { return nullptr; }
  virtual void write_cut(const FamilyState&, ByteWriter&) const {}
  virtual std::unique_ptr<FamilyState> read_cut(ByteReader&) const { return nullptr; }  // nullptr when damaged

  // Drift families: the reference. Called with the baseline's selected rows, then sealed. Until sealed, and with
  // n_ref < 20, reads are insufficient. The reference can be saved, as can the edges it fixed.
  virtual bool needs_baseline() const { return false; }
  virtual void reference_rows(const Batch&, std::span<const std::uint32_t>) {}
  virtual void reference_seal() {}
  virtual std::string reference_problem() const { return {}; }  // sealed: why it cannot serve; "" when it can
  virtual void write_reference(ByteWriter&) const {}
  virtual bool read_reference(ByteReader&) { return true; }
};

// The family a metric reads, and the key under which rings share it ("moments latency_ms"). The error is a sentence
// for the author: column, expected type, got. `column_index` in families is into StreamSpec columns then derived.
Result<std::unique_ptr<Family>> make_family(const MetricSpec& spec, const StreamSpec& stream);
std::string family_key(const MetricSpec& spec);

}  // namespace tidewatch
