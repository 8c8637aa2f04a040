// Binned drift against a frozen reference: psi kl js hellinger total_variation l_infinity chi2 from one set of integer
// counts. The bins are cut from the reference when it is sealed; drift_value.h says what is made of the counts.
#include <algorithm>

#include "metrics/families/drift_value.h"
#include "metrics/families/family_of.h"
#include "metrics/families/inflation.h"
#include "metrics/statistics/binning.h"

namespace tidewatch {
namespace {

constexpr std::size_t most_texts = 1'000'000;

// A pane's counts, sixteen bits each, lie behind the state in the pane's block: a table of a thousand columns has sixty
// thousand such states. What does not fit there makes a state wide: a count beyond 65,535, more bins than there is room
// for, rows before the baseline, NaN and infinities. States outside of a block are wide from the start.
struct DriftState final : FamilyState {
  struct Wide {
    Tally tally;
    std::uint64_t unbinned = 0;  // rows that came before the reference was sealed
    std::vector<std::uint64_t> counts;
  };
  std::unique_ptr<Wide> wide;

  DriftState() : wide(std::make_unique<Wide>()) {}
  explicit DriftState(std::size_t cells) { std::fill_n(this->cells(), cells, std::uint16_t{0}); }
  // Bins, and the nulls in the last one; only where `wide` is not.
  std::uint16_t* cells() { return reinterpret_cast<std::uint16_t*>(this + 1); }
  const std::uint16_t* cells() const { return reinterpret_cast<const std::uint16_t*>(this + 1); }

  bool read(ByteReader& in) {
    wide->tally.read(in);
    wide->unbinned = in.get<std::uint64_t>();
    wide->counts = in.array<std::uint64_t>();
    return in.good();
  }
  std::size_t memory_bytes() const override {
    return sizeof *this + (wide ? sizeof *wide + wide->counts.capacity() * 8 : 0);
  }
};

class Drift final : public FamilyOf<Drift, DriftState> {
  using Wide = DriftState::Wide;
  static constexpr std::uint16_t most_narrow = 65'535;
  static constexpr std::size_t text_cells = 24;  // more categories than that are rare, and wide

 public:
  Drift(const FamilyInput& input, BinRule rule)
      : column_(input.columns[0]),
        is_text_(input.types[0] == ColumnType::string || input.types[0] == ColumnType::category),
        is_category_(input.types[0] == ColumnType::category),
        has_null_bin_(input.spec.nulls_bin),
        is_calibrated_(input.spec.is_calibrated),
        rule_(std::move(rule)),
        cells_(is_text_ ? text_cells : (rule_.edges.empty() ? rule_.count : rule_.edges.size()) + 2) {}

  std::size_t state_bytes() const override { return sizeof(DriftState) + cells_ * sizeof(std::uint16_t); }
  void make_each(std::span<std::byte* const> blocks, std::size_t offset) const override {
    for (std::byte* const block : blocks) new (block + offset) DriftState(cells_);
  }
  bool merges_at_once(const FamilyState&) const override { return true; }

