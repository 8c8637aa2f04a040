// drifted_columns: the share of columns that drifted, with the false discovery rate held at 5 % by Benjamini and
// Hochberg (JRSS B 57, 1995). One state holds a drift state a column, so one metric answers for a whole table. A column
// with too few rows is not tested and does not dilute the share. The rule assumes columns that are independent or
// positively related; its list is in `text`.
#include <algorithm>
#include <new>

#include "metrics/families/family_of.h"
#include "metrics/statistics/false_discovery.h"

namespace tidewatch {
namespace {

constexpr double false_discovery_rate = 0.05;

class DriftedColumns;

// In a pane's block the columns' states lie right behind this one, so that each is as narrow as its family can make it
// there: a table of a thousand columns has sixty thousand. Outside of a block they stand apart.
struct TableState final : FamilyState {
  using Apart = std::vector<std::unique_ptr<FamilyState>>;
  const DriftedColumns* owner;
  std::uint64_t n = 0;
  std::unique_ptr<Apart> apart;

  explicit TableState(const DriftedColumns& of) : owner(&of) {}
  ~TableState() override;
  FamilyState& column(std::size_t index);
  const FamilyState& column(std::size_t index) const { return const_cast<TableState*>(this)->column(index); }
  std::size_t memory_bytes() const override;
};

// The bins in force; null for a column that had too few rows.
struct TableCut final : FamilyState {
  std::vector<std::unique_ptr<FamilyState>> columns;
  std::size_t memory_bytes() const override {
    std::size_t bytes = sizeof *this;
    for (const auto& column : columns) bytes += column ? column->memory_bytes() : 0;
    return bytes;
  }
};

class DriftedColumns final : public Family {
 public:
  struct Part {
    std::string name;
    std::unique_ptr<Family> family;
    std::string metric;      // the test
    std::size_t offset = 0;  // of its state in a block
  };
  explicit DriftedColumns(std::vector<Part> parts) : parts_(std::move(parts)) {
    for (Part& part : parts_) {
      const std::size_t alignment = part.family->state_alignment();
      part.offset = (bytes_ + alignment - 1) / alignment * alignment;
      bytes_ = part.offset + part.family->state_bytes();
      alignment_ = std::max(alignment_, alignment);
    }
  }
  const std::vector<Part>& parts() const { return parts_; }

