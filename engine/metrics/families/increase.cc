// increase: growth of a counter. A fall is a restart from 0, so it adds the new value; the first sample is where
// counting begins and nothing is extrapolated to the ends of the window. Growth is last - first + every value a restart
// threw away, kept as one exact sum: adding differences as doubles would round differently in every split of panes.
#include "metrics/families/family_of.h"
#include "metrics/statistics/exact_sum.h"

namespace tidewatch {
namespace {

struct CounterState final : FamilyState {
  Tally tally;
  double first = 0, last = 0;
  ExactSum lost;  // values just before each restart
  void merge(const CounterState& from) {
    if (from.tally.n) {
      if (tally.n && from.first < last) lost.add(last);
      lost.merge(from.lost);
      if (!tally.n) first = from.first;
      last = from.last;
    }
    tally.merge(from.tally);
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    out.put(first);
    out.put(last);
    lost.write(out);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    first = in.get<double>();
    last = in.get<double>();
    return lost.read(in) && in.good() && std::isfinite(first) && std::isfinite(last);
  }
  std::size_t memory_bytes() const override { return sizeof *this - sizeof lost + lost.memory_bytes(); }
};

class Increase final : public FamilyOf<Increase, CounterState> {
 public:
  explicit Increase(std::size_t column) : column_(column) {}
  void add_one(CounterState& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    if (column.null[row]) {
      ++state.tally.nulls;
      return;
    }
    const double value = column.as_number(row) + 0.0;
    if (!usable(value, state.tally)) return;
    if (value < 0) {
      ++state.tally.other;  // no counter is negative
      return;
    }
    if (state.tally.n++ == 0)
      state.first = value;
    else if (value < state.last)
      state.lost.add(state.last);
    state.last = value;
  }
  void read_one(const CounterState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "domain");
    ExactSum growth = state.lost;
    growth.add(state.last);
    growth.add(-state.first);
    settle(out, spec, growth.value());
  }
  std::vector<std::size_t> needed_columns() const override { return {column_}; }
  bool is_sequential() const override { return true; }

 private:
  std::size_t column_;
};

}  // namespace

FamilyMade make_increase(const FamilyInput& input) { return FamilyMade(std::make_unique<Increase>(input.columns[0])); }

}  // namespace tidewatch
