// null_rate: nulls over rows, with the Wilson interval. Every row enters, so n counts all of them and `nulls` stays 0:
// here a null is the answer, not a gap. NaN and the empty text are values, not nulls.
#include "metrics/families/family_of.h"

namespace tidewatch {
namespace {

struct NullState final : FamilyState {
  using OwnsNothing = void;
  std::uint64_t n = 0, nulls = 0;
  void merge(const NullState& from) {
    n += from.n;
    nulls += from.nulls;
  }
  void write(ByteWriter& out) const {
    out.put(n);
    out.put(nulls);
  }
  bool read(ByteReader& in) {
    n = in.get<std::uint64_t>();
    nulls = in.get<std::uint64_t>();
    return in.good() && nulls <= n;
  }
  std::size_t memory_bytes() const override { return sizeof *this; }
};

class NullRate final : public FamilyOf<NullRate, NullState> {
 public:
  explicit NullRate(std::size_t column) : column_(column) {}
  void add_one(NullState& state, const Batch& batch, std::uint32_t row) const {
    ++state.n;
    state.nulls += batch.columns[column_].null[row] != 0;
  }
  void read_one(const NullState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    out.n = state.n;
    std::optional<double> value;
    if (state.n) value = static_cast<double>(state.nulls) / static_cast<double>(state.n);
    settle(out, spec, value, "no row");
    set_wilson(out, state.nulls, state.n);
  }
  // None: a null row counts, also for a window of the last N rows.
  std::vector<std::size_t> needed_columns() const override { return {}; }

 private:
  std::size_t column_;
};

}  // namespace

FamilyMade make_null_rate(const FamilyInput& input) { return FamilyMade(std::make_unique<NullRate>(input.columns[0])); }

}  // namespace tidewatch