  std::unique_ptr<FamilyState> make() const override {
    auto state = std::make_unique<TableState>(*this);
    state->apart = std::make_unique<TableState::Apart>();
    for (const Part& part : parts_) state->apart->push_back(part.family->make());
    return state;
  }
  std::size_t state_bytes() const override { return bytes_; }
  std::size_t state_alignment() const override { return alignment_; }
  std::size_t pane_bytes() const override {
    std::size_t bytes = bytes_;
    for (const Part& part : parts_) bytes += part.family->pane_bytes() - part.family->state_bytes();
    return bytes;
  }
  std::size_t row_bytes() const override {
    std::size_t bytes = 0;
    for (const Part& part : parts_) bytes += part.family->row_bytes();
    return bytes;
  }
  bool states_own_nothing() const override { return false; }
  bool merges_at_once(const FamilyState& newest_pane) const override {
    const auto& own = static_cast<const TableState&>(newest_pane);
    for (std::size_t i = 0; i < parts_.size(); ++i)
      if (!parts_[i].family->merges_at_once(own.column(i))) return false;
    return true;
  }
  void make_each(std::span<std::byte* const> blocks, std::size_t offset) const override {
    for (std::byte* const block : blocks) new (block + offset) TableState(*this);
    for (const Part& part : parts_) part.family->make_each(blocks, offset + part.offset);
  }
  // A column at a time: its bins stay near, and its rows need one call.
  void add_each(std::span<std::byte* const> blocks, std::size_t offset, const Batch& batch,
                std::span<const std::uint32_t> rows) const override {
    for (std::size_t i = 0; i < rows.size(); ++i) ++std::launder(reinterpret_cast<TableState*>(blocks[i] + offset))->n;
    for (const Part& part : parts_) part.family->add_each(blocks, offset + part.offset, batch, rows);
  }
  std::unique_ptr<FamilyState> make_window() const override {
    auto state = std::make_unique<TableState>(*this);
    state->apart = std::make_unique<TableState::Apart>();
    for (const Part& part : parts_) state->apart->push_back(part.family->make_window());
    return state;
  }
  void prepare(const Batch& batch) override {
    for (const Part& part : parts_) part.family->prepare(batch);
  }
  void prepare_rows(const Batch& batch, std::span<const std::uint32_t> rows) override {
    for (const Part& part : parts_) part.family->prepare_rows(batch, rows);
  }
  void add(FamilyState& state, const Batch& batch, std::span<const std::uint32_t> rows) const override {
    auto& own = static_cast<TableState&>(state);
    own.n += rows.size();
    for (std::size_t i = 0; i < parts_.size(); ++i) parts_[i].family->add(own.column(i), batch, rows);
  }
  void merge(FamilyState& into, const FamilyState& from) const override {
    auto& own = static_cast<TableState&>(into);
    const auto& other = static_cast<const TableState&>(from);
    own.n += other.n;
    for (std::size_t i = 0; i < parts_.size(); ++i) parts_[i].family->merge(own.column(i), other.column(i));
  }
  bool slides() const override {
    return std::all_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.family->slides(); });
  }
  bool may_stack() const override {
    return std::all_of(parts_.begin(), parts_.end(), [](const Part& part) { return part.family->may_stack(); });
  }
  bool take_out(FamilyState& from, const FamilyState& pane) const override {
    auto& own = static_cast<TableState&>(from);
    const auto& other = static_cast<const TableState&>(pane);
    own.n -= other.n;
    for (std::size_t i = 0; i < parts_.size(); ++i)
      if (!parts_[i].family->take_out(own.column(i), other.column(i))) return false;
    return true;
  }
  void read(const FamilyState& state, const MetricSpec& spec, const ReadContext& context, Reading& out) const override {
    const auto& own = static_cast<const TableState&>(state);
    out.n = own.n;
    out.nulls = out.excluded = 0;
    std::vector<std::pair<double, std::size_t>> tested;  // p, column
    std::string untested;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      Reading one;
      parts_[i].family->read(own.column(i), asked_of(parts_[i], spec), context_of(context, i), one);
      out.baseline_n = std::max(out.baseline_n, one.baseline_n);
      if (one.status == Status::ok && one.p_value)
        tested.emplace_back(*one.p_value, i);
      else
        untested += (untested.empty() ? "" : "; ") + parts_[i].name + ": " + one.reason;
    }
    std::sort(tested.begin(), tested.end());
    std::size_t rejected = 0;
    for (std::size_t i = 0; i < tested.size(); ++i)
      if (tested[i].first <= false_discovery_rate * static_cast<double>(i + 1) / static_cast<double>(tested.size()))
        rejected = i + 1;
    std::vector<std::size_t> listed;
    for (std::size_t i = 0; i < rejected; ++i) listed.push_back(tested[i].second);
    std::sort(listed.begin(), listed.end());
    out.text.clear();
    for (const std::size_t i : listed) out.text += (out.text.empty() ? "" : ", ") + parts_[i].name;
    if (tested.empty()) {
      out.value.reset();
      out.status = Status::insufficient;
      out.reason = "no column could be tested: " + untested;
      return;
    }
    std::vector<double> p_values;
    for (const auto& each : tested) p_values.push_back(each.first);
    settle(out, spec, static_cast<double>(rejected) / static_cast<double>(tested.size()));
    out.p_value = adjusted_p_values(p_values).front();  // of the column least like the baseline
  }
  void write(const FamilyState& state, ByteWriter& out) const override {
    const auto& own = static_cast<const TableState&>(state);
    out.put(own.n);
    for (std::size_t i = 0; i < parts_.size(); ++i) parts_[i].family->write(own.column(i), out);
  }
  std::unique_ptr<FamilyState> read_state(ByteReader& in) const override {
    auto state = std::make_unique<TableState>(*this);
    state->apart = std::make_unique<TableState::Apart>();
    state->n = in.get<std::uint64_t>();
    for (const Part& part : parts_) {
      auto column = part.family->read_state(in);
      if (!column) return nullptr;
      state->apart->push_back(std::move(column));
    }
    return state;
  }
  // Compared with a past that moves: bins a column. A column that is empty yet is tested once it has been cut.
  std::unique_ptr<FamilyState> cut(const FamilyState& reference, const MetricSpec& spec) const override {
    const auto& past = static_cast<const TableState&>(reference);
    auto out = std::make_unique<TableCut>();
    bool is_any = false;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      out->columns.push_back(parts_[i].family->cut(past.column(i), asked_of(parts_[i], spec)));
      is_any = is_any || out->columns.back();
    }
    if (!is_any) return nullptr;
    return out;
  }
  void write_cut(const FamilyState& cut, ByteWriter& out) const override {
    const auto& own = static_cast<const TableCut&>(cut);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      out.put(static_cast<std::uint8_t>(own.columns[i] != nullptr));
      if (own.columns[i]) parts_[i].family->write_cut(*own.columns[i], out);
    }
  }
  std::unique_ptr<FamilyState> read_cut(ByteReader& in) const override {
    auto out = std::make_unique<TableCut>();
    for (const Part& part : parts_) {
      out->columns.emplace_back();
      if (in.get<std::uint8_t>() == 0) continue;
      out->columns.back() = part.family->read_cut(in);
      if (!out->columns.back()) return nullptr;
    }
    if (!in.good()) return nullptr;
    return out;
  }

  // None: a row with a null in one column still counts for the others.
  std::vector<std::size_t> needed_columns() const override { return {}; }

  bool needs_baseline() const override { return parts_[0].family->needs_baseline(); }
  void reference_rows(const Batch& batch, std::span<const std::uint32_t> rows) override {
    for (const Part& part : parts_) part.family->reference_rows(batch, rows);
  }
  void reference_seal() override {
    for (const Part& part : parts_) part.family->reference_seal();
  }
  void write_reference(ByteWriter& out) const override {
    for (const Part& part : parts_) part.family->write_reference(out);
  }
  bool read_reference(ByteReader& in) override {
    for (const Part& part : parts_)
      if (!part.family->read_reference(in)) return false;
    return true;
  }

 private:
  // The question as it is asked of one column. The test has a least of its own.
  static MetricSpec asked_of(const Part& part, const MetricSpec& spec) {
    MetricSpec asked = spec;
    asked.metric = part.metric;
    asked.columns = {part.name};
    asked.min_n = 0;
    return asked;
  }
  static ReadContext context_of(const ReadContext& context, std::size_t column) {
    ReadContext out = context;
    if (context.reference) out.reference = &static_cast<const TableState*>(context.reference)->column(column);
    if (context.cut) out.cut = static_cast<const TableCut*>(context.cut)->columns[column].get();
    return out;
  }

  std::vector<Part> parts_;
  std::size_t bytes_ = sizeof(TableState), alignment_ = alignof(TableState);
};

