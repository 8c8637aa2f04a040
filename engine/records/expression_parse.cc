// A Pratt parser with Lua's precedences that checks types as it goes: at every operator both operands' kinds are known,
// so the caret can stand under the operand that is wrong. `nil` is never a value here, only the other side of a null
// test.
#include "records/expression_parse.h"

#include <array>
#include <optional>

#include "base/text.h"
#include "base/time.h"
#include "records/expression_tokens.h"

namespace tidewatch {

namespace {

constexpr std::size_t longest_text = 16 * 1024;
constexpr std::size_t most_nodes = 1000;
constexpr int deepest = 100;

struct Operand {
  ExpressionKind kind = ExpressionKind::number;
  bool is_nil = false;
  bool is_time = false;             // a time column: a number that may be compared with the text of a time
  std::size_t first = 0, root = 0;  // nodes
  std::size_t from = 0, to = 0;     // bytes of the text
};

std::string_view kind_text(const Operand& operand) {
  if (operand.is_nil) return "nil";
  if (operand.is_time) return "a time";
  switch (operand.kind) {
    case ExpressionKind::number:
      return "a number";
    case ExpressionKind::text:
      return "a text";
    case ExpressionKind::truth:
      return "a condition";
  }
  return "a value";
}

struct Operator {
  std::string_view word;
  Op op;
  int left, right;  // binding powers: right < left makes it associate to the right
};
constexpr std::array<Operator, 15> operators = {{
    {"or", Op::logical_or, 1, 1},
    {"and", Op::logical_and, 2, 2},
    {"<", Op::less, 3, 3},
    {">", Op::greater, 3, 3},
    {"<=", Op::less_equal, 3, 3},
    {">=", Op::greater_equal, 3, 3},
    {"==", Op::equal, 3, 3},
    {"~=", Op::not_equal, 3, 3},
    {"..", Op::concatenate, 5, 4},
    {"+", Op::add, 6, 6},
    {"-", Op::subtract, 6, 6},
    {"*", Op::multiply, 7, 7},
    {"/", Op::divide, 7, 7},
    {"%", Op::modulo, 7, 7},
    {"^", Op::power, 10, 9},
}};
constexpr int unary_power = 8;

enum class Takes : std::uint8_t { number, text, same, any };
struct Function {
  std::string_view name;
  Op op;
  Takes takes;
  std::size_t least, most;
  ExpressionKind result;  // `same`: of the arguments
};
constexpr std::size_t any_number = 64;
constexpr std::array<Function, 15> functions = {{
    {"abs", Op::absolute, Takes::number, 1, 1, ExpressionKind::number},
    {"min", Op::minimum, Takes::number, 1, any_number, ExpressionKind::number},
    {"max", Op::maximum, Takes::number, 1, any_number, ExpressionKind::number},
    {"floor", Op::floor, Takes::number, 1, 1, ExpressionKind::number},
    {"ceil", Op::ceiling, Takes::number, 1, 1, ExpressionKind::number},
    {"sqrt", Op::square_root, Takes::number, 1, 1, ExpressionKind::number},
    {"log", Op::logarithm, Takes::number, 1, 1, ExpressionKind::number},
    {"exp", Op::exponential, Takes::number, 1, 1, ExpressionKind::number},
    {"len", Op::length, Takes::text, 1, 1, ExpressionKind::number},
    {"is_null", Op::is_null, Takes::any, 1, 1, ExpressionKind::truth},
    {"coalesce", Op::coalesce, Takes::same, 1, any_number, ExpressionKind::number},
    {"lower", Op::lower, Takes::text, 1, 1, ExpressionKind::text},
    {"upper", Op::upper, Takes::text, 1, 1, ExpressionKind::text},
    {"starts_with", Op::starts_with, Takes::text, 2, 2, ExpressionKind::truth},
    {"contains", Op::contains, Takes::text, 2, 2, ExpressionKind::truth},
}};

class Parser {
 public:
  Parser(std::string_view text, std::vector<Token> tokens, const StreamSpec& stream)
      : text_(text), tokens_(std::move(tokens)), stream_(stream) {}

  Result<std::vector<ExpressionNode>> run() {
    Operand root;
    if (tokens_.size() == 1) {
      fail(0, 0, "expected an expression, got nothing");
    } else if (parse(0, root)) {
      if (root.is_nil) {
        fail(root.from, root.to, "nil alone is no expression; compare a column with it");
      } else if (peek().kind != Token::Kind::end) {
        fail(peek().from, peek().to, "expected an operator or the end, got " + written(peek()));
      }
    }
    if (fault_) return *fault_;
    return std::move(nodes_);
  }

