// percentile_rank: where the newest value stands among the N before it: the least q with Q(q) >= x, Q the linear
// quantile of those N. Below their minimum 0, above their maximum 1; so above(0.9) is exactly x > Q(0.9), ties
// included. n is the number of values compared with: the ranked row is not one of them.
#include <bit>
#include <tuple>

#include "metrics/families/family_of.h"
#include "metrics/statistics/blocked_values.h"

namespace tidewatch {
namespace {

// A value and when it came, in the order that makes one of them the newest: ties of time go by the bits, never by
// arrival.
struct Timed {
  std::int64_t time_ns = INT64_MIN;
  double value = 0;
  auto rank() const { return std::tuple(time_ns, std::bit_cast<std::uint64_t>(value)); }
};

struct RankState final : FamilyState {
  Tally tally;
  BlockedValues values;  // the newest among them
  Timed newest;
  void merge(const RankState& from) {
    tally.merge(from.tally);
    values.add_all(from.values.in_order());
    if (newest.rank() < from.newest.rank()) newest = from.newest;
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    values.write(out);
    out.put(newest.time_ns);
    out.put(newest.value);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    if (!values.read(in)) return false;
    newest.time_ns = in.get<std::int64_t>();
    newest.value = in.get<double>();
    return in.good();
  }
  std::size_t memory_bytes() const override { return sizeof *this + values.heap_bytes(); }
};

class PercentileRank final : public FamilyOf<PercentileRank, RankState> {
 public:
  explicit PercentileRank(std::size_t column) : column_(column) {}
  void add_one(RankState& state, const Batch& batch, std::uint32_t row) const {
    Timed one;
    if (take_in(state, batch, row, one)) state.values.add(one.value);
  }
  void add(FamilyState& state, const Batch& batch, std::span<const std::uint32_t> rows) const override {
    auto& own = static_cast<RankState&>(state);
    std::vector<double> values;
    values.reserve(rows.size());
    Timed one;
    for (const std::uint32_t row : rows)
      if (take_in(own, batch, row, one)) values.push_back(one.value);
    own.values.add_all(std::move(values));
  }
  bool take_one(RankState& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    const bool is_null = column.null[row] != 0;
    const Timed one{batch.time(row).ns, is_null ? 0 : column.as_number(row) + 0.0};
    if (state.tally.take_unused(is_null, one.value)) return true;
    if (one.rank() == state.newest.rank()) return false;  // who is newest then was not kept
    return state.values.remove(one.value);
  }
  void read_one(const RankState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    Tally tally = state.tally;
    tally.n = state.values.empty() ? 0 : state.values.size() - 1;
    tally.show(out, "");
    std::optional<double> value;
    if (tally.n) {
      const double x = state.newest.value;
      const std::size_t index = state.values.count_below(x);
      if (index == 0) {
        value = 0;
      } else if (index == tally.n) {
        value = 1;
      } else {  // between the value below and the first that is not; x itself stands among them once more
        const double below = state.values.at(index - 1), above = state.values.at(index + 1);
        value = (static_cast<double>(index) - 1 + (x - below) / (above - below)) / static_cast<double>(tally.n - 1);
      }
    }
    MetricSpec asked = spec;
    if (asked.min_n == 0) asked.min_n = std::max<std::uint64_t>(1, spec.window.count);
    settle(out, asked, value, "no value to compare with");
  }
  std::vector<std::size_t> needed_columns() const override { return {column_}; }
  std::uint32_t extra_rows() const override { return 1; }
  bool is_sequential() const override { return true; }

 private:
  // Counts the row; false when it has no value that can be used.
  bool take_in(RankState& state, const Batch& batch, std::uint32_t row, Timed& one) const {
    const Column& column = batch.columns[column_];
    if (column.null[row]) {
      ++state.tally.nulls;
      return false;
    }
    one = {batch.time(row).ns, column.as_number(row) + 0.0};
    if (!usable(one.value, state.tally)) return false;
    if (state.newest.rank() < one.rank()) state.newest = one;
    return true;
  }
  std::size_t column_;
};

}  // namespace

FamilyMade make_percentile_rank(const FamilyInput& input) {
  if (input.spec.window.kind != WindowSpec::Kind::rows)
    return invalid("percentile_rank: expected a window of rows: { over = \"252 rows\" }, got \"" +
                   input.spec.window.text() + "\"");
  return FamilyMade(std::make_unique<PercentileRank>(input.columns[0]));
}

}  // namespace tidewatch
