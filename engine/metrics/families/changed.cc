// changed: how often a value differs from the one before it, in event order. A pane is three things, its first value,
// its last and the number of changes between them; merging adds one where two panes meet with different values. Nulls
// are passed over: a gap is no change.
#include "metrics/families/family_of.h"

namespace tidewatch {
namespace {

struct ChangeState final : FamilyState {
  struct Value {
    double number = 0;
    std::string text;
    bool operator==(const Value& other) const { return number == other.number && text == other.text; }
    void write(ByteWriter& out) const {
      out.put(number);
      out.text(text);
    }
    void read(ByteReader& in) {
      number = in.get<double>();
      text = in.text();
    }
  };
  Tally tally;
  std::uint64_t changes = 0;
  Value first, last;
  void merge(const ChangeState& from) {
    if (from.tally.n) {
      changes += from.changes + (tally.n && !(last == from.first));
      if (!tally.n) first = from.first;
      last = from.last;
    }
    tally.merge(from.tally);
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    out.put(changes);
    first.write(out);
    last.write(out);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    changes = in.get<std::uint64_t>();
    first.read(in);
    last.read(in);
    return in.good() && (tally.n == 0 ? changes == 0 : changes < tally.n);
  }
  std::size_t memory_bytes() const override { return sizeof *this + first.text.capacity() + last.text.capacity(); }
};

class Changed final : public FamilyOf<Changed, ChangeState> {
 public:
  explicit Changed(std::size_t column) : column_(column) {}
  void add_one(ChangeState& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    if (column.null[row]) {
      ++state.tally.nulls;
      return;
    }
    if (column.is_text()) {
      const std::string_view text = column.text(row);
      if (state.tally.n && state.last.text != text) ++state.changes;
      if (!state.tally.n || state.last.text != text) state.last.text = text;
    } else {
      const double value = column.as_number(row) + 0.0;
      if (!usable(value, state.tally)) return;
      if (state.tally.n && state.last.number != value) ++state.changes;
      state.last.number = value;
    }
    if (state.tally.n++ == 0) state.first = state.last;
  }
  void read_one(const ChangeState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "");
    std::optional<double> value;
    if (state.tally.n) value = static_cast<double>(state.changes);
    settle(out, spec, value, "no usable value");
  }
  std::vector<std::size_t> needed_columns() const override { return {column_}; }
  bool is_sequential() const override { return true; }

 private:
  std::size_t column_;
};

}  // namespace

FamilyMade make_changed(const FamilyInput& input) { return FamilyMade(std::make_unique<Changed>(input.columns[0])); }

}  // namespace tidewatch