 private:
  const Token& peek() const { return tokens_[at_]; }
  bool is_symbol(std::string_view s) const { return peek().kind == Token::Kind::symbol && peek().word == s; }
  std::string written(const Token& token) const {
    if (token.kind == Token::Kind::end) return "the end";
    return "\"" + std::string(text_.substr(token.from, token.to - token.from)) + "\"";
  }
  bool fail(std::size_t from, std::size_t to, const std::string& message) {
    if (!fault_) fault_ = fault_at(text_, from, to, message);
    return false;
  }
  bool fail(const Operand& at, const std::string& message) { return fail(at.from, at.to, message); }

  bool emit(ExpressionNode node, Operand& out) {
    if (nodes_.size() >= most_nodes) return fail(out.from, out.to, "the expression has more than 1,000 parts");
    out.kind = node.kind;
    out.root = nodes_.size();
    if (is_leaf(node.op)) out.first = out.root;
    node.first = out.first;
    nodes_.push_back(std::move(node));
    return true;
  }

  const Operator* binary() const {
    if (peek().kind != Token::Kind::symbol && peek().kind != Token::Kind::name) return nullptr;
    for (const Operator& one : operators) {
      if (one.word == peek().word) return &one;
    }
    return nullptr;
  }

  bool parse(int least, Operand& left) {
    if (++depth_ > deepest) return fail(peek().from, peek().to, "nested deeper than 100");
    if (!prefix(left)) return false;
    for (const Operator* op = binary(); op != nullptr && op->left > least; op = binary()) {
      const Token& sign = tokens_[at_++];
      Operand right;
      if (!parse(op->right, right) || !combine(*op, sign, left, right)) return false;
    }
    --depth_;
    return true;
  }

  bool prefix(Operand& out) {
    const Token& token = peek();
    out = Operand{};
    out.from = token.from;
    out.to = token.to;
    ExpressionNode node;
    switch (token.kind) {
      case Token::Kind::number:
        ++at_;
        node.number = token.number;
        return emit(std::move(node), out);
      case Token::Kind::text:
        ++at_;
        node.op = Op::text_constant;
        node.kind = ExpressionKind::text;
        node.text = token.text;
        return emit(std::move(node), out);
      case Token::Kind::name:
        return named(out);
      case Token::Kind::symbol:
        break;
      case Token::Kind::end:
        return fail(token.from, token.to, "expected a value, got the end");
    }
    if (is_symbol("-")) return unary(Op::negate, ExpressionKind::number, out);
    if (is_symbol("#")) return fail(token.from, token.to, "unknown operator \"#\" (did you mean \"len(...)\"?)");
    if (!is_symbol("(")) return fail(token.from, token.to, "expected a value, got " + written(token));
    const std::size_t from = token.from;
    ++at_;
    if (!parse(0, out)) return false;
    if (!is_symbol(")")) return fail(peek().from, peek().to, "expected \")\", got " + written(peek()));
    out.from = from;
    out.to = tokens_[at_++].to;
    return true;
  }

  bool unary(Op op, ExpressionKind kind, Operand& out) {
    const Token& sign = tokens_[at_++];
    if (!parse(unary_power, out)) return false;
    if (!wants(out, kind, "\"" + std::string(sign.word) + "\"")) return false;
    out.from = sign.from;
    out.is_time = false;
    ExpressionNode node;
    node.op = op;
    node.kind = node.operand = kind;
    return emit(std::move(node), out);
  }

  bool wants(const Operand& operand, ExpressionKind kind, const std::string& who) {
    if (!operand.is_nil && operand.kind == kind) return true;
    Operand wanted;
    wanted.kind = kind;
    return fail(operand, who + " needs " + std::string(kind_text(wanted)) + ", got " + std::string(kind_text(operand)));
  }

  bool named(Operand& out) {
    const Token& token = peek();
    if (token.word == "not") return unary(Op::logical_not, ExpressionKind::truth, out);
    if (token.word == "and" || token.word == "or") {
      return fail(token.from, token.to, "expected a value, got " + written(token));
    }
    ++at_;
    if (token.word == "nil") {
      out.is_nil = true;
      return true;
    }
    if (token.word == "true" || token.word == "false") {
      ExpressionNode node;
      node.op = Op::truth_constant;
      node.kind = ExpressionKind::truth;
      node.number = token.word == "true";
      return emit(std::move(node), out);
    }
    if (is_symbol("(")) return call(token, out);
    return column(token.word, token.from, token.to, out);
  }

