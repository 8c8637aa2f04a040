// Runs a checked expression on columns, 1,024 rows at a time, as a stack machine over small arrays: no allocation a
// row, and number columns are read where they lie. A part that reads one text column only is evaluated once per
// dictionary code and then looked up, so `endpoint == "/score"` costs one table read a row. Short-circuiting was
// decided against: nothing here has effects, and branches cost more than they save.
#include "records/expression.h"

#include <algorithm>
#include <cmath>

#include "records/expression_parse.h"

namespace tidewatch {

namespace {

constexpr std::size_t block_rows = 1024;

// A subtree that depends on exactly one text column, to be evaluated once per dictionary code.
struct CodedPart {
  std::size_t first = 0, root = 0, column = 0;
};

constexpr std::uint8_t and_table[9] = {0, 0, 0, 0, 1, 2, 0, 2, 2};  // [left * 3 + right], by Truth
constexpr std::uint8_t or_table[9] = {0, 1, 2, 1, 1, 1, 2, 1, 2};
constexpr std::uint8_t not_table[3] = {1, 0, 2};

// Largest subtrees first: walking from the root backwards, a part that fits is skipped as a whole.
std::vector<CodedPart> find_coded_parts(const std::vector<ExpressionNode>& nodes) {
  std::vector<CodedPart> parts;
  for (std::size_t i = nodes.size(); i > 0;) {
    const ExpressionNode& root = nodes[i - 1];
    bool fits = !is_leaf(root.op) && root.kind != ExpressionKind::text;
    bool has_column = false;
    std::size_t column = 0;
    for (std::size_t k = root.first; k < i && fits; ++k) {
      const Op op = nodes[k].op;
      if (op <= Op::boolean_column) fits = false;
      if (op != Op::text_column) continue;
      fits = !has_column || column == nodes[k].column;
      has_column = true;
      column = nodes[k].column;
    }
    if (fits && has_column) {
      parts.push_back({root.first, i - 1, column});
      i = root.first;
    } else {
      --i;
    }
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::string_view dictionary_text(const Column& column, std::uint32_t code) {
  return code < column.dictionary.size() ? column.dictionary[code] : std::string_view();
}

struct Value {
  const double* number = nullptr;
  const std::string_view* text = nullptr;
  const std::uint8_t* truth = nullptr;
  const std::uint8_t* null = nullptr;  // numbers and texts; nullptr when none is null
  bool is_constant = false;            // every entry is the same
};

// Arrays of one stack position, allocated when first used.
struct Level {
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
  std::vector<std::uint8_t> truths, nulls;
};

// Results of a coded part by code; the entry after the last code is for null.
struct CodedTable {
  bool is_active = false;
  std::vector<double> numbers;
  std::vector<std::uint8_t> truths, nulls;
  void clear() {
    is_active = false;
    numbers.clear();
    truths.clear();
    nulls.clear();
  }
};

class Machine {
 public:
  Machine(const std::vector<ExpressionNode>& nodes, const std::vector<CodedPart>& parts)
      : nodes_(nodes), parts_(parts), arenas_(nodes.size()), tables_(parts.size()) {}

  // What run() is about: all rows of the batch, or those given.
  void begin(const Batch& batch) {
    batch_ = &batch;
    rows_ = nullptr;
    capacity_ = std::min(block_rows, std::max<std::size_t>(batch.rows, 1));
    for (std::size_t p = 0; p < parts_.size(); ++p) build_table(p, batch.rows);
    coded_column_ = nullptr;
  }
  void begin(const Batch& batch, std::span<const std::uint32_t> rows) {
    batch_ = &batch;
    rows_ = nullptr;  // a table is made from codes
    capacity_ = std::min(block_rows, std::max<std::size_t>(rows.size(), 1));
    for (std::size_t p = 0; p < parts_.size(); ++p) build_table(p, rows.size());
    coded_column_ = nullptr;
    rows_ = rows.data();
  }

  Value run(std::size_t from, std::size_t count) {
    at_ = from;
    count_ = count;
    std::size_t part = 0;
    for (std::size_t i = 0; i < nodes_.size();) {
      while (part < parts_.size() && parts_[part].first < i) ++part;
      if (part < parts_.size() && parts_[part].first == i && tables_[part].is_active) {
        look_up(part);
        i = parts_[part].root + 1;
      } else {
        step(i++);
      }
    }
    return pop();
  }

 private:
  void build_table(std::size_t p, std::size_t rows) {
    const CodedPart& part = parts_[p];
    const Column& column = batch_->columns[part.column];
    const std::size_t codes = column.dictionary.size();
    CodedTable& table = tables_[p];
    table.clear();
    if (codes + 1 > rows) return;
    coded_column_ = &column;
    for (std::size_t from = 0; from <= codes; from += capacity_) {
      at_ = from;
      count_ = std::min(capacity_, codes + 1 - from);
      for (std::size_t i = part.first; i <= part.root; ++i) step(i);
      const Value value = pop();
      if (nodes_[part.root].kind == ExpressionKind::truth) {
        table.truths.insert(table.truths.end(), value.truth, value.truth + count_);
      } else {
        table.numbers.insert(table.numbers.end(), value.number, value.number + count_);
        for (std::size_t i = 0; i < count_; ++i) table.nulls.push_back(value.null != nullptr && value.null[i]);
      }
    }
    table.is_active = true;
  }

  void look_up(std::size_t p) {
    const Column& column = batch_->columns[parts_[p].column];
    const CodedTable& table = tables_[p];
    const std::size_t null_entry = column.dictionary.size();
    Value out;
    if (nodes_[parts_[p].root].kind == ExpressionKind::truth) {
      std::uint8_t* truths = truths_here();
      for (std::size_t i = 0; i < count_; ++i) {
        const std::size_t row = row_at(i);
        truths[i] = table.truths[column.null[row] ? null_entry : column.codes[row]];
      }
      out.truth = truths;
    } else {
      double* numbers = numbers_here();
      std::uint8_t* nulls = nulls_here();
      for (std::size_t i = 0; i < count_; ++i) {
        const std::size_t row = row_at(i), entry = column.null[row] ? null_entry : column.codes[row];
        numbers[i] = table.numbers[entry];
        nulls[i] = table.nulls[entry];
      }
      out.number = numbers;
      out.null = nulls;
    }
    stack_.push_back(out);
  }

  std::size_t row_at(std::size_t i) const { return rows_ == nullptr ? at_ + i : rows_[at_ + i]; }
  const std::uint8_t* nulls_of(const Column& column) {
    if (rows_ == nullptr) return column.null.data() + at_;
    std::uint8_t* const nulls = nulls_here();
    for (std::size_t i = 0; i < count_; ++i) nulls[i] = column.null[row_at(i)];
    return nulls;
  }
  Value pop() {
    const Value value = stack_.back();
    stack_.pop_back();
    return value;
  }
  Level& level() {
    if (levels_.size() <= stack_.size()) levels_.resize(stack_.size() + 1);
    return levels_[stack_.size()];
  }
  template <typename T>
  T* sized(std::vector<T>& v) {
    if (v.size() < capacity_) v.resize(capacity_);
    return v.data();
  }
  double* numbers_here() { return sized(level().numbers); }
  std::string_view* texts_here() { return sized(level().texts); }
  std::uint8_t* truths_here() { return sized(level().truths); }
  std::uint8_t* nulls_here() { return sized(level().nulls); }

  const std::uint8_t* either_null(const std::uint8_t* a, const std::uint8_t* b) {
    if (b == nullptr) return a;
    std::uint8_t* out = nulls_here();
    // The right operand's array belongs to the next stack position, which is about to be used again.
    if (a == nullptr) {
      std::copy_n(b, count_, out);
      return out;
    }
    for (std::size_t i = 0; i < count_; ++i) out[i] = a[i] | b[i];
    return out;
  }

  template <typename F>
  void number_unary(F f) {
    Value value = pop();
    double* out = numbers_here();
    for (std::size_t i = 0; i < count_; ++i) out[i] = f(value.number[i]);
    value.number = out;
    stack_.push_back(value);
  }

  template <typename F>
  void number_binary(F f) {
    const Value right = pop(), left = pop();
    Value out;
    out.null = either_null(left.null, right.null);
    double* numbers = numbers_here();
    if (right.is_constant) {
      const double constant = right.number[0];
      for (std::size_t i = 0; i < count_; ++i) numbers[i] = f(left.number[i], constant);
    } else {
      for (std::size_t i = 0; i < count_; ++i) numbers[i] = f(left.number[i], right.number[i]);
    }
    out.number = numbers;
    stack_.push_back(out);
  }

  void set_unknown(std::uint8_t* truths, const std::uint8_t* null) {
    if (null == nullptr) return;
    for (std::size_t i = 0; i < count_; ++i) truths[i] = null[i] ? std::uint8_t{truth_unknown} : truths[i];
  }

  template <typename F>
  void compare(ExpressionKind operand, F f) {
    const Value right = pop(), left = pop();
    const std::uint8_t* null = either_null(left.null, right.null);
    std::uint8_t* truths = truths_here();
    if (operand == ExpressionKind::text) {
      for (std::size_t i = 0; i < count_; ++i) truths[i] = f(left.text[i], right.text[i]);
    } else if (operand == ExpressionKind::truth) {
      for (std::size_t i = 0; i < count_; ++i) {
        const std::uint8_t a = left.truth[i], b = right.truth[i];
        truths[i] = a == truth_unknown || b == truth_unknown ? std::uint8_t{truth_unknown} : std::uint8_t{f(a, b)};
      }
    } else if (right.is_constant) {
      const double constant = right.number[0];
      for (std::size_t i = 0; i < count_; ++i) truths[i] = f(left.number[i], constant);
    } else {
      for (std::size_t i = 0; i < count_; ++i) truths[i] = f(left.number[i], right.number[i]);
    }
    set_unknown(truths, null);
    Value out;
    out.truth = truths;
    stack_.push_back(out);
  }

  template <typename F>
  void text_test(F f) {
    const Value right = pop(), left = pop();
    const std::uint8_t* null = either_null(left.null, right.null);
    std::uint8_t* truths = truths_here();
    for (std::size_t i = 0; i < count_; ++i) truths[i] = f(left.text[i], right.text[i]);
    set_unknown(truths, null);
    Value out;
    out.truth = truths;
    stack_.push_back(out);
  }

  void combine_truths(const std::uint8_t* table) {
    const Value right = pop(), left = pop();
    std::uint8_t* truths = truths_here();
    for (std::size_t i = 0; i < count_; ++i) truths[i] = table[left.truth[i] * 3 + right.truth[i]];
    Value out;
    out.truth = truths;
    stack_.push_back(out);
  }

  void test_null(ExpressionKind operand, bool wanted) {
    const Value value = pop();
    std::uint8_t* truths = truths_here();
    for (std::size_t i = 0; i < count_; ++i) {
      const bool is_null = operand == ExpressionKind::truth ? value.truth[i] == truth_unknown
                                                            : value.null != nullptr && value.null[i] != 0;
      truths[i] = is_null == wanted;
    }
    Value out;
    out.truth = truths;
    stack_.push_back(out);
  }

  void coalesce(ExpressionKind kind) {
    const Value right = pop(), left = pop();
    Value out;
    if (kind == ExpressionKind::truth) {
      std::uint8_t* truths = truths_here();
      for (std::size_t i = 0; i < count_; ++i) {
        truths[i] = left.truth[i] == truth_unknown ? right.truth[i] : left.truth[i];
      }
      out.truth = truths;
    } else if (left.null == nullptr) {
      out = left;
    } else {
      if (kind == ExpressionKind::number) {
        double* numbers = numbers_here();
        for (std::size_t i = 0; i < count_; ++i) numbers[i] = left.null[i] ? right.number[i] : left.number[i];
        out.number = numbers;
      } else {
        std::string_view* texts = texts_here();
        for (std::size_t i = 0; i < count_; ++i) texts[i] = left.null[i] ? right.text[i] : left.text[i];
        out.text = texts;
      }
      if (right.null != nullptr) {
        std::uint8_t* nulls = nulls_here();
        for (std::size_t i = 0; i < count_; ++i) nulls[i] = left.null[i] & right.null[i];
        out.null = nulls;
      }
    }
    stack_.push_back(out);
  }

  // New texts live in an arena of their node until the next block; it is sized before it is filled, so it never moves.
  template <typename F>
  void change_letters(std::size_t node, F f) {
    Value value = pop();
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count_; ++i) bytes += value.text[i].size();
    std::string& arena = arenas_[node];
    arena.resize(bytes);
    std::string_view* texts = texts_here();
    char* p = arena.data();
    for (std::size_t i = 0; i < count_; ++i) {
      const std::string_view from = value.text[i];
      std::transform(from.begin(), from.end(), p, f);
      texts[i] = std::string_view(p, from.size());
      p += from.size();
    }
    value.text = texts;
    stack_.push_back(value);
  }

  void concatenate(std::size_t node) {
    const Value right = pop(), left = pop();
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count_; ++i) bytes += left.text[i].size() + right.text[i].size();
    std::string& arena = arenas_[node];
    arena.resize(bytes);
    Value out;
    out.null = either_null(left.null, right.null);
    std::string_view* texts = texts_here();
    char* p = arena.data();
    for (std::size_t i = 0; i < count_; ++i) {
      char* const from = p;
      p = std::copy(left.text[i].begin(), left.text[i].end(), p);
      p = std::copy(right.text[i].begin(), right.text[i].end(), p);
      texts[i] = std::string_view(from, static_cast<std::size_t>(p - from));
    }
    out.text = texts;
    stack_.push_back(out);
  }

  void length() {
    Value value = pop();
    double* numbers = numbers_here();
    for (std::size_t i = 0; i < count_; ++i) numbers[i] = static_cast<double>(value.text[i].size());
    value.number = numbers;
    stack_.push_back(value);
  }

  void text_column(const Column& column, Value& out) {
    std::string_view* texts = texts_here();
    if (coded_column_ != nullptr) {
      // Rows are dictionary codes here; the one after the last stands for null.
      std::uint8_t* nulls = nulls_here();
      for (std::size_t i = 0; i < count_; ++i) {
        texts[i] = dictionary_text(column, static_cast<std::uint32_t>(at_ + i));
        nulls[i] = at_ + i >= column.dictionary.size();
      }
      out.null = nulls;
    } else {
      for (std::size_t i = 0; i < count_; ++i) texts[i] = dictionary_text(column, column.codes[row_at(i)]);
      out.null = nulls_of(column);
    }
    out.text = texts;
  }

  void leaf(const ExpressionNode& node) {
    Value out;
    if (node.op == Op::number_constant) {
      double* numbers = numbers_here();
      std::fill_n(numbers, count_, node.number);
      out.number = numbers;
      out.is_constant = true;
    } else if (node.op == Op::text_constant) {
      std::string_view* texts = texts_here();
      std::fill_n(texts, count_, std::string_view(node.text));
      out.text = texts;
    } else if (node.op == Op::truth_constant) {
      std::uint8_t* truths = truths_here();
      std::fill_n(truths, count_, node.number != 0 ? std::uint8_t{truth_true} : std::uint8_t{truth_false});
      out.truth = truths;
    } else {
      column_leaf(node, batch_->columns[node.column], out);
    }
    stack_.push_back(out);
  }

  void column_leaf(const ExpressionNode& node, const Column& column, Value& out) {
    if (node.op == Op::text_column) return text_column(column, out);
    if (node.op == Op::boolean_column) {
      std::uint8_t* truths = truths_here();
      for (std::size_t i = 0; i < count_; ++i) {
        const std::size_t row = row_at(i);
        truths[i] = column.null[row] ? std::uint8_t{truth_unknown} : std::uint8_t{column.integers[row] != 0};
      }
      out.truth = truths;
      return;
    }
    out.null = nulls_of(column);
    if (node.op == Op::number_column && rows_ == nullptr) {
      out.number = column.numbers.data() + at_;
      return;
    }
    double* numbers = numbers_here();
    const double unit = node.op == Op::time_column ? 1e9 : 1.0;
    for (std::size_t i = 0; i < count_; ++i)
      numbers[i] = node.op == Op::number_column ? column.numbers[row_at(i)]
                                                : static_cast<double>(column.integers[row_at(i)]) / unit;
    out.number = numbers;
  }

  void step(std::size_t i) {
    const ExpressionNode& node = nodes_[i];
    const auto ascii_lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    const auto ascii_upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
    switch (node.op) {
      case Op::number_column:
      case Op::integer_column:
      case Op::time_column:
      case Op::boolean_column:
      case Op::text_column:
      case Op::number_constant:
      case Op::text_constant:
      case Op::truth_constant:
        return leaf(node);
      case Op::negate:
        return number_unary([](double v) { return -v; });
      case Op::absolute:
        return number_unary([](double v) { return std::fabs(v); });
      case Op::floor:
        return number_unary([](double v) { return std::floor(v); });
      case Op::ceiling:
        return number_unary([](double v) { return std::ceil(v); });
      case Op::square_root:
        return number_unary([](double v) { return std::sqrt(v); });
      case Op::logarithm:
        return number_unary([](double v) { return std::log(v); });
      case Op::exponential:
        return number_unary([](double v) { return std::exp(v); });
      case Op::length:
        return length();
      case Op::lower:
        return change_letters(i, ascii_lower);
      case Op::upper:
        return change_letters(i, ascii_upper);
      case Op::logical_not: {
        Value value = pop();
        std::uint8_t* truths = truths_here();
        for (std::size_t k = 0; k < count_; ++k) truths[k] = not_table[value.truth[k]];
        value.truth = truths;
        stack_.push_back(value);
        return;
      }
      case Op::is_null:
        return test_null(node.operand, true);
      case Op::is_not_null:
        return test_null(node.operand, false);
      case Op::add:
        return number_binary([](double a, double b) { return a + b; });
      case Op::subtract:
        return number_binary([](double a, double b) { return a - b; });
      case Op::multiply:
        return number_binary([](double a, double b) { return a * b; });
      case Op::divide:
        return number_binary([](double a, double b) { return a / b; });
      // Lua 5.1's own definition: the sign follows the divisor.
      case Op::modulo:
        return number_binary([](double a, double b) { return a - std::floor(a / b) * b; });
      case Op::power:
        return number_binary([](double a, double b) { return std::pow(a, b); });
      case Op::minimum:
        return number_binary([](double a, double b) { return b < a ? b : a; });
      case Op::maximum:
        return number_binary([](double a, double b) { return b > a ? b : a; });
      case Op::concatenate:
        return concatenate(i);
      case Op::starts_with:
        return text_test([](std::string_view s, std::string_view p) { return s.substr(0, p.size()) == p; });
      case Op::contains:
        return text_test([](std::string_view s, std::string_view p) { return s.find(p) != std::string_view::npos; });
      case Op::coalesce:
        return coalesce(node.kind);
      case Op::less:
        return compare(node.operand, [](auto a, auto b) { return a < b; });
      case Op::less_equal:
        return compare(node.operand, [](auto a, auto b) { return a <= b; });
      case Op::greater:
        return compare(node.operand, [](auto a, auto b) { return a > b; });
      case Op::greater_equal:
        return compare(node.operand, [](auto a, auto b) { return a >= b; });
      case Op::equal:
        return compare(node.operand, [](auto a, auto b) { return a == b; });
      case Op::not_equal:
        return compare(node.operand, [](auto a, auto b) { return a != b; });
      case Op::logical_and:
        return combine_truths(and_table);
      case Op::logical_or:
        return combine_truths(or_table);
    }
  }

  const std::vector<ExpressionNode>& nodes_;
  const std::vector<CodedPart>& parts_;
  const Batch* batch_ = nullptr;
  const std::uint32_t* rows_ = nullptr;  // those that are asked for; null: all
  std::size_t capacity_ = 0;
  std::size_t at_ = 0, count_ = 0;
  const Column* coded_column_ = nullptr;  // set while a coded table is built
  std::vector<Value> stack_;
  std::vector<Level> levels_;
  std::vector<std::string> arenas_;
  std::vector<CodedTable> tables_;
};

}  // namespace

struct Expression::Program {
  std::string text;
  std::vector<ExpressionNode> nodes;
  std::vector<CodedPart> parts;
  std::vector<std::size_t> columns;
  std::optional<Expression::TextEquality> text_equality;
  std::optional<Machine> machine;  // its arrays are kept from batch to batch
};

namespace {

std::optional<Expression::TextEquality> as_text_equality(const std::vector<ExpressionNode>& nodes) {
  if (nodes.size() != 3 || nodes[2].op != Op::equal) return std::nullopt;
  const bool column_first = nodes[0].op == Op::text_column;
  const ExpressionNode &column = nodes[column_first ? 0 : 1], &constant = nodes[column_first ? 1 : 0];
  if (column.op != Op::text_column || constant.op != Op::text_constant) return std::nullopt;
  return Expression::TextEquality{column.column, constant.text};
}

}  // namespace

Expression::Expression(std::unique_ptr<Program> program) : program_(std::move(program)) {}
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;
Expression::~Expression() = default;

Result<Expression> Expression::compile(std::string_view text, const StreamSpec& stream) {
  auto nodes = parse_expression(text, stream);
  if (!nodes) return nodes.error();
  auto program = std::make_unique<Program>();
  program->text = text;
  program->nodes = std::move(*nodes);
  program->parts = find_coded_parts(program->nodes);
  program->text_equality = as_text_equality(program->nodes);
  for (const ExpressionNode& node : program->nodes) {
    if (node.op <= Op::text_column) program->columns.push_back(node.column);
  }
  std::sort(program->columns.begin(), program->columns.end());
  program->columns.erase(std::unique(program->columns.begin(), program->columns.end()), program->columns.end());
  program->machine.emplace(program->nodes, program->parts);
  return Expression(std::move(program));
}

ExpressionKind Expression::kind() const { return program_->nodes.back().kind; }
const std::optional<Expression::TextEquality>& Expression::text_equality() const { return program_->text_equality; }
const std::string& Expression::text() const { return program_->text; }
const std::vector<std::size_t>& Expression::columns() const { return program_->columns; }

void Expression::test(const Batch& batch, std::vector<std::uint8_t>& out) const {
  out.resize(batch.rows);
  if (batch.rows == 0) return;
  Machine& machine = *program_->machine;
  machine.begin(batch);
  for (std::size_t from = 0; from < batch.rows; from += block_rows) {
    const std::size_t count = std::min(block_rows, batch.rows - from);
    const Value value = machine.run(from, count);
    std::copy_n(value.truth, count, out.begin() + static_cast<std::ptrdiff_t>(from));
  }
}

void Expression::test(const Batch& batch, std::span<const std::uint32_t> rows, std::vector<std::uint8_t>& out) const {
  if (out.size() < batch.rows) out.resize(batch.rows);
  Machine& machine = *program_->machine;
  machine.begin(batch, rows);
  for (std::size_t from = 0; from < rows.size(); from += block_rows) {
    const std::size_t count = std::min(block_rows, rows.size() - from);
    const Value value = machine.run(from, count);
    for (std::size_t i = 0; i < count; ++i) out[rows[from + i]] = value.truth[i];
  }
}

void Expression::compute(const Batch& batch, Column& out) const {
  out.clear();
  out.type = ColumnType::number;
  out.numbers.resize(batch.rows);
  out.null.resize(batch.rows);
  if (batch.rows == 0) return;
  const bool is_truth = kind() == ExpressionKind::truth;
  Machine& machine = *program_->machine;
  machine.begin(batch);
  for (std::size_t from = 0; from < batch.rows; from += block_rows) {
    const std::size_t count = std::min(block_rows, batch.rows - from);
    const Value value = machine.run(from, count);
    for (std::size_t i = 0; i < count; ++i) {
      const bool is_null = is_truth ? value.truth[i] == truth_unknown : value.null != nullptr && value.null[i] != 0;
      out.null[from + i] = is_null;
      if (!is_null) out.numbers[from + i] = is_truth ? static_cast<double>(value.truth[i]) : value.number[i];
    }
  }
}

}  // namespace tidewatch
