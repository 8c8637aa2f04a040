// directional_hit_rate: how often the prediction moved from the last actual value the way the actual value did. Rows
// with a usable actual form the sequence; one whose prediction is missing still is the next row's starting point. The
// first row has no move to judge: it is excluded as "first".
#include "metrics/families/family_of.h"
#include "metrics/families/ordered_rows.h"

namespace tidewatch {
namespace {

// In a row first = actual, second = predicted (NaN: counted in the tally).
class HitRate final : public FamilyOf<HitRate, OrderedState> {
 public:
  HitRate(std::size_t predicted, std::size_t actual) : predicted_(predicted), actual_(actual) {}
  void add_one(OrderedState& state, const Batch& batch, std::uint32_t row) const {
    const Column &predictions = batch.columns[predicted_], &actuals = batch.columns[actual_];
    if (actuals.null[row]) {
      ++state.tally.nulls;
      return;
    }
    const double actual = actuals.as_number(row) + 0.0;
    double predicted = std::nan("");
    if (predictions.null[row])
      ++state.tally.nulls;
    else if (usable(predictions.as_number(row), actual, state.tally))
      predicted = predictions.as_number(row) + 0.0;
    if (std::isfinite(actual)) state.rows.push_back({batch.time(row).ns, actual, predicted});
  }
  void read_one(const OrderedState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    Tally tally = state.tally;
    const auto rows = in_order(state.rows);
    std::uint64_t hits = 0, first = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double actual = rows[i].first, predicted = rows[i].second;
      if (std::isnan(predicted)) continue;
      if (i == 0) {
        ++first;
        continue;
      }
      const double before = rows[i - 1].first;
      if (actual == before) {
        ++tally.other;
        continue;
      }
      ++tally.n;
      hits += actual > before ? predicted > before : predicted < before;
    }
    tally.show(out, "no_move");
    if (first) {
      out.excluded += first;
      out.excluded_by.emplace_back("first", first);
    }
    std::optional<double> value;
    if (tally.n) value = static_cast<double>(hits) / static_cast<double>(tally.n);
    settle(out, spec, value, "no row moved");
    set_wilson(out, hits, tally.n);
  }
  bool merges_at_once(const FamilyState&) const override { return true; }
  std::size_t row_bytes() const override { return sizeof(OrderedRow); }
  std::vector<std::size_t> needed_columns() const override { return {predicted_, actual_}; }
  bool is_sequential() const override { return true; }

 private:
  std::size_t predicted_, actual_;
};

}  // namespace

FamilyMade make_hit_rate(const FamilyInput& input) {
  return FamilyMade(std::make_unique<HitRate>(input.columns[0], input.columns[1]));
}

}  // namespace tidewatch
