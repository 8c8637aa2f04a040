// duplicates: the share of rows whose key was seen before in the window, that is 1 - different keys / rows, whichever
// row came first. Exact: a register sketch is off by 1.6 % of the keys, more than the share itself. So keys are kept as
// hashes, and beyond a million the answer is `insufficient`, not a guess.
#include "metrics/families/family_of.h"
#include "metrics/statistics/value_hash.h"

namespace tidewatch {
namespace {

constexpr std::size_t most_keys = 1'000'000;

struct KeyState final : FamilyState {
  Tally tally;
  HashSet keys;
  bool is_full = false;
  void take(std::uint64_t hash) {
    if (is_full) return;
    keys.insert(hash);
    if (keys.size() > most_keys) fill();
  }
  void fill() {
    is_full = true;
    keys.clear();
  }
  void merge(const KeyState& from) {
    tally.merge(from.tally);
    if (from.is_full) fill();
    from.keys.each([&](std::uint64_t hash) { take(hash); });
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    out.put(static_cast<std::uint8_t>(is_full));
    out.array(keys.sorted());
  }
  bool read(ByteReader& in) {
    tally.read(in);
    is_full = in.get<std::uint8_t>() != 0;
    for (const std::uint64_t hash : in.array<std::uint64_t>()) keys.insert(hash);
    return in.good() && keys.size() <= (is_full ? 0 : most_keys);
  }
  std::size_t memory_bytes() const override { return sizeof *this + keys.memory_bytes(); }
};

class Duplicates final : public FamilyOf<Duplicates, KeyState> {
 public:
  explicit Duplicates(std::size_t column) : column_(column) {}
  bool merges_at_once(const FamilyState&) const override { return true; }
  std::size_t row_bytes() const override { return 16; }  // a hash in a set that is half full
  void add_one(KeyState& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    if (column.null[row]) {
      ++state.tally.nulls;
      return;
    }
    if (column.type == ColumnType::number && !usable(column.numbers[row], state.tally)) return;
    ++state.tally.n;
    state.take(hash_of(column, row));
  }
  void read_one(const KeyState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "");
    const std::uint64_t n = state.tally.n;
    if (state.is_full) {
      out.status = Status::insufficient;
      out.reason = "duplicates holds at most 1,000,000 different keys a window";
      return;
    }
    std::optional<double> value;
    const std::uint64_t again = n - std::min<std::uint64_t>(n, state.keys.size());
    if (n) value = static_cast<double>(again) / static_cast<double>(n);
    settle(out, spec, value, "no key");
    set_wilson(out, again, n);
  }
  std::vector<std::size_t> needed_columns() const override { return {column_}; }

 private:
  std::size_t column_;
};

}  // namespace

FamilyMade make_duplicates(const FamilyInput& input) {
  return FamilyMade(std::make_unique<Duplicates>(input.columns[0]));
}

}  // namespace tidewatch
