// compare(expression, { by, control, candidate, least }): is the candidate another than the control, answered so that
// it may be looked at after every pane. A z-test at each look calls equal sides different half the time; the mixture
// sequential ratio test (Robbins 1970; Johari, Pekelis and Walsh, arXiv 1512.04922) bounds the chance over all looks.
//
// The smallest p so far is a function of the rows by time, so the state keeps what each look saw, not a running
// minimum: late rows, shards and restarts then need no care. The price is an entry a look.
#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "metrics/families/family_of.h"
#include "metrics/statistics/exact_sum.h"
#include "records/expression.h"

namespace tidewatch {
namespace {

constexpr double second_moment_limit = 1e150;
constexpr std::uint64_t least_rows = 200, least_events = 10;
constexpr std::uint8_t control = 0, candidate = 1, neither = 2, unknown_side = 3;

// One side of a comparison of shares.
struct ShareSide {
  std::uint64_t n = 0, hits = 0;
  void merge(const ShareSide& from) {
    n += from.n;
    hits += from.hits;
  }
  void write(ByteWriter& out) const {
    out.put(n);
    out.put(hits);
  }
  bool read(ByteReader& in) {
    n = in.get<std::uint64_t>();
    hits = in.get<std::uint64_t>();
    return in.good() && hits <= n;
  }
  std::size_t memory_bytes() const { return sizeof *this; }
  double mean() const { return n ? static_cast<double>(hits) / static_cast<double>(n) : 0; }
  // Of the mean; a share of 0 has one too.
  double variance() const {
    const auto count = static_cast<double>(n);
    const double share = (static_cast<double>(hits) + 0.5) / (count + 1);
    return share * (1 - share) / count;
  }
  // Below ten of either outcome on both sides together the normal distribution is no description.
  static bool has_events(const ShareSide& a, const ShareSide& b) {
    const std::uint64_t hits = a.hits + b.hits;
    return hits >= least_events && a.n + b.n - hits >= least_events;
  }
};

// One side of a comparison of means.
struct MeanSide {
  std::uint64_t n = 0;
  ExactSum sum, squares;
  void merge(const MeanSide& from) {
    n += from.n;
    sum.merge(from.sum);
    squares.merge(from.squares);
  }
  void write(ByteWriter& out) const {
    out.put(n);
    sum.write(out);
    squares.write(out);
  }
  bool read(ByteReader& in) {
    n = in.get<std::uint64_t>();
    return sum.read(in) && squares.read(in) && in.good();
  }
  std::size_t memory_bytes() const { return sizeof n + sum.memory_bytes() + squares.memory_bytes(); }
  double mean() const { return n ? sum.value() / static_cast<double>(n) : 0; }
  double variance() const {
    if (n < 2) return 0;
    const auto count = static_cast<double>(n);
    return std::max(0.0, centered(n, sum, sum, squares)) / (count - 1) / count;
  }
  static bool has_events(const MeanSide&, const MeanSide&) { return true; }
};

// -ln of the smallest p: 0.5 ln(V/(V+τ²)) + τ²d²/(2V(V+τ²)), at least 0.
double evidence(double difference, double variance, double least) {
  if (variance <= 0) return difference == 0 ? 0 : HUGE_VAL;
  const double mixed = variance + least * least;
  const double z = difference / std::sqrt(variance);
  return std::max(0.0, 0.5 * std::log(variance / mixed) + 0.5 * z * z * (least * least / mixed));
}

template <typename Side>
struct CompareState final : FamilyState {
  struct Look {
    std::int64_t index = 0;
    Side sides[2];
  };
  std::vector<Look> looks;  // by index; each has a row
  std::uint64_t nulls = 0, nan = 0, inf = 0, overflow = 0, others = 0;