  bool column(std::string_view name, std::size_t from, std::size_t to, Operand& out) {
    ExpressionNode node;
    if (const auto found = stream_.schema.find(name)) {
      node.column = *found;
      switch (stream_.schema.columns[*found].type) {
        case ColumnType::number:
          node.op = Op::number_column;
          break;
        case ColumnType::integer:
          node.op = Op::integer_column;
          break;
        case ColumnType::time:
          node.op = Op::time_column;
          out.is_time = true;
          break;
        case ColumnType::boolean:
          node.op = Op::boolean_column;
          node.kind = ExpressionKind::truth;
          break;
        case ColumnType::string:
        case ColumnType::category:
          node.op = Op::text_column;
          node.kind = ExpressionKind::text;
          break;
      }
      return emit(std::move(node), out);
    }
    std::vector<std::string> known = stream_.schema.names();
    for (std::size_t i = 0; i < stream_.derived.size(); ++i) {
      if (stream_.derived[i].name == name) {
        node.op = Op::number_column;
        node.column = stream_.schema.columns.size() + i;
        return emit(std::move(node), out);
      }
      known.push_back(stream_.derived[i].name);
    }
    return fail(from, to, "unknown column \"" + std::string(name) + "\"" + did_you_mean(name, known));
  }

  // previous(close) and previous(close, symbol): a column that is filled when rows are in order.
  bool previous(const Token& name, Operand& out) {
    std::string canonical = "previous(";
    std::size_t count = 0;
    ++at_;
    for (; !is_symbol(")"); ++count) {
      if (count > 0 && !is_symbol(","))
        return fail(peek().from, peek().to, "expected \",\" or \")\", got " + written(peek()));
      if (count > 0) ++at_;
      const Token& token = peek();
      if (token.kind != Token::Kind::name)
        return fail(token.from, token.to,
                    "previous() takes columns, as in previous(close, symbol); got " + written(token));
      Operand argument;
      std::vector<ExpressionNode> kept = nodes_;
      if (!column(token.word, token.from, token.to, argument)) return false;
      nodes_ = std::move(kept);
      if (count == 0 && argument.kind != ExpressionKind::number)
        return fail(token.from, token.to, "previous() needs a number, got " + std::string(kind_text(argument)));
      canonical += (count > 0 ? ", " : "") + std::string(token.word);
      ++at_;
    }
    const std::size_t to = tokens_[at_++].to;
    if (count == 0) return fail(name.from, to, "previous() needs a column, as in previous(close)");
    canonical += ")";
    for (const DerivedSpec& each : stream_.derived)
      if (each.name == canonical) return column(canonical, name.from, to, out);
    return fail(name.from, to,
                "previous() is for derived columns: stream:derive { change = \"close - previous(close)\" }");
  }

  bool call(const Token& name, Operand& out) {
    if (name.word == "previous") return previous(name, out);
    const Function* function = nullptr;
    std::vector<std::string> known = {"previous"};
    for (const Function& one : functions) {
      if (one.name == name.word) function = &one;
      known.emplace_back(one.name);
    }
    if (function == nullptr) {
      return fail(name.from, name.to,
                  "unknown function \"" + std::string(name.word) + "\"" + did_you_mean(name.word, known));
    }
    ++at_;
    const std::string who = std::string(name.word) + "()";
    std::size_t count = 0;
    out.first = nodes_.size();
    Operand first;
    while (!is_symbol(")")) {
      if (count > 0) {
        if (!is_symbol(",")) return fail(peek().from, peek().to, "expected \",\" or \")\", got " + written(peek()));
        ++at_;
      }
      Operand argument;
      if (!parse(0, argument)) return false;
      if (++count > function->most) {
        return fail(argument, who + " takes " + std::to_string(function->most) + " values, got more");
      }
      if (!check_argument(*function, who, first, argument, count)) return false;
      if (count == 1) first = argument;
      if (count > 1 && !apply(*function, first.kind, out)) return false;
    }
    const std::size_t to = tokens_[at_++].to;
    if (count < function->least) {
      return fail(name.from, to,
                  who + " needs " + std::to_string(function->least) + (function->least == 1 ? " value" : " values") +
                      ", got " + std::to_string(count));
    }
    if (is_unary(function->op) && !apply(*function, first.kind, out)) return false;
    if (count == 1 && !is_unary(function->op)) out.root = first.root;
    out.kind = function->takes == Takes::same ? first.kind : function->result;
    out.from = name.from;
    out.to = to;
    return true;
  }

  bool check_argument(const Function& function, const std::string& who, const Operand& first, const Operand& argument,
                      std::size_t count) {
    switch (function.takes) {
      case Takes::number:
        return wants(argument, ExpressionKind::number, who);
      case Takes::text:
        return wants(argument, ExpressionKind::text, who);
      case Takes::same:
        if (count > 1) return wants(argument, first.kind, who + " after " + std::string(kind_text(first)));
        [[fallthrough]];
      case Takes::any:
        return argument.is_nil ? fail(argument, who + " needs a value, got nil") : true;
    }
    return false;
  }