TableState::~TableState() {
  if (apart) return;
  for (std::size_t i = 0; i < owner->parts().size(); ++i) column(i).~FamilyState();
}

FamilyState& TableState::column(std::size_t index) {
  if (apart) return *(*apart)[index];
  return *std::launder(
      reinterpret_cast<FamilyState*>(reinterpret_cast<std::byte*>(this) + owner->parts()[index].offset));
}

std::size_t TableState::memory_bytes() const {
  std::size_t bytes = apart ? sizeof *this + sizeof *apart + apart->capacity() * sizeof(void*) : owner->state_bytes();
  for (std::size_t i = 0; i < owner->parts().size(); ++i) {
    const std::size_t own = column(i).memory_bytes(), inside = apart ? 0 : owner->parts()[i].family->state_bytes();
    bytes += own > inside ? own - inside : 0;
  }
  return bytes;
}

}  // namespace

FamilyMade make_drifted_columns(const FamilyInput& input) {
  const MetricSpec& spec = input.spec;
  const std::string test = spec.test.empty() ? "psi" : spec.test;
  if (test != "psi" && test != "chi2" && test != "ks" && test != "kl" && test != "js" && test != "hellinger")
    return invalid("drifted_columns: expected test \"psi\", \"chi2\", \"ks\", \"kl\", \"js\" or \"hellinger\", got \"" +
                   test + "\"");
  std::vector<DriftedColumns::Part> parts;
  for (std::size_t i = 0; i < input.columns.size(); ++i) {
    MetricSpec one = spec;
    one.metric = test;
    one.columns = {spec.columns[i]};
    const bool is_text = input.types[i] == ColumnType::string || input.types[i] == ColumnType::category;
    if (test == "ks" && is_text) one.metric = "chi2";  // a text has no order
    auto family = make_family(one, input.stream);
    if (!family) return family.error();
    parts.push_back({spec.columns[i], std::move(*family), one.metric});
  }
  return FamilyMade(std::make_unique<DriftedColumns>(std::move(parts)));
}

}  // namespace tidewatch