  Look& at(std::int64_t index) {
    if (!looks.empty() && looks.back().index == index) return looks.back();
    auto place = looks.end();
    if (!looks.empty() && looks.back().index > index)
      place = std::lower_bound(looks.begin(), looks.end(), index,
                               [](const Look& look, std::int64_t wanted) { return look.index < wanted; });
    if (place == looks.end() || place->index != index) {
      place = looks.emplace(place);
      place->index = index;
    }
    return *place;
  }
  void merge(const CompareState& from) {
    for (const Look& look : from.looks) {
      Look& own = at(look.index);
      for (int side = 0; side < 2; ++side) own.sides[side].merge(look.sides[side]);
    }
    nulls += from.nulls;
    nan += from.nan;
    inf += from.inf;
    overflow += from.overflow;
    others += from.others;
  }
  void write(ByteWriter& out) const {
    for (const std::uint64_t count : {nulls, nan, inf, overflow, others}) out.put(count);
    out.put(static_cast<std::uint64_t>(looks.size()));
    for (const Look& look : looks) {
      out.put(look.index);
      for (const Side& side : look.sides) side.write(out);
    }
  }
  bool read(ByteReader& in) {
    for (std::uint64_t* count : {&nulls, &nan, &inf, &overflow, &others}) *count = in.get<std::uint64_t>();
    looks.resize(in.count(24));
    for (std::size_t i = 0; i < looks.size(); ++i) {
      looks[i].index = in.get<std::int64_t>();
      if (i > 0 && looks[i].index <= looks[i - 1].index) in.fail();
      for (Side& side : looks[i].sides)
        if (!side.read(in)) return false;
    }
    return in.good();
  }
  std::size_t memory_bytes() const override {
    std::size_t bytes = sizeof *this + (looks.capacity() - looks.size()) * sizeof(Look);
    for (const Look& look : looks)
      bytes += sizeof look.index + look.sides[0].memory_bytes() + look.sides[1].memory_bytes();
    return bytes;
  }
};

// Which side a row is on, by the text or number in a column.
class SideColumn {
 public:
  static Result<SideColumn> make(const FamilyInput& input) {
    const MetricSpec& spec = input.spec;
    SideColumn out;
    ColumnType type = ColumnType::number;
    const std::vector<std::string> names = input.stream.schema.names();
    if (const auto found = input.stream.schema.find(spec.side)) {
      out.column_ = *found;
      type = input.stream.schema.columns[*found].type;
    } else {
      std::size_t derived = 0;
      while (derived < input.stream.derived.size() && input.stream.derived[derived].name != spec.side) ++derived;
      if (derived == input.stream.derived.size())
        return not_found("compare: by: stream \"" + input.stream.name + "\" has no column \"" + spec.side + "\"" +
                         did_you_mean(spec.side, names));
      out.column_ = names.size() + derived;
    }
    out.texts_[control] = spec.control;
    out.texts_[candidate] = spec.candidate;
    if (type == ColumnType::category || type == ColumnType::string) return out;
    out.is_number_ = true;
    for (const auto& [text, number] :
         {std::pair(&spec.control, &out.numbers_[control]), std::pair(&spec.candidate, &out.numbers_[candidate])}) {
      const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
      if (type == ColumnType::boolean && (*text == "true" || *text == "false"))
        *number = *text == "true" ? 1 : 0;
      else if (error != std::errc() || end != text->data() + text->size())
        return invalid("compare: expected a " + std::string(name_of(type)) + " as in column \"" + spec.side +
                       "\", got \"" + *text + "\"");
    }
    return out;
  }
  std::size_t column() const { return column_; }
  void sort(const Batch& batch, std::vector<std::uint8_t>& sides) const {
    const Column& column = batch.columns[column_];
    sides.assign(batch.rows, neither);
    std::vector<std::uint8_t> by_code(is_number_ ? 0 : column.dictionary.size(), neither);
    for (std::uint32_t code = 0; code < by_code.size(); ++code) by_code[code] = side_of(column.dictionary[code]);
    for (std::size_t row = 0; row < batch.rows; ++row)
      sides[row] = column.null[row] ? unknown_side
                   : is_number_     ? side_of(column.as_number(row))
                                    : by_code[column.codes[row]];
  }

