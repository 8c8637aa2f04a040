// distinct: how many different values. A pane keeps hashes up to 512 and then 4,096 HyperLogLog registers (standard
// error 1.04/64); a window keeps what its panes had, so it is exact while every pane is small. Read by Ertl's improved
// estimator (arXiv 1702.01284), which needs no table of corrections. HIP counting was left out: it does not survive a
// merge.
#include <bit>

#include "metrics/families/family_of.h"
#include "metrics/statistics/value_hash.h"

namespace tidewatch {
namespace {

constexpr std::size_t most_exact = 512, registers = 4096;
constexpr int index_bits = 12, most_rank = 64 - index_bits + 1;

struct DistinctState final : FamilyState {
  Tally tally;
  HashSet exact;
  std::vector<std::uint8_t> ranks;  // empty or 4,096
  bool is_window = false;           // a merge of panes: its hashes may be more than a pane's

  void take(std::uint64_t hash) {
    if (ranks.empty() || is_window)
      exact.insert(hash);
    else
      raise(ranks, hash);
    if (!is_window && exact.size() > most_exact) collapse();
  }
  static void raise(std::vector<std::uint8_t>& ranks, std::uint64_t hash) {
    const auto rank = static_cast<std::uint8_t>(std::countl_zero(hash << index_bits | 1ull << (index_bits - 1)) + 1);
    std::uint8_t& kept = ranks[hash >> (64 - index_bits)];
    if (rank > kept) kept = rank;
  }
  void collapse() {
    ranks.resize(registers);
    exact.each([&](std::uint64_t hash) { raise(ranks, hash); });
    exact.clear();
  }
  void merge(const DistinctState& from) {
    tally.merge(from.tally);
    if (!from.ranks.empty()) {
      if (!is_window && ranks.empty()) collapse();
      ranks.resize(registers);
      for (std::size_t i = 0; i < registers; ++i) ranks[i] = std::max(ranks[i], from.ranks[i]);
    }
    from.exact.each([&](std::uint64_t hash) { take(hash); });
  }
  double estimate() const {
    if (ranks.empty()) return static_cast<double>(exact.size());
    std::vector<std::uint8_t> all = ranks;
    exact.each([&](std::uint64_t hash) { raise(all, hash); });
    double count[most_rank + 1] = {};
    for (const std::uint8_t rank : all) ++count[rank];
    constexpr double m = registers;
    double z = m * high_correction(1 - count[most_rank] / m);
    for (int k = most_rank - 1; k >= 1; --k) z = (z + count[k]) / 2;
    z += m * low_correction(count[0] / m);
    return std::round(m * m / (2 * std::log(2.0) * z));
  }
  // σ and τ of the paper: what registers at 0 and at the last rank say.
  static double low_correction(double x) {
    if (x == 1) return HUGE_VAL;
    double y = 1, z = x, before = 0;
    do {
      x *= x;
      before = z;
      z += x * y;
      y += y;
    } while (z != before);
    return z;
  }
  static double high_correction(double x) {
    if (x == 0 || x == 1) return 0;
    double y = 1, z = 1 - x, before = 0;
    do {
      x = std::sqrt(x);
      before = z;
      y /= 2;
      z -= (1 - x) * (1 - x) * y;
    } while (z != before);
    return z / 3;
  }
  void write(ByteWriter& out) const {
    tally.write(out);
    out.array(exact.sorted());
    out.array(ranks);
  }
  bool read(ByteReader& in) {
    tally.read(in);
    for (const std::uint64_t hash : in.array<std::uint64_t>()) exact.insert(hash);
    ranks = in.array<std::uint8_t>();
    if (!ranks.empty() && (ranks.size() != registers || exact.size() > 0)) in.fail();
    for (const std::uint8_t rank : ranks)
      if (rank > most_rank) in.fail();
    if (exact.size() > most_exact) in.fail();
    return in.good();
  }
  std::size_t memory_bytes() const override { return sizeof *this + exact.memory_bytes() + ranks.capacity(); }
};

class Distinct final : public FamilyOf<Distinct, DistinctState> {
 public:
  explicit Distinct(std::size_t column) : column_(column) {}
  // Hashes at least half filled are as many bytes as registers, or twice.
  std::size_t pane_bytes() const override { return state_bytes() + 8192; }
  bool merges_at_once(const FamilyState& newest_pane) const override {
    return static_cast<const DistinctState&>(newest_pane).ranks.empty();  // hashes, not registers
  }
  std::unique_ptr<FamilyState> make_window() const override {
    auto state = std::make_unique<DistinctState>();
    state->is_window = true;
    return state;
  }
  // A category's texts are hashed once a batch.
  void prepare(const Batch& batch) override {
    prepared_ = nullptr;
    if (batch.columns[column_].type != ColumnType::category) return;
    const Dictionary& dictionary = batch.columns[column_].dictionary;
    hash_of_code_.resize(dictionary.size());
    for (std::uint32_t code = 0; code < dictionary.size(); ++code) hash_of_code_[code] = hash_of(dictionary[code]);
    prepared_ = &batch;
  }
  void add_one(DistinctState& state, const Batch& batch, std::uint32_t row) const {
    const Column& column = batch.columns[column_];
    if (column.null[row]) {
      ++state.tally.nulls;
      return;
    }
    if (column.type == ColumnType::number && !usable(column.numbers[row], state.tally)) return;
    ++state.tally.n;
    state.take(prepared_ == &batch ? hash_of_code_[column.codes[row]] : hash_of(column, row));
  }
  void read_one(const DistinctState& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    state.tally.show(out, "");
    if (!state.ranks.empty()) out.error = {ErrorBound::Kind::standard, 1.04 / 64};
    settle(out, spec, state.estimate());
  }
  std::vector<std::size_t> needed_columns() const override { return {column_}; }

 private:
  std::size_t column_;
  std::vector<std::uint64_t> hash_of_code_;
  const Batch* prepared_ = nullptr;
};

}  // namespace

FamilyMade make_distinct(const FamilyInput& input) { return FamilyMade(std::make_unique<Distinct>(input.columns[0])); }

}  // namespace tidewatch
