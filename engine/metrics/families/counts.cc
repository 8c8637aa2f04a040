// count and rate: rows that passed `where`. The cheapest family: one integer a pane.
#include "metrics/families/family_of.h"

namespace tidewatch {
namespace {

struct CountState final : FamilyState {
  using OwnsNothing = void;
  std::uint64_t n = 0;
  void merge(const CountState& from) { n += from.n; }
  void write(ByteWriter& out) const { out.put(n); }
  bool read(ByteReader& in) {
    n = in.get<std::uint64_t>();
    return in.good();
  }
  std::size_t memory_bytes() const override { return sizeof *this; }
};

class Counts final : public FamilyOf<Counts, CountState> {
 public:
  void add_one(CountState& state, const Batch&, std::uint32_t) const { ++state.n; }
  bool take_one(CountState& state, const Batch&, std::uint32_t) const { return state.n-- > 0; }
  void read_one(const CountState& state, const MetricSpec& spec, const ReadContext& context, Reading& out) const {
    out.n = state.n;
    std::optional<double> value = static_cast<double>(state.n);
    if (spec.metric == "rate") {
      const double seconds = (context.to - context.from).seconds();
      if (seconds > 0)
        value = *value / seconds;
      else
        value.reset();
    }
    settle(out, spec, value, "the window has no length in time");
  }
  std::vector<std::size_t> needed_columns() const override { return {}; }
};

}  // namespace

FamilyMade make_counts(const FamilyInput&) { return FamilyMade(std::make_unique<Counts>()); }

}  // namespace tidewatch
