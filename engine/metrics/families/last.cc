// last: the newest row's value; of rows with equal times the greatest value, so arrival does not show. A text column
// answers as text, a time column in seconds since 1970.
#include "metrics/families/family_of.h"

namespace tidewatch {
namespace {

struct LastState final : FamilyState {
  Tally tally;
  std::int64_t time_ns = far_past.ns;
  double number = 0;
  std::string text;
  void take(std::int64_t at, double value, std::string_view words) {
    if (at > time_ns || (at == time_ns && (value > number || (value == number && words > text)))) {
      time_ns = at;
      number = value;
      text = words;
    }
  }
  void merge(const LastState& from) {
    if (from.tally.n) {
      if (tally.n)
        take(from.time_ns, from.number, from.text);
      else
        std::tie(time_ns, number, text) = std::tie(from.time_ns, from.number, from.text);
    }
    tally.merge(from.tally);
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    out.put(time_ns);
    out.put(number);
    out.text(text);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    time_ns = in.nanoseconds();
    number = in.get<double>();
    text = in.text();
    return in.good();
  }
  std::size_t memory_bytes() const override { return sizeof *this + text.capacity(); }
};

class Last final : public FamilyOf<Last, LastState> {
 public:
  Last(std::size_t column, bool is_text) : column_(column), is_text_(is_text) {}
  void add_one(LastState& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    if (column.null[row]) {
      ++state.tally.nulls;
      return;
    }
    double value = 0;
    std::string_view words;
    if (is_text_) {
      words = column.text(row);
    } else {
      value = column.as_number(row) + 0.0;
      if (!usable(value, state.tally)) return;
    }
    const std::int64_t at = batch.time(row).ns;
    if (state.tally.n++ == 0) {
      state.time_ns = at;
      state.number = value;
      state.text = words;
    } else {
      state.take(at, value, words);
    }
  }
  void read_one(const LastState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "");
    std::optional<double> value;
    if (state.tally.n) value = state.number;
    settle(out, spec, value, "no usable value");
    if (is_text_) {
      out.value.reset();
      out.text = state.text;
    }
  }
  std::vector<std::size_t> needed_columns() const override { return {column_}; }
  bool is_sequential() const override { return true; }

 private:
  std::size_t column_;
  bool is_text_;
};

}  // namespace

FamilyMade make_last(const FamilyInput& input) {
  const bool is_text = input.types[0] == ColumnType::string || input.types[0] == ColumnType::category;
  return FamilyMade(std::make_unique<Last>(input.columns[0], is_text));
}

}  // namespace tidewatch
