// Drift of a window against the time before it: psi and its kin, ks, wasserstein. A frozen reference is binned when it
// is sealed and its rows are dropped; one that moves is counted anew for every window, so a pane keeps its values (a
// RowSample) and both sides are counted when they are read. The bins alone stay: they are a FamilyState of their own,
// cut from one reference and in force until the next cut, or the number would move because its ruler did.
#include <cmath>

#include "metrics/families/drift_value.h"
#include "metrics/families/family_of.h"
#include "metrics/statistics/binning.h"
#include "metrics/statistics/ks_tail.h"
#include "metrics/statistics/row_sample.h"
#include "metrics/statistics/two_samples.h"

namespace tidewatch {
namespace {

constexpr std::size_t most_in_pane = 1'024, most_in_window = 100'000;
constexpr std::uint32_t least_seasons = 4;

template <typename Key>
struct SampleState final : FamilyState {
  Tally tally;
  RowSample<Key> sample{most_in_pane};
  void merge(const SampleState& from) {
    tally.merge(from.tally);
    sample.merge(from.sample);
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    sample.write(out);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    return sample.read(in);
  }
  std::size_t memory_bytes() const override { return sizeof *this + sample.memory_bytes(); }
};

struct NumberCut final : FamilyState {
  NumberBins bins;
  std::size_t memory_bytes() const override {
    return sizeof *this + (bins.masses().capacity() + bins.edges().capacity()) * 8;
  }
};
struct TextCut final : FamilyState {
  TextBins bins;
  std::size_t memory_bytes() const override { return sizeof *this + bins.size() * 64; }
};

// The most values bins are cut from: quantiles of a hundred thousand rows move no edge that matters.
constexpr std::uint64_t most_cut = 100'000;

template <typename Key>
class TrailingDrift final : public FamilyOf<TrailingDrift<Key>, SampleState<Key>> {
 public:
  using State = SampleState<Key>;
  static constexpr bool is_text = !std::is_same_v<Key, double>;

  explicit TrailingDrift(std::size_t column) : column_(column) {}

  std::unique_ptr<FamilyState> make_window() const override {
    auto state = std::make_unique<State>();
    state->sample.raise_limit(most_in_window);
    return state;
  }
  void add_one(State& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    if (column.null[row]) {
      ++state.tally.nulls;
      state.sample.add_null(row_level(batch, row));
      return;
    }
    if constexpr (is_text) {
      state.sample.add(std::string(column.text(row)), row_level(batch, row));
    } else {
      const double value = column.as_number(row) + 0.0;
      if (!usable(value, state.tally)) return;
      state.sample.add(value, row_level(batch, row));
    }
    ++state.tally.n;
  }
  std::vector<std::size_t> needed_columns() const override { return {column_}; }
  // A merge is as long as the different values it holds, so one moves along and none are stacked.
  bool slides() const override { return true; }
  bool may_stack() const override { return false; }
  bool take_out(FamilyState& from, const FamilyState& pane) const override {
    auto& own = static_cast<State&>(from);
    const auto& other = static_cast<const State&>(pane);
    own.tally.take_out(other.tally);
    return own.sample.take_out(other.sample);
  }
  // In its pane, and in the two merges; lists grow by doubling.
  std::size_t row_bytes() const override { return sizeof(typename RowSample<Key>::Entry) * 3; }

  std::unique_ptr<FamilyState> cut(const FamilyState& reference, const MetricSpec& spec) const override {
    const auto& state = static_cast<const State&>(reference);
    if (state.tally.n < least_reference) return nullptr;
    if constexpr (is_text) {
      std::map<std::string, std::uint64_t> counts;
      for (const auto& each : state.sample.entries()) counts[each.key] += each.count;
      auto out = std::make_unique<TextCut>();
      out->bins = TextBins::cut(counts);
      return out;
    } else {
      auto out = std::make_unique<NumberCut>();
      if (is_whole_sample(spec)) return out;
      const auto rule = parse_bin_rule(spec.bins, spec.point_masses);
      const auto& entries = state.sample.entries();
      const std::uint64_t all = state.sample.sampled(), every = (all + most_cut - 1) / most_cut;
      std::vector<double> values;
      std::uint64_t passed = 0;
      for (const auto& each : entries)  // every so many-th of the sorted rows
        for (std::uint64_t until = passed + each.count; passed < until;) {
          if (passed % every == 0) values.push_back(each.key);
          passed = std::min(until, (passed / every + 1) * every);
        }
      if (values.empty() || !rule) return nullptr;
      out->bins = NumberBins::cut(std::move(values), *rule);
      return out;
    }
  }
  void write_cut(const FamilyState& cut, ByteWriter& out) const override {
    if constexpr (is_text)
      static_cast<const TextCut&>(cut).bins.write(out);
    else
      static_cast<const NumberCut&>(cut).bins.write(out);
  }
  std::unique_ptr<FamilyState> read_cut(ByteReader& in) const override {
    auto out = std::make_unique<std::conditional_t<is_text, TextCut, NumberCut>>();
    if (!out->bins.read(in)) return nullptr;
    return out;
  }

