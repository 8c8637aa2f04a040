// correlation of two columns: Pearson from exact moments, or Spearman as Pearson of mid-ranks, in whole numbers. Ranks
// need every pair of the window at once, so Spearman keeps up to 100,000 pairs and says `insufficient` beyond.
#include <algorithm>

#include "metrics/families/family_of.h"
#include "metrics/statistics/exact_sum.h"

namespace tidewatch {
namespace {

constexpr double second_moment_limit = 1e150;
constexpr std::size_t most_pairs = 100'000;

struct CrossState final : FamilyState {
  Tally tally;
  ExactSum x, y, xx, yy, xy;
  void merge(const CrossState& from) {
    tally.merge(from.tally);
    x.merge(from.x);
    y.merge(from.y);
    xx.merge(from.xx);
    yy.merge(from.yy);
    xy.merge(from.xy);
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    for (const ExactSum* sum : {&x, &y, &xx, &yy, &xy}) sum->write(out);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    for (ExactSum* sum : {&x, &y, &xx, &yy, &xy})
      if (!sum->read(in)) return false;
    return in.good();
  }
  std::size_t memory_bytes() const override {
    std::size_t bytes = sizeof *this;
    for (const ExactSum* sum : {&x, &y, &xx, &yy, &xy}) bytes += sum->memory_bytes() - sizeof *sum;
    return bytes;
  }
};

// False when the row cannot enter, which has then been counted.
bool usable_pair(const Batch& batch, std::uint32_t row, std::size_t a, std::size_t b, Tally& tally, double& x,
                 double& y) {
  const Column &left = batch.columns[a], &right = batch.columns[b];
  if (left.null[row] || right.null[row]) {
    ++tally.nulls;
    return false;
  }
  x = left.as_number(row) + 0.0;
  y = right.as_number(row) + 0.0;
  return usable(x, y, tally);
}

class Pearson final : public FamilyOf<Pearson, CrossState> {
 public:
  Pearson(std::size_t a, std::size_t b) : a_(a), b_(b) {}
  void add_one(CrossState& state, const Batch& batch, std::uint32_t row) const {
    double x, y;
    if (!usable_pair(batch, row, a_, b_, state.tally, x, y)) return;
    if (std::fabs(x) >= second_moment_limit || std::fabs(y) >= second_moment_limit) {
      ++state.tally.other;
      return;
    }
    ++state.tally.n;
    state.x.add(x);
    state.y.add(y);
    state.xx.add_product(x, x);
    state.yy.add_product(y, y);
    state.xy.add_product(x, y);
  }
  void read_one(const CrossState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "overflow");
    std::optional<double> value;
    if (const std::uint64_t n = state.tally.n) {
      const double sx = centered(n, state.x, state.x, state.xx), sy = centered(n, state.y, state.y, state.yy);
      if (sx > 0 && sy > 0)
        value = std::clamp(centered(n, state.x, state.y, state.xy) / std::sqrt(sx) / std::sqrt(sy), -1.0, 1.0);
    }
    settle(out, spec, value, "a column is constant");
  }
  std::vector<std::size_t> needed_columns() const override { return {a_, b_}; }

 private:
  std::size_t a_, b_;
};

struct PairState final : FamilyState {
  Tally tally;
  std::vector<std::pair<double, double>> pairs;  // none once there were too many
  void keep_to_limit() {
    if (tally.n > most_pairs) pairs = std::vector<std::pair<double, double>>();  // `= {}` would keep the memory
  }
  void merge(const PairState& from) {
    tally.merge(from.tally);
    pairs.insert(pairs.end(), from.pairs.begin(), from.pairs.end());
    keep_to_limit();
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    auto sorted = pairs;
    std::sort(sorted.begin(), sorted.end());
    out.put(static_cast<std::uint64_t>(sorted.size()));
    for (const auto& [x, y] : sorted) {
      out.put(x);
      out.put(y);
    }
  }
  bool read(ByteReader& in) {
    tally.read(in);
    pairs.resize(in.count(16));
    for (auto& [x, y] : pairs) {
      x = in.get<double>();
      y = in.get<double>();
      if (!std::isfinite(x) || !std::isfinite(y)) in.fail();
    }
    return in.good() && pairs.size() == (tally.n > most_pairs ? 0 : tally.n);
  }
  std::size_t memory_bytes() const override { return sizeof *this + pairs.capacity() * 16; }
};

class Spearman final : public FamilyOf<Spearman, PairState> {
 public:
  Spearman(std::size_t a, std::size_t b) : a_(a), b_(b) {}
  bool merges_at_once(const FamilyState&) const override { return true; }
  std::size_t row_bytes() const override { return 16; }
  void add_one(PairState& state, const Batch& batch, std::uint32_t row) const {
    double x, y;
    if (!usable_pair(batch, row, a_, b_, state.tally, x, y)) return;
    ++state.tally.n;
    if (state.tally.n <= most_pairs) state.pairs.emplace_back(x, y);
    if (state.tally.n == most_pairs + 1) state.keep_to_limit();
  }
  void read_one(const PairState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "");
    if (state.tally.n > most_pairs) {
      out.status = Status::insufficient;
      out.reason = "rank correlation holds at most 100,000 pairs a window";
      return;
    }
    // Doubled mid-ranks are whole numbers up to 2n, centred on n + 1: every sum below is exact.
    const std::size_t n = state.pairs.size();
    std::vector<std::int64_t> a = doubled_ranks(state.pairs, true), b = doubled_ranks(state.pairs, false);
    std::int64_t aa = 0, bb = 0, ab = 0;  // at most 1e15
    for (std::size_t i = 0; i < n; ++i) {
      const std::int64_t x = a[i] - static_cast<std::int64_t>(n) - 1, y = b[i] - static_cast<std::int64_t>(n) - 1;
      aa += x * x;
      bb += y * y;
      ab += x * y;
    }
    std::optional<double> value;
    if (aa > 0 && bb > 0)
      value = std::clamp(
          static_cast<double>(ab) / std::sqrt(static_cast<double>(aa)) / std::sqrt(static_cast<double>(bb)), -1.0, 1.0);
    settle(out, spec, value, "a column is constant");
  }
  std::vector<std::size_t> needed_columns() const override { return {a_, b_}; }

 private:
  static std::vector<std::int64_t> doubled_ranks(const std::vector<std::pair<double, double>>& pairs, bool is_first) {
    std::vector<std::pair<double, std::uint32_t>> order(pairs.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = {is_first ? pairs[i].first : pairs[i].second, i};
    std::sort(order.begin(), order.end());
    std::vector<std::int64_t> ranks(pairs.size());
    for (std::size_t from = 0; from < order.size();) {
      std::size_t to = from;
      while (to < order.size() && order[to].first == order[from].first) ++to;
      for (std::size_t i = from; i < to; ++i) ranks[order[i].second] = static_cast<std::int64_t>(from + to + 1);
      from = to;
    }
    return ranks;
  }
  std::size_t a_, b_;
};

}  // namespace

FamilyMade make_correlation(const FamilyInput& input) {
  const std::string& method = input.spec.method;
  if (!method.empty() && method != "pearson" && method != "spearman")
    return invalid("correlation: expected method \"pearson\" or \"spearman\", got \"" + method + "\"");
  if (method == "spearman") return FamilyMade(std::make_unique<Spearman>(input.columns[0], input.columns[1]));
  return FamilyMade(std::make_unique<Pearson>(input.columns[0], input.columns[1]));
}

}  // namespace tidewatch
