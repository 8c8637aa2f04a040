// percentile_rank: where the newest value stands among the N before it: the least q with Q(q) >= x, Q the linear
// quantile of those N. Below their minimum 0, above their maximum 1; so above(0.9) is exactly x > Q(0.9), ties
// included. n is the number of values compared with: the ranked row is not one of them.
#include "metrics/families/family_of.h"
#include "metrics/families/ordered_rows.h"

namespace tidewatch {
namespace {

// In a row first = value.
class PercentileRank final : public FamilyOf<PercentileRank, OrderedState> {
 public:
  explicit PercentileRank(std::size_t column) : column_(column) {}
  void add_one(OrderedState& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    if (column.null[row]) {
      ++state.tally.nulls;
      return;
    }
    const double value = column.as_number(row) + 0.0;
    if (usable(value, state.tally)) state.rows.push_back({batch.time(row).ns, value, 0});
  }
  void read_one(const OrderedState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    const auto rows = in_order(state.rows);
    Tally tally = state.tally;
    tally.n = rows.empty() ? 0 : rows.size() - 1;
    tally.show(out, "");
    std::optional<double> value;
    if (tally.n) {
      const double x = rows.back().first;
      std::vector<double> before;
      for (std::size_t i = 0; i + 1 < rows.size(); ++i) before.push_back(rows[i].first);
      std::sort(before.begin(), before.end());
      const auto at = std::lower_bound(before.begin(), before.end(), x);
      const auto index = static_cast<double>(at - before.begin());
      if (at == before.begin())
        value = 0;
      else if (at == before.end())
        value = 1;
      else  // between the value below and the first that is not
        value = (index - 1 + (x - *(at - 1)) / (*at - *(at - 1))) / static_cast<double>(before.size() - 1);
    }
    MetricSpec asked = spec;
    if (asked.min_n == 0) asked.min_n = std::max<std::uint64_t>(1, spec.window.count);
    settle(out, asked, value, "no value to compare with");
  }
  std::vector<std::size_t> needed_columns() const override { return {column_}; }
  std::uint32_t extra_rows() const override { return 1; }
  bool is_sequential() const override { return true; }

 private:
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
