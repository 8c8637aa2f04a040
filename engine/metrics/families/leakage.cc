// leakage: how well a single feature alone tells the outcome. Nobody's model is that good, so a feature that is has
// seen the label. Number feature: max(A, 1 - A) of its AUC for a yes/no outcome, abs(Spearman) for a number; category
// feature: the accuracy of the best map from value to outcome. Values are kept, at most 100,000 rows a window, and
// sorted at read; ranks are whole numbers (twice the mid-rank), so no sum rounds.
#include <algorithm>
#include <map>

#include "metrics/families/family_of.h"

namespace tidewatch {
namespace {

constexpr std::size_t most_rows = 100'000;

struct Feature {
  std::vector<std::pair<double, double>> pairs;                                            // value, outcome
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>, std::less<>> categories;  // value -> outcomes 0, 1
};

struct LeakageState final : FamilyState {
  Tally tally;
  std::uint64_t yes_no = 0;  // outcomes that are 0 or 1
  std::vector<Feature> features;

  // Beyond the limit the answer is `insufficient` whatever the values: they go.
  void bound() {
    if (tally.n <= most_rows) return;
    for (Feature& f : features) f = Feature();
  }
  void merge(const LeakageState& from) {
    tally.merge(from.tally);
    yes_no += from.yes_no;
    features.resize(std::max(features.size(), from.features.size()));
    for (std::size_t i = 0; i < from.features.size(); ++i) {
      Feature& f = features[i];
      f.pairs.insert(f.pairs.end(), from.features[i].pairs.begin(), from.features[i].pairs.end());
      for (const auto& [value, counts] : from.features[i].categories) {
        f.categories[value].first += counts.first;
        f.categories[value].second += counts.second;
      }
    }
    bound();
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    out.put(yes_no);
    out.put(static_cast<std::uint64_t>(features.size()));
    for (const Feature& f : features) {
      auto sorted = f.pairs;
      std::sort(sorted.begin(), sorted.end());
      out.put(static_cast<std::uint64_t>(sorted.size()));
      for (const auto& [value, outcome] : sorted) {
        out.put(value);
        out.put(outcome);
      }
      out.put(static_cast<std::uint64_t>(f.categories.size()));
      for (const auto& [value, counts] : f.categories) {
        out.text(value);
        out.put(counts.first);
        out.put(counts.second);
      }
    }
  }
  bool read(ByteReader& in) {
    tally.read(in);
    yes_no = in.get<std::uint64_t>();
    features.resize(in.count(16));
    for (Feature& f : features) {
      f.pairs.resize(in.count(16));
      for (auto& [value, outcome] : f.pairs) {
        value = in.get<double>();
        outcome = in.get<double>();
        if (!std::isfinite(value) || !std::isfinite(outcome)) in.fail();
      }
      for (std::size_t i = in.count(20); i > 0 && in.good(); --i) {
        auto& counts = f.categories[in.text()];
        counts.first = in.get<std::uint64_t>();
        counts.second = in.get<std::uint64_t>();
      }
    }
    return in.good();
  }
  std::size_t memory_bytes() const override {
    std::size_t bytes = sizeof *this;
    for (const Feature& f : features) bytes += f.pairs.capacity() * 16 + f.categories.size() * 96;
    return bytes;
  }
};

// Twice the mid-ranks of one side of the pairs, which are sorted by it.
template <typename Side>
std::vector<std::int64_t> doubled_ranks(const std::vector<std::pair<double, double>>& pairs, Side side) {
  std::vector<std::size_t> order(pairs.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return side(pairs[a]) < side(pairs[b]); });
  std::vector<std::int64_t> ranks(pairs.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t j = i;
    while (j < order.size() && side(pairs[order[j]]) == side(pairs[order[i]])) ++j;
    for (std::size_t k = i; k < j; ++k) ranks[order[k]] = static_cast<std::int64_t>(i + j + 1);
    i = j;
  }
  return ranks;
}

std::optional<double> spearman(const std::vector<std::pair<double, double>>& pairs) {
  const auto n = static_cast<std::int64_t>(pairs.size());
  if (n < 3) return std::nullopt;
  const auto x = doubled_ranks(pairs, [](const auto& p) { return p.first; });
  const auto y = doubled_ranks(pairs, [](const auto& p) { return p.second; });
  std::int64_t xy = 0, xx = 0, yy = 0;  // about the mean, which is n + 1
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    xy += (x[i] - n - 1) * (y[i] - n - 1);
    xx += (x[i] - n - 1) * (x[i] - n - 1);
    yy += (y[i] - n - 1) * (y[i] - n - 1);
  }
  if (xx == 0 || yy == 0) return std::nullopt;
  return std::abs(static_cast<double>(xy)) / (std::sqrt(static_cast<double>(xx)) * std::sqrt(static_cast<double>(yy)));
}

