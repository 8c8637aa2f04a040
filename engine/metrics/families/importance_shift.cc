// importance_shift: how far the weights of a model's features moved: half the sum of |w - w_ref|, where w is a
// feature's share of the absolute weights. The total variation distance of two weightings, from 0 to 1. A feature that
// is on one side only has weight 0 on the other.
#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>

#include "base/text.h"
#include "metrics/families/family_of.h"
#include "metrics/statistics/exact_sum.h"

namespace tidewatch {
namespace {

constexpr std::size_t most_features = 10'000;

struct WeightState final : FamilyState {
  Tally tally;                                           // other: features beyond the limit
  std::map<std::string, ExactSum, std::less<>> weights;  // sums of |weight|
  void take(std::string_view feature, double weight) {
    auto at = weights.find(feature);
    if (at == weights.end()) {
      if (weights.size() >= most_features) {
        ++tally.other;
        return;
      }
      at = weights.emplace(feature, ExactSum()).first;
    }
    at->second.add(std::fabs(weight));
    ++tally.n;
  }
  void merge(const WeightState& from) {
    tally.merge(from.tally);
    for (const auto& [feature, sum] : from.weights) weights[feature].merge(sum);
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    out.put(static_cast<std::uint64_t>(weights.size()));
    for (const auto& [feature, sum] : weights) {
      out.text(feature);
      sum.write(out);
    }
  }
  bool read(ByteReader& in) {
    tally.read(in);
    weights.clear();
    for (std::size_t i = in.count(4); i > 0 && in.good(); --i)
      if (!weights[in.text()].read(in)) return false;
    return in.good();
  }
  std::size_t memory_bytes() const override {
    std::size_t bytes = sizeof *this;
    for (const auto& [feature, sum] : weights) bytes += feature.capacity() + sum.memory_bytes() + 32;
    return bytes;
  }
};

// Twice the mid-ranks, centred: whole numbers, so their sums are exact.
std::vector<std::int64_t> centred_ranks(const std::vector<std::pair<double, double>>& shares, bool is_first) {
  const std::size_t n = shares.size();
  const auto value = [&](std::size_t i) { return is_first ? shares[i].first : shares[i].second; };
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return value(a) < value(b); });
  std::vector<std::int64_t> out(n);
  for (std::size_t from = 0; from < n;) {
    std::size_t to = from + 1;
    while (to < n && value(order[to]) == value(order[from])) ++to;
    for (std::size_t i = from; i < to; ++i)
      out[order[i]] = static_cast<std::int64_t>(from + to + 1) - static_cast<std::int64_t>(n + 1);
    from = to;
  }
  return out;
}

// "Spearman -1, top 5 overlap 1": whether the order of the features moved, and how many of the reference's five
// heaviest (of all, when there are fewer) still are among the five heaviest. Ties go by name.
std::string evidence(const std::vector<std::pair<double, double>>& shares) {
  const auto a = centred_ranks(shares, true), b = centred_ranks(shares, false);
  double aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    aa += static_cast<double>(a[i] * a[i]);
    bb += static_cast<double>(b[i] * b[i]);
    ab += static_cast<double>(a[i] * b[i]);
  }
  const std::size_t most = std::min<std::size_t>(5, shares.size());
  const auto heaviest = [&](bool is_first) {
    std::vector<std::size_t> order(shares.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) {
      return (is_first ? shares[x].first : shares[x].second) > (is_first ? shares[y].first : shares[y].second);
    });
    order.resize(most);
    std::sort(order.begin(), order.end());
    return order;
  };
  const auto then = heaviest(true), now = heaviest(false);
  std::vector<std::size_t> both;
  std::set_intersection(then.begin(), then.end(), now.begin(), now.end(), std::back_inserter(both));
  const std::string spearman = aa > 0 && bb > 0 ? format_number(ab / std::sqrt(aa * bb)) : std::string("undefined");
  return "Spearman " + spearman + ", top " + std::to_string(most) + " overlap " +
         format_number(static_cast<double>(both.size()) / static_cast<double>(most));
}

class ImportanceShift final : public FamilyOf<ImportanceShift, WeightState> {
 public:
  ImportanceShift(std::size_t feature, std::size_t weight) : feature_(feature), weight_(weight) {}
  void add_one(WeightState& state, const Batch& batch, std::uint32_t row) const {
    const Column &features = batch.columns[feature_], &weights = batch.columns[weight_];
    if (features.null[row] || weights.null[row]) {
      ++state.tally.nulls;
      return;
    }
    const double weight = weights.as_number(row);
    if (usable(weight, state.tally)) state.take(features.text(row), weight);
  }
  void read_one(const WeightState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "limit");
    if (!has_reference(out, spec, is_sealed_, reference_.tally.n, false)) return;
    if (state.tally.other || state.weights.size() > most_features || reference_.tally.other) {
      // Which features were kept depends on arrival; an answer would too.
      settle(out, spec, std::nullopt, "more than 10,000 features");
      return;
    }
    std::map<std::string_view, std::pair<double, double>> sides;  // reference, current
    double reference = 0, current = 0;
    for (const auto& [feature, sum] : reference_.weights) reference += sides[feature].first = sum.value();
    for (const auto& [feature, sum] : state.weights) current += sides[feature].second = sum.value();
    std::optional<double> value;
    if (reference > 0 && current > 0) {
      value = 0;
      for (const auto& [feature, side] : sides) *value += std::fabs(side.second / current - side.first / reference) / 2;
    }
    settle(out, spec, value, "all weights are 0");
    if (!value) return;
    std::vector<std::pair<double, double>> shares;
    for (const auto& [feature, side] : sides) shares.emplace_back(side.first / reference, side.second / current);
    out.text = evidence(shares);
  }
  bool merges_at_once(const FamilyState&) const override { return true; }
  std::vector<std::size_t> needed_columns() const override { return {feature_, weight_}; }
  bool needs_baseline() const override { return true; }
  void reference_rows(const Batch& batch, std::span<const std::uint32_t> rows) override {
    add(reference_, batch, rows);
  }
  void reference_seal() override { is_sealed_ = true; }
  void write_reference(ByteWriter& out) const override {
    out.put(static_cast<std::uint8_t>(is_sealed_));
    reference_.write(out);
  }
  bool read_reference(ByteReader& in) override {
    is_sealed_ = in.get<std::uint8_t>() != 0;
    return reference_.read(in);
  }

 private:
  std::size_t feature_, weight_;
  WeightState reference_;
  bool is_sealed_ = false;
};

}  // namespace

FamilyMade make_importance_shift(const FamilyInput& input) {
  if (input.spec.against.empty())
    return invalid("importance_shift: expected the reference, as in against = baseline \"train\"");
  const bool is_text = input.types[0] == ColumnType::category || input.types[0] == ColumnType::string;
  const bool is_number = input.types[1] == ColumnType::number || input.types[1] == ColumnType::integer;
  if (!is_text || !is_number)
    return invalid("importance_shift: expected a feature's name and its weight, got a " +
                   std::string(name_of(input.types[0])) + " and a " + std::string(name_of(input.types[1])));
  return std::unique_ptr<Family>(std::make_unique<ImportanceShift>(input.columns[0], input.columns[1]));
}

}  // namespace tidewatch