 private:
  std::uint8_t side_of(std::string_view text) const {
    return text == texts_[control] ? control : text == texts_[candidate] ? candidate : neither;
  }
  std::uint8_t side_of(double number) const {
    return number == numbers_[control] ? control : number == numbers_[candidate] ? candidate : neither;
  }
  std::size_t column_ = 0;
  bool is_number_ = false;
  std::string texts_[2];
  double numbers_[2] = {};
};

template <typename Side>
class Compare final : public FamilyOf<Compare<Side>, CompareState<Side>> {
  using State = CompareState<Side>;
  static constexpr bool is_share = std::is_same_v<Side, ShareSide>;

 public:
  Compare(Expression expression, SideColumn side, Duration look)
      : expression_(std::move(expression)), side_(std::move(side)), look_(look) {}

  void prepare(const Batch& batch) override {
    run(batch, prepared_);
    prepared_for_ = &batch;
  }
  void add(FamilyState& state, const Batch& batch, std::span<const std::uint32_t> rows) const override {
    auto& own = static_cast<State&>(state);
    if (&batch == prepared_for_) {
      for (const std::uint32_t row : rows) count(own, batch, row, prepared_);
      return;
    }
    Values values;
    run(batch, values);
    for (const std::uint32_t row : rows) count(own, batch, row, values);
  }
  void add_row(FamilyState& state, const Batch& batch, std::uint32_t row) const override {
    add(state, batch, std::span<const std::uint32_t>(&row, 1));
  }
  void add_each(std::span<std::byte* const> blocks, std::size_t offset, const Batch& batch,
                std::span<const std::uint32_t> rows) const override {
    for (std::size_t i = 0; i < rows.size(); ++i)
      add_row(*reinterpret_cast<FamilyState*>(blocks[i] + offset), batch, rows[i]);
  }
  void add_one(State&, const Batch&, std::uint32_t) const {}
  bool merges_at_once(const FamilyState&) const override { return true; }  // a merge holds every look
  std::size_t pane_bytes() const override { return sizeof(State) + sizeof(typename State::Look); }

  void read_one(const State& state, const MetricSpec& spec, const ReadContext&, Reading& out) const {
    // A side alone would set one hour of the day against another: the test begins where both have come.
    std::size_t begin = 0;
    std::uint64_t alone = 0;
    unsigned sides_seen = 0;
    for (int side = 0; side < 2; ++side) {
      std::size_t first = 0;
      while (first < state.looks.size() && state.looks[first].sides[side].n == 0) ++first;
      begin = std::max(begin, first);
      if (first < state.looks.size()) sides_seen |= 1u << side;
    }
    for (std::size_t i = 0; i < begin; ++i) alone += state.looks[i].sides[0].n + state.looks[i].sides[1].n;
    Side sum[2];
    double strongest = 0;
    bool is_judged = false;
    for (std::size_t i = begin; i < state.looks.size(); ++i) {
      for (int side = 0; side < 2; ++side) sum[side].merge(state.looks[i].sides[side]);
      if (std::min(sum[0].n, sum[1].n) < least_rows || !Side::has_events(sum[0], sum[1])) continue;
      is_judged = true;
      const double difference = sum[candidate].mean() - sum[control].mean();
      if ((spec.worse == "higher" && difference < 0) || (spec.worse == "lower" && difference > 0)) continue;
      strongest = std::max(strongest, evidence(difference, sum[0].variance() + sum[1].variance(), spec.least));
    }
    out.n = sum[0].n + sum[1].n;
    out.nulls = state.nulls;
    for (const auto& [reason, rows] :
         {std::pair("nan", state.nan), std::pair("inf", state.inf), std::pair("overflow", state.overflow),
          std::pair("alone", alone), std::pair("other_side", state.others)})
      if (rows > 0) {
        out.excluded += rows;
        out.excluded_by.emplace_back(reason, rows);
      }
    std::optional<double> p;
    if (sum[0].n > 0 && sum[1].n > 0) p = std::exp(-strongest);
    settle(out, spec, p);
    if (!p) {
      out.status = Status::insufficient;
      out.reason = "no row of " + (sides_seen == 1u << control ? spec.candidate : spec.control) + " yet";
      return;
    }
    out.p_value = p;
    if (!is_judged && out.status == Status::ok) {
      out.status = Status::insufficient;
      out.reason = std::min(sum[0].n, sum[1].n) < least_rows ? "a side has fewer than 200 rows"
                                                             : "fewer than 10 rows of either outcome";
    }
    out.text = spec.candidate + " " + format_number(sum[candidate].mean()) + " of " + with_thousands(sum[candidate].n) +
               ", " + spec.control + " " + format_number(sum[control].mean()) + " of " + with_thousands(sum[control].n);
  }
  std::vector<std::size_t> needed_columns() const override {
    std::vector<std::size_t> out = expression_.columns();
    if (std::find(out.begin(), out.end(), side_.column()) == out.end()) out.push_back(side_.column());
    return out;
  }