std::optional<double> area(const std::vector<std::pair<double, double>>& pairs) {
  const auto ranks = doubled_ranks(pairs, [](const auto& p) { return p.first; });
  std::int64_t positives = 0, sum = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (pairs[i].second != 1) continue;
    ++positives;
    sum += ranks[i];
  }
  const std::int64_t negatives = static_cast<std::int64_t>(pairs.size()) - positives;
  if (positives == 0 || negatives == 0) return std::nullopt;
  const double a = static_cast<double>(sum - positives * (positives + 1)) /
                   (2 * static_cast<double>(positives) * static_cast<double>(negatives));
  return std::max(a, 1 - a);
}

std::optional<double> best_map(const Feature& f) {
  std::uint64_t right = 0, all = 0;
  for (const auto& [value, counts] : f.categories) {
    right += std::max(counts.first, counts.second);
    all += counts.first + counts.second;
  }
  if (all == 0) return std::nullopt;
  return static_cast<double>(right) / static_cast<double>(all);
}

class Leakage final : public FamilyOf<Leakage, LeakageState> {
 public:
  Leakage(const FamilyInput& input, PositiveTest test, bool is_text)
      : columns_(input.columns), names_(input.spec.columns), test_(std::move(test)), is_text_(is_text) {}

  bool merges_at_once(const FamilyState&) const override { return true; }
  std::size_t row_bytes() const override { return 16 * (columns_.size() - 1); }
  void add_one(LeakageState& state, const Batch& batch, std::uint32_t row) const {
    const Column& outcomes = batch.columns[columns_.back()];
    if (outcomes.null[row]) {
      ++state.tally.nulls;
      return;
    }
    const double outcome = is_text_ ? test_(outcomes, row) : outcomes.as_number(row);
    if (!usable(outcome, state.tally)) return;
    ++state.tally.n;
    const bool is_yes_no = outcome == 0 || outcome == 1;
    state.yes_no += is_yes_no;
    state.features.resize(columns_.size() - 1);
    for (std::size_t i = 0; i + 1 < columns_.size() && state.tally.n <= most_rows; ++i) {
      const Column& column = batch.columns[columns_[i]];
      if (column.null[row]) continue;
      if (column.is_text()) {
        if (is_yes_no) {
          const std::string_view value = column.text(row);
          auto found = state.features[i].categories.find(value);
          if (found == state.features[i].categories.end())
            found = state.features[i].categories.try_emplace(std::string(value)).first;
          ++(outcome == 1 ? found->second.second : found->second.first);
        }
      } else if (const double value = column.as_number(row) + 0.0; std::isfinite(value)) {
        state.features[i].pairs.emplace_back(value, outcome);
      }
    }
    state.bound();
  }

  void read_one(const LeakageState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "domain");
    if (state.tally.n > most_rows) {
      out.status = Status::insufficient;
      out.reason = "more than 100,000 rows in the window: take a shorter one";
      return;
    }
    const bool is_yes_no = state.yes_no == state.tally.n;
    std::optional<double> worst;
    for (std::size_t i = 0; i < state.features.size(); ++i) {
      const Feature& f = state.features[i];
      const auto found = !f.categories.empty() ? (is_yes_no ? best_map(f) : std::nullopt)
                         : is_yes_no           ? area(f.pairs)
                                               : spearman(f.pairs);
      if (!found || (worst && *found <= *worst)) continue;
      worst = found;
      out.text = names_[i];
    }
    settle(out, spec, worst, "no feature and outcome vary together");
    if (!worst) out.text.clear();
  }
  std::vector<std::size_t> needed_columns() const override { return {columns_.back()}; }

 private:
  std::vector<std::size_t> columns_;  // features, then the outcome
  std::vector<std::string> names_;
  PositiveTest test_;
  bool is_text_;
};

}  // namespace

FamilyMade make_leakage(const FamilyInput& input) {
  if (input.columns.size() < 2)
    return invalid("leakage: expected feature columns and actual = \"column\", the outcome they may have seen");
  const ColumnType type = input.types.back();
  const bool is_text = type == ColumnType::string || type == ColumnType::category;
  PositiveTest test;
  if (is_text) {
    auto made = PositiveTest::make(input.spec, type, input.spec.columns.back());
    if (!made) return made.error();
    test = std::move(*made);
  }
  return FamilyMade(std::make_unique<Leakage>(input, std::move(test), is_text));
}

}  // namespace tidewatch
