// time_share(expression): the time it was true over the time it was known, as uptime is. A sample holds until the next
// one, at most `holds` (twice the median gap unless given), so silence becomes unknown time, never health. Samples are
// kept and not folded: what one is worth depends on its neighbours, which may arrive late.
#include "base/time.h"
#include "metrics/families/family_of.h"
#include "metrics/families/ordered_rows.h"
#include "metrics/families/truth_expression.h"
#include "records/expression.h"

namespace tidewatch {
namespace {

// In a row first = 0 unknown, 1 false, 2 true; of samples at one time the greatest holds.
class TimeShare final : public FamilyOf<TimeShare, OrderedState> {
 public:
  explicit TimeShare(Expression expression) : expression_(std::move(expression)) {}

  void prepare(const Batch& batch) override {
    expression_.test(batch, truths_);
    prepared_ = &batch;
  }
  void prepare_rows(const Batch& batch, std::span<const std::uint32_t> rows) override {
    expression_.test(batch, rows, truths_);
    prepared_ = &batch;
  }
  void add(FamilyState& state, const Batch& batch, std::span<const std::uint32_t> rows) const override {
    auto& own = static_cast<OrderedState&>(state);
    if (&batch == prepared_) {
      for (const std::uint32_t row : rows) take(own, batch, row, truths_[row]);
      return;
    }
    std::vector<std::uint8_t> truths;
    expression_.test(batch, truths);
    for (const std::uint32_t row : rows) take(own, batch, row, truths[row]);
  }
  void add_row(FamilyState& state, const Batch& batch, std::uint32_t row) const override {
    add(state, batch, std::span<const std::uint32_t>(&row, 1));
  }
  void add_each(std::span<std::byte* const> blocks, std::size_t offset, const Batch& batch,
                std::span<const std::uint32_t> rows) const override {
    for (std::size_t i = 0; i < rows.size(); ++i)
      add_row(*reinterpret_cast<FamilyState*>(blocks[i] + offset), batch, rows[i]);
  }
  void add_one(OrderedState&, const Batch&, std::uint32_t) const {}

  void read_one(const OrderedState& state, const MetricSpec& spec, const ReadContext& context, Reading& out) const {
    state.tally.show(out, "");
    const auto rows = in_order(state.rows);
    std::vector<std::pair<std::int64_t, double>> samples;  // one a time
    for (const OrderedRow& row : rows) {
      if (!samples.empty() && samples.back().first == row.time_ns)
        samples.back().second = row.first;
      else
        samples.emplace_back(row.time_ns, row.first);
    }
    std::int64_t holds = spec.holds.ns;
    if (holds <= 0) {
      std::vector<std::int64_t> gaps;
      for (std::size_t i = 1; i < samples.size(); ++i) gaps.push_back(samples[i].first - samples[i - 1].first);
      if (gaps.empty()) return settle(out, spec, std::nullopt, "one sample has no gap; say how long it holds");
      std::sort(gaps.begin(), gaps.end());
      holds = gaps[(gaps.size() - 1) / 2] + gaps[gaps.size() / 2];
    }
    std::int64_t up = 0, known = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const std::int64_t next = i + 1 < samples.size() ? samples[i + 1].first : context.to.ns;
      const std::int64_t held = std::max<std::int64_t>(0, std::min(next - samples[i].first, holds));
      if (samples[i].second >= 1) known += held;
      if (samples[i].second == 2) up += held;
    }
    std::optional<double> value;
    if (known > 0) value = static_cast<double>(up) / static_cast<double>(known);
    settle(out, spec, value, "no known time");
    const std::int64_t unknown = (context.to - context.from).ns - known;
    if (unknown > 0) out.text = "unknown for " + format_duration({unknown});
  }
  bool merges_at_once(const FamilyState&) const override { return true; }
  std::size_t row_bytes() const override { return sizeof(OrderedRow); }
  std::vector<std::size_t> needed_columns() const override { return expression_.columns(); }

 private:
  static void take(OrderedState& state, const Batch& batch, std::uint32_t row, std::uint8_t truth) {
    const bool is_known = truth != truth_unknown;
    ++(is_known ? state.tally.n : state.tally.nulls);
    state.rows.push_back({batch.time(row).ns, is_known ? (truth == truth_true ? 2.0 : 1.0) : 0.0, 0});
  }
  Expression expression_;
  std::vector<std::uint8_t> truths_;
  const Batch* prepared_ = nullptr;
};

}  // namespace

FamilyMade make_time_share(const FamilyInput& input) {
  auto expression = truth_expression(input, "status < 500");
  if (!expression) return expression.error();
  return FamilyMade(std::make_unique<TimeShare>(std::move(*expression)));
}

}  // namespace tidewatch
