// share(expression): rows where it is true over rows where it is known, with the Wilson interval. An unknown row is a
// null, not a false: a status that was not sent is no proof of health. The expression runs once a batch when the
// caller prepares it; row by row it is right too, only slow.
#include "metrics/families/family_of.h"
#include "metrics/families/truth_expression.h"
#include "records/expression.h"

namespace tidewatch {
namespace {

struct ShareState final : FamilyState {
  using OwnsNothing = void;
  std::uint64_t hits = 0, known = 0, unknown = 0;
  void merge(const ShareState& from) {
    hits += from.hits;
    known += from.known;
    unknown += from.unknown;
  }
  void write(ByteWriter& out) const {
    for (const std::uint64_t count : {hits, known, unknown}) out.put(count);
  }
  bool read(ByteReader& in) {
    hits = in.get<std::uint64_t>();
    known = in.get<std::uint64_t>();
    unknown = in.get<std::uint64_t>();
    return in.good() && hits <= known;
  }
  std::size_t memory_bytes() const override { return sizeof *this; }
};

class Share final : public FamilyOf<Share, ShareState> {
 public:
  explicit Share(Expression expression) : expression_(std::move(expression)) {}

  void prepare(const Batch& batch) override {
    expression_.test(batch, truths_);
    prepared_ = &batch;
  }
  void prepare_rows(const Batch& batch, std::span<const std::uint32_t> rows) override {
    expression_.test(batch, rows, truths_);
    prepared_ = &batch;
  }
  void add(FamilyState& state, const Batch& batch, std::span<const std::uint32_t> rows) const override {
    auto& own = static_cast<ShareState&>(state);
    if (&batch == prepared_) {
      for (const std::uint32_t row : rows) count(own, truths_[row]);
      return;
    }
    std::vector<std::uint8_t> truths;
    expression_.test(batch, truths);
    for (const std::uint32_t row : rows) count(own, truths[row]);
  }
  void add_row(FamilyState& state, const Batch& batch, std::uint32_t row) const override {
    if (&batch == prepared_)
      count(static_cast<ShareState&>(state), truths_[row]);
    else
      add(state, batch, std::span<const std::uint32_t>(&row, 1));
  }
  void add_each(std::span<std::byte* const> blocks, std::size_t offset, const Batch& batch,
                std::span<const std::uint32_t> rows) const override {
    for (std::size_t i = 0; i < rows.size(); ++i)
      add_row(*reinterpret_cast<FamilyState*>(blocks[i] + offset), batch, rows[i]);
  }
  void add_one(ShareState&, const Batch&, std::uint32_t) const {}
  void read_one(const ShareState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    out.n = state.known;
    out.nulls = state.unknown;
    std::optional<double> value;
    if (state.known) value = static_cast<double>(state.hits) / static_cast<double>(state.known);
    settle(out, spec, value, "the expression was unknown on every row");
    set_wilson(out, state.hits, state.known);
  }
  std::vector<std::size_t> needed_columns() const override { return expression_.columns(); }
  bool slides_by_row() const override { return true; }
  bool take_rows_out(FamilyState& from, const Batch& batch, std::span<const std::uint32_t> rows) const override {
    ShareState leaving;
    add(leaving, batch, rows);
    auto& own = static_cast<ShareState&>(from);
    own.hits -= leaving.hits;
    own.known -= leaving.known;
    own.unknown -= leaving.unknown;
    return true;
  }

 private:
  static void count(ShareState& state, std::uint8_t truth) {
    state.hits += truth == truth_true;
    state.known += truth != truth_unknown;
    state.unknown += truth == truth_unknown;
  }
  Expression expression_;
  std::vector<std::uint8_t> truths_;
  const Batch* prepared_ = nullptr;
};

}  // namespace

FamilyMade make_share(const FamilyInput& input) {
  auto expression = truth_expression(input, "status >= 500");
  if (!expression) return expression.error();
  return FamilyMade(std::make_unique<Share>(std::move(*expression)));
}

}  // namespace tidewatch
