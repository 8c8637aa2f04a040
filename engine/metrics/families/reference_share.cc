// out_of_range and new_values: the share of rows the baseline never saw, numbers below its least or above its greatest
// value, texts and other values it does not hold. One state: what is asked of a row differs, what is counted does not.
#include <set>

#include "metrics/families/family_of.h"

namespace tidewatch {
namespace {

constexpr std::size_t most_values = 1'000'000;

struct SeenState final : FamilyState {
  Tally tally;
  std::uint64_t outside = 0, unjudged = 0;  // unjudged: before the reference was sealed
  void merge(const SeenState& from) {
    tally.merge(from.tally);
    outside += from.outside;
    unjudged += from.unjudged;
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    out.put(outside);
    out.put(unjudged);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    outside = in.get<std::uint64_t>();
    unjudged = in.get<std::uint64_t>();
    return in.good() && outside <= tally.n;
  }
  std::size_t memory_bytes() const override { return sizeof *this; }
};

class ReferenceShare final : public FamilyOf<ReferenceShare, SeenState> {
 public:
  ReferenceShare(std::size_t column, bool is_range) : column_(column), is_range_(is_range) {}

  void prepare(const Batch& batch) override {
    prepared_ = nullptr;
    const Column& column = batch.columns[column_];
    if (!is_sealed_ || column.type != ColumnType::category) return;
    is_new_code_.resize(column.dictionary.size());
    for (std::uint32_t code = 0; code < is_new_code_.size(); ++code)
      is_new_code_[code] = texts_.find(column.dictionary[code]) == texts_.end();
    prepared_ = &batch;
  }
  void add_one(SeenState& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    if (column.null[row]) {
      ++state.tally.nulls;
      return;
    }
    if (!column.is_text() && !usable(column.as_number(row), state.tally)) return;
    ++state.tally.n;
    if (!is_sealed_)
      ++state.unjudged;
    else if (column.is_text())
      state.outside +=
          prepared_ == &batch ? is_new_code_[column.codes[row]] != 0 : texts_.find(column.text(row)) == texts_.end();
    else if (const double value = column.as_number(row); is_range_)
      state.outside += value < least_ || value > most_;
    else
      state.outside += numbers_.find(value) == numbers_.end();
  }
  void read_one(const SeenState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "");
    if (!has_reference(out, spec, is_sealed_, n_reference_, state.unjudged > 0)) return;
    if (texts_.size() + numbers_.size() > most_values)
      return settle(out, spec, std::nullopt,
                    "baseline \"" + spec.against + "\" has more than 1,000,000 different values");
    std::optional<double> value;
    if (state.tally.n) value = static_cast<double>(state.outside) / static_cast<double>(state.tally.n);
    settle(out, spec, value, "no usable value");
    set_wilson(out, state.outside, state.tally.n);
    doubt_small_reference(out, spec, n_reference_);
    if (out.chance && state.tally.n) {
      out.chance->kind = Chance::Kind::share;
      out.chance->n = state.tally.n;
    }
  }
  std::vector<std::size_t> needed_columns() const override { return {column_}; }

  bool needs_baseline() const override { return true; }
  void reference_rows(const Batch& batch, std::span<const std::uint32_t> rows) override {
    const Column& column = batch.columns[column_];
    for (const std::uint32_t row : rows) {
      if (column.null[row]) continue;
      if (column.is_text()) {
        if (texts_.size() <= most_values) texts_.emplace(column.text(row));
      } else {
        const double value = column.as_number(row) + 0.0;
        if (!std::isfinite(value)) continue;
        least_ = std::min(least_, value);
        most_ = std::max(most_, value);
        if (!is_range_ && numbers_.size() <= most_values) numbers_.insert(value);
      }
      ++n_reference_;
    }
  }
  void reference_seal() override {
    is_sealed_ = true;
    prepared_ = nullptr;
  }
  void write_reference(ByteWriter& out) const override {
    out.put(static_cast<std::uint8_t>(is_sealed_));
    out.put(n_reference_);
    out.put(least_);
    out.put(most_);
    out.array(std::vector<double>(numbers_.begin(), numbers_.end()));
    out.put(static_cast<std::uint64_t>(texts_.size()));
    for (const std::string& text : texts_) out.text(text);
  }
  bool read_reference(ByteReader& in) override {
    prepared_ = nullptr;
    is_sealed_ = in.get<std::uint8_t>() != 0;
    n_reference_ = in.get<std::uint64_t>();
    least_ = in.get<double>();
    most_ = in.get<double>();
    const auto numbers = in.array<double>();
    numbers_ = std::set<double>(numbers.begin(), numbers.end());
    texts_.clear();
    for (std::size_t i = in.count(4); i > 0 && in.good(); --i) texts_.insert(in.text());
    return in.good();
  }

 private:
  std::size_t column_;
  bool is_range_, is_sealed_ = false;
  std::uint64_t n_reference_ = 0;
  double least_ = HUGE_VAL, most_ = -HUGE_VAL;
  std::set<double> numbers_;
  std::set<std::string, std::less<>> texts_;
  std::vector<std::uint8_t> is_new_code_;
  const Batch* prepared_ = nullptr;
};

FamilyMade make(const FamilyInput& input, bool is_range) {
  if (input.spec.against.empty())
    return invalid(input.spec.metric + ": expected a baseline to compare with: { against = baseline \"train\" }");
  return FamilyMade(std::make_unique<ReferenceShare>(input.columns[0], is_range));
}

}  // namespace

FamilyMade make_out_of_range(const FamilyInput& input) { return make(input, true); }
FamilyMade make_new_values(const FamilyInput& input) { return make(input, false); }

}  // namespace tidewatch
