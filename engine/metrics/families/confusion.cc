// confusion: how often each class was predicted for each class that came true, as whole counts, for two classes or
// many. Its value is the accuracy; the table is in `text`, one "predicted for actual: count" a pair, largest first. A
// number prediction is a score, positive at or above `threshold`.
#include <algorithm>
#include <map>

#include "base/text.h"
#include "metrics/families/family_of.h"

namespace tidewatch {
namespace {

constexpr std::size_t most_pairs = 10'000;

struct TableState final : FamilyState {
  Tally tally;
  bool is_full = false;
  std::map<std::pair<std::string, std::string>, std::uint64_t> pairs;  // predicted, actual
  void keep_to_limit() {
    if (pairs.size() <= most_pairs) return;
    is_full = true;
    pairs.clear();
  }
  void merge(const TableState& from) {
    tally.merge(from.tally);
    is_full = is_full || from.is_full;
    if (is_full) {
      pairs.clear();
      return;
    }
    for (const auto& [pair, count] : from.pairs) pairs[pair] += count;
    keep_to_limit();
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    out.put(static_cast<std::uint8_t>(is_full));
    out.put(static_cast<std::uint64_t>(pairs.size()));
    for (const auto& [pair, count] : pairs) {
      out.text(pair.first);
      out.text(pair.second);
      out.put(count);
    }
  }
  bool read(ByteReader& in) {
    tally.read(in);
    is_full = in.get<std::uint8_t>() != 0;
    for (std::size_t i = in.count(16); i > 0 && in.good(); --i) {
      std::string predicted = in.text(), actual = in.text();
      pairs[{std::move(predicted), std::move(actual)}] = in.get<std::uint64_t>();
    }
    return in.good() && pairs.size() <= (is_full ? 0 : most_pairs);
  }
  std::size_t memory_bytes() const override {
    std::size_t bytes = sizeof *this;
    for (const auto& [pair, count] : pairs) bytes += 96 + pair.first.capacity() + pair.second.capacity();
    return bytes;
  }
};

class Confusion final : public FamilyOf<Confusion, TableState> {
 public:
  Confusion(const FamilyInput& input, bool is_score)
      : predicted_(input.columns[0]),
        actual_(input.columns[1]),
        is_score_(is_score),
        threshold_(input.spec.threshold) {}
  void add_one(TableState& state, const Batch& batch, std::uint32_t row) const {
    const Column &predictions = batch.columns[predicted_], &actuals = batch.columns[actual_];
    if (predictions.null[row] || actuals.null[row]) {
      ++state.tally.nulls;
      return;
    }
    if (!predictions.is_text() && !usable(predictions.as_number(row), state.tally)) return;
    if (!actuals.is_text() && !usable(actuals.as_number(row), state.tally)) return;
    ++state.tally.n;
    if (state.is_full) return;
    ++state.pairs[{is_score_ ? (predictions.as_number(row) >= threshold_ ? "1" : "0") : word(predictions, row),
                   word(actuals, row)}];
    state.keep_to_limit();
  }
  void read_one(const TableState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "");
    if (state.is_full) {
      out.status = Status::insufficient;
      out.reason = "confusion holds at most 10,000 pairs of classes";
      return;
    }
    std::vector<std::pair<std::uint64_t, std::pair<std::string, std::string>>> order;
    std::uint64_t right = 0;
    for (const auto& [pair, count] : state.pairs) {
      order.emplace_back(count, pair);
      if (pair.first == pair.second) right += count;
    }
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    out.text.clear();
    for (const auto& [count, pair] : order)
      out.text += (out.text.empty() ? "" : ", ") + pair.first + " for " + pair.second + ": " + with_thousands(count);
    std::optional<double> value;
    if (state.tally.n) value = static_cast<double>(right) / static_cast<double>(state.tally.n);
    settle(out, spec, value, "no usable pair");
    set_wilson(out, right, state.tally.n);
  }
  bool merges_at_once(const FamilyState&) const override { return true; }
  std::vector<std::size_t> needed_columns() const override { return {predicted_, actual_}; }

 private:
  static std::string word(const Column& column, std::uint32_t row) {
    return column.is_text() ? std::string(column.text(row)) : format_number(column.as_number(row) + 0.0);
  }
  std::size_t predicted_, actual_;
  bool is_score_;
  double threshold_;
};

}  // namespace

FamilyMade make_confusion(const FamilyInput& input) {
  const auto is_text = [](ColumnType type) { return type == ColumnType::string || type == ColumnType::category; };
  const ColumnType predicted = input.types[0], actual = input.types[1];
  const bool is_score = predicted == ColumnType::number;
  if (is_text(predicted) != is_text(actual))
    return invalid("confusion: expected two columns of one kind, got a " + std::string(name_of(predicted)) +
                   " against a " + std::string(name_of(actual)));
  return FamilyMade(std::make_unique<Confusion>(input, is_score));
}

}  // namespace tidewatch