  void read_one(const State& state, const MetricSpec& spec, const ReadContext& context, Reading& out) const {
    state.tally.show(out, "");
    const auto* const reference = static_cast<const State*>(context.reference);
    out.baseline_n = reference ? reference->tally.n : 0;
    const std::string shortfall = shortfall_of(reference, spec, context);
    if (!reference || !context.cut) {
      out.status = Status::insufficient;
      out.reason = shortfall;
      return;
    }
    if (reference->tally.n == 0 || state.tally.n + (spec.nulls_bin ? state.tally.nulls : 0) == 0) {
      settle(out, spec, std::nullopt, reference->tally.n == 0 ? past_of(spec) + " has no rows" : "no usable value");
    } else if (is_whole_sample(spec)) {
      if constexpr (!is_text) read_whole(state, *reference, spec, out);
    } else {
      read_binned(counts(*reference, *context.cut, spec), counts(state, *context.cut, spec), spec, is_text, out);
    }
    if (shortfall.empty()) return;
    out.status = Status::insufficient;
    out.reason = shortfall;
  }

 private:
  static constexpr std::uint64_t least_reference = 20;
  static std::string past_of(const MetricSpec& spec) {
    return "the past it is compared with (" + spec.trailing.text() + ")";
  }
  // Why the past cannot be compared with; "" when it can, but for the bins.
  static std::string shortfall_of(const State* reference, const MetricSpec& spec, const ReadContext& context) {
    if (spec.trailing.is_seasonal() && context.slots < least_seasons)
      return past_of(spec) + " has rows in " + std::to_string(context.slots) + " of its " +
             std::to_string(spec.trailing.periods) + " slots, at least " + std::to_string(least_seasons) + " needed";
    const std::uint64_t n = reference ? reference->tally.n : 0;
    if (context.cut ? n < least_reference : n > 0 && n < least_reference)
      return past_of(spec) + " has " + std::to_string(n) + " rows, at least " + std::to_string(least_reference) +
             " needed";
    return context.cut ? "" : past_of(spec) + " has not been there in full yet";
  }
  static bool is_whole_sample(const MetricSpec& spec) { return spec.metric == "ks" || spec.metric == "wasserstein"; }

  static std::vector<std::uint64_t> counts(const State& state, const FamilyState& cut, const MetricSpec& spec) {
    const auto& bins = static_cast<const std::conditional_t<is_text, TextCut, NumberCut>&>(cut).bins;
    std::vector<std::uint64_t> out(bins.size() + spec.nulls_bin);
    for (const auto& each : state.sample.entries()) out[bins.of(each.key)] += each.count;
    if (spec.nulls_bin) out.back() = state.sample.sampled_nulls();
    return out;
  }

  static Weighted weighted(const State& state) {
    Weighted out;
    for (const auto& each : state.sample.entries()) {
      if (!out.empty() && out.back().first == each.key)
        out.back().second += each.count;
      else
        out.emplace_back(each.key, each.count);
    }
    return out;
  }

  void read_whole(const State& state, const State& reference, const MetricSpec& spec, Reading& out) const {
    const Weighted current = weighted(state), past = weighted(reference);
    const TwoSamples gap = distance(current, past);
    const std::uint64_t n = state.sample.sampled(), m = reference.sample.sampled();
    if (spec.metric == "ks") {
      settle(out, spec, gap.ks);
      out.p_value = ks_tail(n, m, gap.ks);
      if (out.chance) {
        out.chance->kind = Chance::Kind::ks;
        out.chance->n = n;
        out.chance->m = m;
      }
    } else {
      std::optional<double> value = gap.area;
      if (spec.scaled) {
        double mean = 0, squares = 0;
        for (const auto& [v, count] : past) mean += v * (static_cast<double>(count) / static_cast<double>(m));
        for (const auto& [v, count] : past) squares += (v - mean) * (v - mean) * static_cast<double>(count);
        const double deviation = std::sqrt(squares / static_cast<double>(m - 1));
        value = deviation > 0 ? std::optional<double>(gap.area / deviation) : std::nullopt;
      }
      settle(out, spec, value, "the past it is compared with is constant");
    }
  }

  std::size_t column_;
};

}  // namespace

FamilyMade make_trailing_drift(const FamilyInput& input) {
  const MetricSpec& spec = input.spec;
  if (auto rule = parse_bin_rule(spec.bins, spec.point_masses); !rule) return rule.error();
  const bool is_text = input.types[0] == ColumnType::string || input.types[0] == ColumnType::category;
  if (is_text) return FamilyMade(std::make_unique<TrailingDrift<std::string>>(input.columns[0]));
  return FamilyMade(std::make_unique<TrailingDrift<double>>(input.columns[0]));
}

}  // namespace tidewatch