  bool apply(const Function& function, ExpressionKind operand, Operand& out) {
    ExpressionNode node;
    node.op = function.op;
    node.operand = operand;
    node.kind = function.takes == Takes::same ? operand : function.result;
    return emit(std::move(node), out);
  }

  bool combine(const Operator& op, const Token& sign, Operand& left, Operand& right) {
    ExpressionNode node;
    node.op = op.op;
    const std::string who = "\"" + std::string(sign.word) + "\"";
    const bool is_equality = op.op == Op::equal || op.op == Op::not_equal;
    if (left.is_nil || right.is_nil) {
      if (!is_equality) return fail(left.is_nil ? left : right, who + " with nil; only == and ~= test for null");
      if (left.is_nil && right.is_nil) return fail(sign.from, sign.to, "nil is compared with itself");
      return null_test(op.op == Op::equal, left, right);
    }
    if (op.op == Op::logical_and || op.op == Op::logical_or) {
      if (!wants(left, ExpressionKind::truth, who) || !wants(right, ExpressionKind::truth, who)) return false;
      node.kind = node.operand = ExpressionKind::truth;
    } else if (op.left == 3) {
      if (!read_time(left, right) || !read_time(right, left)) return false;
      if (left.kind != right.kind) {
        return fail(left.from, right.to,
                    "cannot compare " + std::string(kind_text(left)) + " with " + std::string(kind_text(right)));
      }
      if (left.kind == ExpressionKind::truth && !is_equality) {
        return fail(left.from, right.to, who + " needs numbers or texts, got conditions");
      }
      node.kind = ExpressionKind::truth;
      node.operand = left.kind;
    } else {
      node.kind = node.operand = op.op == Op::concatenate ? ExpressionKind::text : ExpressionKind::number;
      if (!wants(left, node.kind, who) || !wants(right, node.kind, who)) return false;
    }
    left.to = right.to;
    left.is_time = false;
    return emit(std::move(node), left);
  }

  bool null_test(bool wants_null, Operand& left, const Operand& right) {
    const std::size_t from = left.from, to = right.to;
    if (left.is_nil) left = right;
    left.from = from;
    left.to = to;
    left.is_nil = left.is_time = false;
    ExpressionNode node;
    node.op = wants_null ? Op::is_null : Op::is_not_null;
    node.operand = left.kind;
    node.kind = ExpressionKind::truth;
    return emit(std::move(node), left);
  }

  // `ts >= "2026-03-01"`: the text beside a time column is read as a time of the stream's zone, once, here.
  bool read_time(const Operand& time, Operand& other) {
    if (!time.is_time || other.is_nil || nodes_[other.root].op != Op::text_constant) return true;
    ExpressionNode& node = nodes_[other.root];
    const Result<Instant> parsed = parse_instant(node.text, stream_.zone);
    if (!parsed) return fail(other, "expected a time beside a time column, got \"" + node.text + "\"");
    node.op = Op::number_constant;
    node.number = static_cast<double>(parsed->ns) / 1e9;
    node.kind = other.kind = ExpressionKind::number;
    return true;
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  const StreamSpec& stream_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::vector<ExpressionNode> nodes_;
  std::optional<Error> fault_;
};

}  // namespace

Result<std::vector<ExpressionNode>> parse_expression(std::string_view text, const StreamSpec& stream) {
  if (text.size() > longest_text) {
    return invalid("an expression of " + with_thousands(text.size()) + " bytes; at most 16,384 are read");
  }
  auto tokens = tokens_of(text);
  if (!tokens) return tokens.error();
  return Parser(text, std::move(*tokens), stream).run();
}

std::vector<DerivedSpec> Expression::previous_columns(std::string_view text) {
  std::vector<DerivedSpec> out;
  const auto tokens = tokens_of(text);
  if (!tokens) return out;
  const auto is = [&](std::size_t i, std::string_view symbol) {
    return i < tokens->size() && (*tokens)[i].kind == Token::Kind::symbol && (*tokens)[i].word == symbol;
  };
  for (std::size_t i = 0; i + 1 < tokens->size(); ++i) {
    if ((*tokens)[i].kind != Token::Kind::name || (*tokens)[i].word != "previous" || !is(i + 1, "(")) continue;
    std::vector<std::string> names;
    std::size_t at = i + 2;
    while (at < tokens->size() && (*tokens)[at].kind == Token::Kind::name) {
      names.emplace_back((*tokens)[at].word);
      if (!is(++at, ",")) break;
      ++at;
    }
    if (names.empty() || !is(at, ")")) continue;  // compile() says what is wrong
    DerivedSpec one;
    for (const std::string& name : names) one.name += (one.name.empty() ? "previous(" : ", ") + name;
    one.name += ")";
    one.previous_of = names[0];
    one.previous_by.assign(names.begin() + 1, names.end());
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace tidewatch