  // A category's dictionary is mapped to bins once a batch; a string column has one text a row, so nothing is saved.
  void prepare(const Batch& batch) override {
    prepared_ = nullptr;
    if (!is_sealed_ || !is_category_) return;
    const Dictionary& dictionary = batch.columns[column_].dictionary;
    bin_of_code_.resize(dictionary.size());
    for (std::uint32_t code = 0; code < dictionary.size(); ++code)
      bin_of_code_[code] = static_cast<std::uint32_t>(texts_.of(dictionary[code]));
    prepared_ = &batch;
  }
  void add_one(DriftState& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    if (!is_sealed_) [[unlikely]] {
      Wide& wide = widened(state);
      ++wide.unbinned;
      if (column.null[row])
        ++wide.tally.nulls;
      else if (is_text_ || usable(column.as_number(row), wide.tally))
        ++wide.tally.n;
      return;
    }
    if (column.null[row]) {
      count_null(state);
    } else if (is_text_) {
      count_bin(state, prepared_ == &batch ? bin_of_code_[column.codes[row]] : texts_.of(column.text(row)));
    } else if (const double value = column.as_number(row); std::isfinite(value)) [[likely]] {
      count_bin(state, numbers_.of(value));
    } else {
      usable(value, widened(state).tally);
    }
  }
  void merge_one(DriftState& into, const DriftState& from) const {
    if (into.wide || !merged_narrow(into, from)) add_to(widened(into), from);
  }
  void write_one(const DriftState& state, ByteWriter& out) const {
    Wide all;
    add_to(all, state);
    all.tally.write(out);
    out.put(all.unbinned);
    // Bins nothing fell in need not be there, so their number must not show.
    while (!all.counts.empty() && all.counts.back() == 0) all.counts.pop_back();
    out.array(all.counts);
  }
  void read_one(const DriftState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const;
  std::vector<std::size_t> needed_columns() const override {
    return has_null_bin_ ? std::vector<std::size_t>{} : std::vector<std::size_t>{column_};
  }

  bool needs_baseline() const override { return true; }
  void reference_rows(const Batch& batch, std::span<const std::uint32_t> rows) override {
    const Column& column = batch.columns[column_];
    for (const std::uint32_t row : rows) {
      ReferenceRow one{batch.time(row), 0, nullptr};
      if (column.null[row]) {
        ++reference_nulls_;
        if (!has_null_bin_) continue;
      } else if (is_text_) {
        const std::string text(column.text(row));
        auto found = reference_texts_.find(text);
        if (found == reference_texts_.end()) {
          if (reference_texts_.size() >= most_texts) continue;
          found = reference_texts_.emplace(text, 0).first;
        }
        ++found->second;
        one.text = &found->first;
      } else {
        one.value = column.as_number(row);
        if (!std::isfinite(one.value)) continue;
        reference_values_.push_back(one.value);
      }
      one.is_null = column.null[row] != 0;
      if (is_calibrated_) reference_order_.push_back(one);
    }
  }
  void reference_seal() override {
    is_sealed_ = true;
    prepared_ = nullptr;
    if (is_text_)
      texts_ = TextBins::cut(reference_texts_);
    else if (!reference_values_.empty())
      numbers_ = NumberBins::cut(reference_values_, rule_);
    reference_.assign(bins(), 0);
    for (const auto& [text, count] : reference_texts_) reference_[texts_.of(text)] += count;
    for (const double value : reference_values_) ++reference_[numbers_.of(value)];
    if (has_null_bin_) reference_.back() = reference_nulls_;
    std::vector<std::pair<Instant, std::uint16_t>> order;
    for (const ReferenceRow& row : reference_order_) {
      const std::size_t bin = row.is_null ? bins() - 1 : is_text_ ? texts_.of(*row.text) : numbers_.of(row.value);
      order.emplace_back(row.at, static_cast<std::uint16_t>(bin));
    }
    order_.take(std::move(order));
    reference_order_ = std::vector<ReferenceRow>();  // `= {}` would keep the memory
    fits_ = fits();
    reference_values_ = std::vector<double>();  // `= {}` would keep the memory
    reference_texts_.clear();
  }
  void write_reference(ByteWriter& out) const override {
    out.put(static_cast<std::uint8_t>(is_sealed_));
    if (!is_sealed_) return;
    if (is_text_)
      texts_.write(out);
    else
      numbers_.write(out);
    out.array(reference_);
    if (is_calibrated_) order_.write(out);
  }
  bool read_reference(ByteReader& in) override {
    if (in.get<std::uint8_t>() == 0) return in.good();
    prepared_ = nullptr;
    if (!(is_text_ ? texts_.read(in) : numbers_.read(in))) return false;
    reference_ = in.array<std::uint64_t>();
    if (is_calibrated_ && !order_.read(in)) return false;
    is_sealed_ = in.good() && reference_.size() == bins_when_sealed();
    fits_ = fits();
    return is_sealed_;
  }

 private:
  std::size_t bins_when_sealed() const { return (is_text_ ? texts_.size() : numbers_.size()) + has_null_bin_; }
  std::size_t bins() const { return is_sealed_ ? bins_when_sealed() : 0; }
  void measure_inflation(const MetricSpec& spec, std::uint64_t n, Chance& chance) const;

  struct ReferenceRow {
    Instant at;
    double value = 0;
    const std::string* text = nullptr;  // a key of reference_texts_
    bool is_null = false;
  };

  std::size_t value_bins() const { return bins() - (is_sealed_ && has_null_bin_); }
  bool fits() const { return is_sealed_ && value_bins() < cells_; }

  void count_bin(DriftState& state, std::size_t bin) const {
    if (!state.wide && fits_) [[likely]] {
      if (std::uint16_t& cell = state.cells()[bin]; cell < most_narrow) [[likely]] {
        ++cell;
        return;
      }
    }
    Wide& wide = widened(state);
    if (wide.counts.size() < bins()) wide.counts.resize(bins());
    ++wide.counts[bin];
    ++wide.tally.n;
  }
  void count_null(DriftState& state) const {
    if (!state.wide && fits_) {
      if (std::uint16_t& cell = state.cells()[cells_ - 1]; cell < most_narrow) {
        ++cell;
        return;
      }
    }
    Wide& wide = widened(state);
    ++wide.tally.nulls;
    if (!has_null_bin_) return;
    if (wide.counts.size() < bins()) wide.counts.resize(bins());
    ++wide.counts.back();
  }
  Wide& widened(DriftState& state) const {
    if (!state.wide) {
      auto wide = std::make_unique<Wide>();
      add_to(*wide, state);
      state.wide = std::move(wide);
    }
    return *state.wide;
  }
  void add_to(Wide& into, const DriftState& from) const {
    if (from.wide) {
      into.tally.merge(from.wide->tally);
      into.unbinned += from.wide->unbinned;
      if (into.counts.size() < from.wide->counts.size()) into.counts.resize(from.wide->counts.size());
      for (std::size_t i = 0; i < from.wide->counts.size(); ++i) into.counts[i] += from.wide->counts[i];
      return;
    }
    if (!fits_) return;  // nothing was counted
    if (into.counts.size() < bins()) into.counts.resize(bins());
    const std::size_t most = value_bins();
    for (std::size_t i = 0; i < most; ++i) {
      into.counts[i] += from.cells()[i];
      into.tally.n += from.cells()[i];
    }
    const std::uint16_t nulls = from.cells()[cells_ - 1];
    into.tally.nulls += nulls;
    if (has_null_bin_) into.counts[most] += nulls;
  }
  // Into a state that is not wide; false, and nothing done, when it must become so.
  bool merged_narrow(DriftState& into, const DriftState& from) const {
    if (!fits_) return false;
    Wide all;
    add_to(all, into);
    add_to(all, from);
    if (all.unbinned + all.tally.nan + all.tally.inf > 0 || all.tally.nulls > most_narrow) return false;
    const std::size_t most = std::min(value_bins(), all.counts.size());
    for (std::size_t i = 0; i < all.counts.size(); ++i)
      if (all.counts[i] > most_narrow) return false;
    for (std::size_t i = 0; i < most; ++i) into.cells()[i] = static_cast<std::uint16_t>(all.counts[i]);
    into.cells()[cells_ - 1] = static_cast<std::uint16_t>(all.tally.nulls);
    return true;
  }

  std::size_t column_;
  bool is_text_, is_category_, has_null_bin_, is_calibrated_, is_sealed_ = false;
  BinRule rule_;
  std::size_t cells_;  // of a state that is not wide
  bool fits_ = false;  // sealed, and the bins have room in one
  NumberBins numbers_;
  TextBins texts_;
  std::vector<std::uint64_t> reference_;
  BaselineOrder order_;
  std::vector<double> reference_values_;  // until sealed
  std::vector<ReferenceRow> reference_order_;
  std::map<std::string, std::uint64_t> reference_texts_;
  std::uint64_t reference_nulls_ = 0;
  std::vector<std::uint32_t> bin_of_code_;
  const Batch* prepared_ = nullptr;
};

void Drift::read_one(const DriftState& given, const MetricSpec& spec, const ReadContext&, Reading& out) const {
  Wide narrow;
  if (!given.wide) add_to(narrow, given);
  const Wide& state = given.wide ? *given.wide : narrow;
  state.tally.show(out, "");
  std::uint64_t n_reference = 0, n = 0;
  for (const auto count : reference_) n_reference += count;
  for (const auto count : state.counts) n += count;
  if (!has_reference(out, spec, is_sealed_, n_reference, state.unbinned > 0)) return;
  if (n == 0) return settle(out, spec, std::nullopt, "no usable value");
  const BinnedDistance distance = binned_distance(spec, reference_, state.counts, is_text_);
  settle(out, spec, distance.value);
  if (distance.statistic >= 0) out.p_value = chi_square_tail(distance.statistic, distance.degrees);
  doubt_small_reference(out, spec, n_reference);
  if (!out.chance) return;
  say_chance(spec, n, n_reference, distance.degrees, *out.chance);
  measure_inflation(spec, n, *out.chance);
}

void Drift::measure_inflation(const MetricSpec& spec, std::uint64_t n, Chance& chance) const {
  const auto measured = order_.inflation(n, bins(), [&](std::span<const std::uint64_t> counts) {
    const BinnedDistance one = binned_distance(spec, reference_, counts, is_text_);
    return std::pair(one.statistic, one.degrees);
  });
  chance.inflation = measured.value_or(1);
  chance.is_inflation_measured = measured.has_value();
}

}  // namespace

FamilyMade make_drift(const FamilyInput& input) {
  const MetricSpec& spec = input.spec;
  if (spec.against.empty())
    return invalid(spec.metric + ": expected a baseline to compare with: { against = baseline \"train\" }");
  auto rule = parse_bin_rule(spec.bins, spec.point_masses);
  if (!rule) return rule.error();
  return FamilyMade(std::make_unique<Drift>(input, std::move(*rule)));
}

}  // namespace tidewatch
