// The part every family would otherwise repeat: casts, the loop over rows, make and read_state. A family states its
// State (add nothing allocates once made; merge, write, read, memory_bytes) and add_one(state, batch, row), which is
// inlined into the ingest paths. A state that cannot be understood without its family leaves merge and write to
// merge_one and write_one of the family. One that is quicker over many rows of one state than over each has
// add_many(state, batch, rows) besides. Where rows can leave again: take_one(state, batch, row), false when this one
// cannot. Templates stop here.
#pragma once

#include <memory>
#include <new>
#include <utility>

#include "metrics/families/family.h"
#include "metrics/families/tally.h"

namespace tidewatch {

template <typename Self, typename State>
class FamilyOf : public Family {
 public:
  std::unique_ptr<FamilyState> make() const override {
    auto state = std::make_unique<State>();
    self().begin(*state);
    return state;
  }
  std::size_t state_bytes() const override { return sizeof(State); }
  std::size_t state_alignment() const override { return alignof(State); }
  bool states_own_nothing() const override {
    return requires { typename State::OwnsNothing; };
  }
  void make_each(std::span<std::byte* const> blocks, std::size_t offset) const override {
    static_assert(alignof(State) <= alignof(std::max_align_t));
    for (std::byte* const block : blocks) self().begin(*new (block + offset) State());
  }
  void add(FamilyState& state, const Batch& batch, std::span<const std::uint32_t> rows) const override {
    auto& own = static_cast<State&>(state);
    if constexpr (has_many()) {
      if (rows.size() >= few) return self().add_many(own, batch, rows);
    }
    for (const std::uint32_t row : rows) self().add_one(own, batch, row);
  }
  void add_row(FamilyState& state, const Batch& batch, std::uint32_t row) const override {
    self().add_one(static_cast<State&>(state), batch, row);
  }
  void add_each(std::span<std::byte* const> blocks, std::size_t offset, const Batch& batch,
                std::span<const std::uint32_t> rows) const override {
    if constexpr (has_many()) {
      for (std::size_t from = 0, to = 0; from < rows.size(); from = to) {
        while (++to < rows.size() && blocks[to] == blocks[from]) continue;
        add(*std::launder(reinterpret_cast<State*>(blocks[from] + offset)), batch, rows.subspan(from, to - from));
      }
      return;
    }
    for (std::size_t i = 0; i < rows.size(); ++i)
      self().add_one(*std::launder(reinterpret_cast<State*>(blocks[i] + offset)), batch, rows[i]);
  }
  void merge(FamilyState& into, const FamilyState& from) const override {
    if constexpr (requires(State & a, const State& b) { a.merge(b); })
      static_cast<State&>(into).merge(static_cast<const State&>(from));
    else
      self().merge_one(static_cast<State&>(into), static_cast<const State&>(from));
  }
  bool slides_by_row() const override {
    return requires(const Self& s, State& a, const Batch& b) { s.take_one(a, b, std::uint32_t{}); };
  }
  bool take_rows_out(FamilyState& from, const Batch& batch, std::span<const std::uint32_t> rows) const override {
    if constexpr (requires(const Self& s, State& a) { s.take_one(a, batch, std::uint32_t{}); }) {
      for (const std::uint32_t row : rows)
        if (!self().take_one(static_cast<State&>(from), batch, row)) return false;
      return true;
    } else {
      return Family::take_rows_out(from, batch, rows);
    }
  }
  void read(const FamilyState& state, const MetricSpec& spec, const ReadContext& context, Reading& out) const override {
    self().read_one(static_cast<const State&>(state), spec, context, out);
  }
  void write(const FamilyState& state, ByteWriter& out) const override {
    if constexpr (requires(const State& a) { a.write(out); })
      static_cast<const State&>(state).write(out);
    else
      self().write_one(static_cast<const State&>(state), out);
  }
  std::unique_ptr<FamilyState> read_state(ByteReader& in) const override {
    auto state = std::make_unique<State>();
    if (!state->read(in) || !in.good()) return nullptr;
    return state;
  }

  void begin(State&) const {}  // what an empty state needs beyond its defaults

 private:
  static constexpr std::size_t few = 8;  // rows that are not worth gathering
  static constexpr bool has_many() {
    return requires(const Self& a, State& b, const Batch& c, std::span<const std::uint32_t> d) { a.add_many(b, c, d); };
  }
  const Self& self() const { return static_cast<const Self&>(*this); }
};

// One maker a family file; `stream` has been checked to hold the columns at `columns`.
struct FamilyInput {
  const MetricSpec& spec;
  const StreamSpec& stream;
  std::vector<std::size_t> columns;  // indices into batch columns
  std::vector<ColumnType> types;
};
using FamilyMade = Result<std::unique_ptr<Family>>;

FamilyMade make_counts(const FamilyInput&);
FamilyMade make_share(const FamilyInput&);
FamilyMade make_sum(const FamilyInput&);
FamilyMade make_moments(const FamilyInput&);
FamilyMade make_quantiles(const FamilyInput&);
FamilyMade make_null_rate(const FamilyInput&);
FamilyMade make_drift(const FamilyInput&);
FamilyMade make_importance_shift(const FamilyInput&);
FamilyMade make_regression(const FamilyInput&);
FamilyMade make_relative_error(const FamilyInput&);
FamilyMade make_hit_rate(const FamilyInput&);
FamilyMade make_calibration(const FamilyInput&);
FamilyMade make_score_loss(const FamilyInput&);
FamilyMade make_classification(const FamilyInput&);
FamilyMade make_auc(const FamilyInput&);
FamilyMade make_percentile_rank(const FamilyInput&);
FamilyMade make_last(const FamilyInput&);
FamilyMade make_leakage(const FamilyInput&);
FamilyMade make_distinct(const FamilyInput&);
FamilyMade make_duplicates(const FamilyInput&);
FamilyMade make_out_of_range(const FamilyInput&);
FamilyMade make_new_values(const FamilyInput&);
FamilyMade make_changed(const FamilyInput&);
FamilyMade make_sample_drift(const FamilyInput&);
FamilyMade make_trailing_drift(const FamilyInput&);
FamilyMade make_drifted_columns(const FamilyInput&);
FamilyMade make_confusion(const FamilyInput&);
FamilyMade make_increase(const FamilyInput&);
FamilyMade make_time_share(const FamilyInput&);
FamilyMade make_job_success(const FamilyInput&);
FamilyMade make_correlation(const FamilyInput&);
FamilyMade make_compare(const FamilyInput&);
// How often a sequential comparison looks: at the ends of panes, or each hour or minute where panes are longer.
Duration look_of(const MetricSpec& spec);
FamilyMade make_estimate(const FamilyInput&);

// Which outcomes are positive: true, 1, or the text `positive`. -1 = neither 0 nor 1.
class PositiveTest {
 public:
  PositiveTest() = default;
  static Result<PositiveTest> make(const MetricSpec& spec, ColumnType type, const std::string& column);
  int operator()(const Column& column, std::size_t row) const {
    if (type_ == ColumnType::number || type_ == ColumnType::integer || type_ == ColumnType::boolean) {
      const double value = column.as_number(row);
      if (has_number_) return value == number_;
      return value == 1 ? 1 : value == 0 ? 0 : -1;
    }
    return column.text(row) == text_;
  }

 private:
  ColumnType type_ = ColumnType::boolean;
  std::string text_;
  double number_ = 1;
  bool has_number_ = false;
};

}  // namespace tidewatch