 private:
  struct Values {  // of a batch, by row
    std::vector<std::uint8_t> sides, truths;
    Column numbers;
  };
  void run(const Batch& batch, Values& out) const {
    side_.sort(batch, out.sides);
    if constexpr (is_share)
      expression_.test(batch, out.truths);
    else
      expression_.compute(batch, out.numbers);
  }
  void count(State& state, const Batch& batch, std::uint32_t row, const Values& values) const {
    const std::uint8_t side = values.sides[row];
    if (side == neither) {
      ++state.others;
      return;
    }
    const auto look = [&]() -> Side& {
      const std::int64_t at = batch.time(row).ns;
      return state.at(at / look_.ns - (at % look_.ns < 0)).sides[side];
    };
    if constexpr (is_share) {
      if (side == unknown_side || values.truths[row] == truth_unknown) {
        ++state.nulls;
        return;
      }
      Side& own = look();
      ++own.n;
      own.hits += values.truths[row] == truth_true;
    } else {
      if (side == unknown_side || values.numbers.null[row]) {
        ++state.nulls;
        return;
      }
      const double value = values.numbers.numbers[row];
      if (!(std::fabs(value) < second_moment_limit)) {
        ++(std::isnan(value) ? state.nan : std::isinf(value) ? state.inf : state.overflow);
        return;
      }
      Side& own = look();
      ++own.n;
      own.sum.add(value);
      own.squares.add_product(value, value);
    }
  }

  Expression expression_;
  SideColumn side_;
  Duration look_;
  Values prepared_;
  const Batch* prepared_for_ = nullptr;
};

}  // namespace

Duration look_of(const MetricSpec& spec) {
  if (spec.step.ns > 0) return spec.step;
  const bool by_day =
      spec.window.kind == WindowSpec::Kind::calendar || spec.window.kind == WindowSpec::Kind::business_days;
  return by_day ? hours(1) : minutes(1);
}

FamilyMade make_compare(const FamilyInput& input) {
  const MetricSpec& spec = input.spec;
  if (spec.side.empty() || spec.control.empty() || spec.candidate.empty())
    return invalid(
        "compare: expected by, control and candidate: the column that tells the two apart and its two values");
  if (spec.control == spec.candidate)
    return invalid("compare: control and candidate are both \"" + spec.control + "\"");
  if (!(spec.least > 0) || !std::isfinite(spec.least))
    return invalid("compare: least: expected the smallest difference worth knowing, a number above 0");
  auto expression = Expression::compile(spec.expression, input.stream);
  if (!expression) return expression.error();
  if (expression->kind() == ExpressionKind::text)
    return invalid("compare: expected a condition or a number, such as \"status >= 500\" or \"latency_ms\", got \"" +
                   spec.expression + "\"");
  auto side = SideColumn::make(input);
  if (!side) return side.error();
  if (expression->kind() == ExpressionKind::truth)
    return FamilyMade(std::make_unique<Compare<ShareSide>>(std::move(*expression), std::move(*side), look_of(spec)));
  return FamilyMade(std::make_unique<Compare<MeanSide>>(std::move(*expression), std::move(*side), look_of(spec)));
}

}  // namespace tidewatch
