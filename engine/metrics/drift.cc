// Binned drift against a frozen reference: psi kl js hellinger total_variation l_infinity chi2 from one set of integer
// counts. The bins are cut from the reference when it is sealed; drift_value.h says what is made of the counts.
#include <algorithm>

#include "metrics/binning.h"
#include "metrics/drift_value.h"
#include "metrics/family_of.h"
#include "metrics/inflation.h"

namespace tidewatch {
namespace {

constexpr std::size_t most_texts = 1'000'000;

struct DriftState final : FamilyState {
  Tally tally;
  std::uint64_t unbinned = 0;  // rows that came before the reference was sealed
  std::vector<std::uint64_t> counts;
  void merge(const DriftState& from) {
    tally.merge(from.tally);
    unbinned += from.unbinned;
    if (counts.size() < from.counts.size()) counts.resize(from.counts.size());
    for (std::size_t i = 0; i < from.counts.size(); ++i) counts[i] += from.counts[i];
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    out.put(unbinned);
    // A pane begun before its baseline was sealed has no bins yet, a restored one has them all, empty: the same bytes.
    std::vector<std::uint64_t> used = counts;
    while (!used.empty() && used.back() == 0) used.pop_back();
    out.array(used);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    unbinned = in.get<std::uint64_t>();
    counts = in.array<std::uint64_t>();
    return in.good();
  }
  std::size_t memory_bytes() const override { return sizeof *this + counts.capacity() * 8; }
};

class Drift final : public FamilyOf<Drift, DriftState> {
 public:
  Drift(const FamilyInput& input, BinRule rule)
      : column_(input.columns[0]),
        is_text_(input.types[0] == ColumnType::string || input.types[0] == ColumnType::category),
        is_category_(input.types[0] == ColumnType::category),
        has_null_bin_(input.spec.nulls_bin),
        is_calibrated_(input.spec.is_calibrated),
        rule_(std::move(rule)) {}

  void begin(DriftState& state) const { state.counts.resize(bins()); }
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
    if (!is_sealed_) {
      ++state.unbinned;
      if (column.null[row])
        ++state.tally.nulls;
      else if (is_text_ || usable(column.as_number(row), state.tally))
        ++state.tally.n;
      return;
    }
    if (state.counts.size() < bins()) [[unlikely]]
      state.counts.resize(bins());
    if (column.null[row]) {
      ++state.tally.nulls;
      if (has_null_bin_) ++state.counts.back();
      return;
    }
    if (is_text_) {
      ++state.counts[prepared_ == &batch ? bin_of_code_[column.codes[row]] : texts_.of(column.text(row))];
    } else {
      const double value = column.as_number(row);
      if (!usable(value, state.tally)) return;
      ++state.counts[numbers_.of(value)];
    }
    ++state.tally.n;
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
    reference_order_ = {};
    reference_values_ = {};
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
    return is_sealed_;
  }

 private:
  std::size_t bins_when_sealed() const { return (is_text_ ? texts_.size() : numbers_.size()) + has_null_bin_; }
  std::size_t bins() const { return is_sealed_ ? bins_when_sealed() : 0; }
  void say_chance(const MetricSpec& spec, std::uint64_t n, std::uint64_t n_reference, unsigned degrees,
                  Chance& chance) const;

  struct ReferenceRow {
    Instant at;
    double value = 0;
    const std::string* text = nullptr;  // a key of reference_texts_
    bool is_null = false;
  };

  std::size_t column_;
  bool is_text_, is_category_, has_null_bin_, is_calibrated_, is_sealed_ = false;
  BinRule rule_;
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

void Drift::read_one(const DriftState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
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
  if (out.chance) say_chance(spec, n, n_reference, distance.degrees, *out.chance);
}

void Drift::say_chance(const MetricSpec& spec, std::uint64_t n, std::uint64_t n_reference, unsigned degrees,
                       Chance& chance) const {
  chance.kind = spec.metric == "psi"         ? Chance::Kind::psi
                : spec.metric == "kl"        ? Chance::Kind::kl
                : spec.metric == "js"        ? Chance::Kind::js
                : spec.metric == "hellinger" ? Chance::Kind::hellinger
                : spec.metric == "chi2"      ? Chance::Kind::chi_square
                                             : Chance::Kind::none;
  chance.n = n;
  chance.m = n_reference;
  chance.degrees = degrees;
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
