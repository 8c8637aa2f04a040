// Random expressions on random rows, three ways: ours, Lua itself where no null is touched, and a naive twin that walks
// the generated tree row by row with optional values. The text is written with as few parentheses as Lua needs, so the
// three also have to agree on precedence.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <optional>

extern "C" {
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
}

#include "records/expression.h"

using namespace tidewatch;

namespace {

constexpr std::uint64_t seed = 20260302;

// Columns: 0 ts, 1 a, 2 b (numbers, null at times), 3 n (integer), 4 s (category), 5 t (string), 6 f (boolean).
StreamSpec stream() {
  StreamSpec spec;
  spec.time = "ts";
  spec.schema.columns = {{"ts", ColumnType::time, false},   {"a", ColumnType::number, true},
                         {"b", ColumnType::number, true},   {"n", ColumnType::integer, false},
                         {"s", ColumnType::category, true}, {"t", ColumnType::string, true},
                         {"f", ColumnType::boolean, true}};
  return spec;
}

struct Tree {
  std::string op;  // operator or function; "" for a leaf
  std::string leaf;
  int column = -1;
  double number = 0;
  std::string text;
  bool truth = false;
  char kind = 'n';  // n t(ext) c(ondition)
  std::vector<Tree> parts;
};

struct Datum {
  bool is_null = false;
  double number = 0;
  std::string text;
  int truth = 0;  // Truth
};

class Generator {
 public:
  explicit Generator(std::uint64_t s) : random_(s) {}
  std::size_t pick(std::size_t n) { return random_() % n; }

  Tree condition(int depth) {
    const std::size_t k = depth <= 0 ? pick(2) : pick(9);
    if (k == 0) return column('c', 6, "f");
    if (k == 1) return compare(depth <= 0 ? 0 : depth - 1);
    if (k <= 3) return compare(depth - 1);
    if (k == 4) return node('c', "not", {condition(depth - 1)});
    if (k == 5) return node('c', pick(2) ? "and" : "or", {condition(depth - 1), condition(depth - 1)});
    if (k == 6) return node('c', pick(2) ? "and" : "or", {condition(depth - 1), condition(depth - 1)});
    if (k == 7) return node('c', pick(2) ? "starts_with" : "contains", {text(depth - 1), text(0)});
    return null_test(depth - 1);
  }

  Tree number(int depth, bool simple = false) {
    const std::size_t k = depth <= 0 ? pick(4) : pick(simple ? 7 : 13);
    if (k == 0) return column('n', 1, "a");
    if (k == 1) return column('n', 2, "b");
    if (k == 2) return column('n', 3, "n");
    if (k == 3) return constant();
    if (k <= 5) {
      static const char* ops[] = {"+", "-", "*"};
      return node('n', ops[pick(3)], {number(depth - 1, simple), number(depth - 1, simple)});
    }
    if (k == 6) return node('n', "neg", {number(depth - 1, simple)});
    if (k == 7) return node('n', "/", {number(depth - 1), number(depth - 1)});
    if (k == 8) return node('n', "%", {number(std::min(depth - 1, 1), true), number(0, true)});
    if (k == 9) {
      static const char* functions[] = {"abs", "floor", "ceil", "sqrt", "log", "exp"};
      return node('n', functions[pick(6)], {number(depth - 1)});
    }
    if (k == 10) return node('n', pick(2) ? "min" : "max", {number(depth - 1, true), number(depth - 1, true)});
    if (k == 11) return node('n', "coalesce", {number(depth - 1), number(depth - 1)});
    return pick(2) ? node('n', "len", {text(depth - 1)}) : node('n', "^", {number(depth - 1, true), two()});
  }

 private:
  Tree text(int depth) {
    const std::size_t k = depth <= 0 ? pick(3) : pick(6);
    if (k == 0) return column('t', 4, "s");
    if (k == 1) return column('t', 5, "t");
    if (k == 2) {
      static const char* words[] = {"", "a", "B", "ab", "bA", "b"};
      Tree tree;
      tree.kind = 't';
      tree.text = words[pick(6)];
      tree.leaf = "'" + tree.text + "'";
      return tree;
    }
    if (k == 3) return node('t', "..", {text(depth - 1), text(depth - 1)});
    if (k == 4) return node('t', pick(2) ? "lower" : "upper", {text(depth - 1)});
    return node('t', "coalesce", {text(depth - 1), text(depth - 1)});
  }
  Tree compare(int depth) {
    static const char* ops[] = {"<", ">", "<=", ">=", "==", "~="};
    const std::size_t kind = pick(5);
    if (kind == 0) return node('c', ops[4 + pick(2)], {condition(depth), condition(depth)});
    if (kind <= 2) return node('c', ops[pick(6)], {text(depth), text(depth)});
    return node('c', ops[pick(6)], {number(depth), number(depth)});
  }
  Tree null_test(int depth) {
    Tree inner = pick(3) == 0 ? condition(depth) : pick(2) ? number(depth) : text(depth);
    static const char* tests[] = {"== nil", "~= nil", "is_null"};
    return node('c', tests[pick(3)], {std::move(inner)});
  }
  Tree column(char kind, int index, std::string name) {
    Tree tree;
    tree.kind = kind;
    tree.column = index;
    tree.leaf = std::move(name);
    return tree;
  }
  Tree constant() {
    Tree tree;
    tree.number = static_cast<double>(pick(17)) / 4;
    char written[32];
    std::snprintf(written, sizeof written, "%.2f", tree.number);
    tree.leaf = written;
    return tree;
  }
  Tree two() {
    Tree tree;
    tree.number = 2;
    tree.leaf = "2.0";
    return tree;
  }
  Tree node(char kind, std::string op, std::vector<Tree> parts) {
    Tree tree;
    tree.kind = kind;
    tree.op = std::move(op);
    tree.parts = std::move(parts);
    return tree;
  }
  std::mt19937_64 random_;
};

int power_of(const Tree& tree) {
  if (tree.op.empty()) return 20;
  if (tree.op == "or") return 1;
  if (tree.op == "and") return 2;
  for (const char* op : {"<", ">", "<=", ">=", "==", "~=", "== nil", "~= nil"}) {
    if (tree.op == op) return 3;
  }
  if (tree.op == "..") return 5;
  if (tree.op == "+" || tree.op == "-") return 6;
  if (tree.op == "*" || tree.op == "/" || tree.op == "%") return 7;
  if (tree.op == "not" || tree.op == "neg") return 8;
  return tree.op == "^" ? 10 : 20;
}

std::string written(const Tree& tree) {
  if (tree.op.empty()) return tree.leaf;
  const int own = power_of(tree);
  const auto part = [&](std::size_t i, bool needs_more) {
    const Tree& inner = tree.parts[i];
    const bool wrap = power_of(inner) < own || (power_of(inner) == own && needs_more);
    return wrap ? "(" + written(inner) + ")" : written(inner);
  };
  if (tree.op == "not") return "not " + part(0, false);
  if (tree.op == "neg") return "- " + part(0, false);
  if (tree.op == "== nil" || tree.op == "~= nil") return part(0, false) + " " + tree.op;
  if (own == 20) {
    std::string out = tree.op + "(" + written(tree.parts[0]);
    for (std::size_t i = 1; i < tree.parts.size(); ++i) out += ", " + written(tree.parts[i]);
    return out + ")";
  }
  const bool to_the_right = tree.op == ".." || tree.op == "^";
  return part(0, to_the_right) + " " + tree.op + " " + part(1, !to_the_right);
}

Datum null_datum() {
  Datum out;
  out.is_null = true;
  out.truth = truth_unknown;
  return out;
}
Datum of(double v) {
  Datum out;
  out.number = v;
  return out;
}
Datum of(std::string v) {
  Datum out;
  out.text = std::move(v);
  return out;
}
Datum truth_of(bool v) {
  Datum out;
  out.truth = v;
  return out;
}

template <typename T>
bool compared(const std::string& op, const T& a, const T& b) {
  if (op == "<") return a < b;
  if (op == ">") return a > b;
  if (op == "<=") return a <= b;
  if (op == ">=") return a >= b;
  return op == "==" ? a == b : a != b;
}

// The twin: one row, one node at a time.
Datum naive(const Tree& tree, const std::vector<Datum>& row) {
  if (tree.op.empty()) {
    if (tree.column >= 0) return row[static_cast<std::size_t>(tree.column)];
    return tree.kind == 't' ? of(tree.text) : of(tree.number);
  }
  std::vector<Datum> in;
  for (const Tree& part : tree.parts) in.push_back(naive(part, row));
  const std::string& op = tree.op;
  if (op == "is_null" || op == "== nil") return truth_of(in[0].is_null);
  if (op == "~= nil") return truth_of(!in[0].is_null);
  if (op == "coalesce") return in[0].is_null ? in[1] : in[0];
  if (op == "and" || op == "or") {
    const int decides = op == "or";
    for (const Datum& one : in) {
      if (!one.is_null && one.truth == decides) return truth_of(decides);
    }
    return in[0].is_null || in[1].is_null ? null_datum() : truth_of(!decides);
  }
  for (const Datum& one : in) {
    if (one.is_null) return null_datum();
  }
  const double a = in[0].number, b = in.size() > 1 ? in[1].number : 0;
  if (op == "not") return truth_of(!in[0].truth);
  if (op == "neg") return of(-a);
  if (op == "+") return of(a + b);
  if (op == "-") return of(a - b);
  if (op == "*") return of(a * b);
  if (op == "/") return of(a / b);
  if (op == "%") return of(a - std::floor(a / b) * b);
  if (op == "^") return of(a * a);
  if (op == "abs") return of(std::fabs(a));
  if (op == "floor") return of(std::floor(a));
  if (op == "ceil") return of(std::ceil(a));
  if (op == "sqrt") return of(std::sqrt(a));
  if (op == "log") return of(std::log(a));
  if (op == "exp") return of(std::exp(a));
  if (op == "min") return of(std::min(a, b));
  if (op == "max") return of(std::max(a, b));
  if (op == "len") return of(static_cast<double>(in[0].text.size()));
  if (op == "..") return of(in[0].text + in[1].text);
  if (op == "starts_with") return truth_of(in[0].text.rfind(in[1].text, 0) == 0);
  if (op == "contains") return truth_of(in[0].text.find(in[1].text) != std::string::npos);
  if (op == "lower" || op == "upper") {
    std::string text = in[0].text;
    for (char& c : text) c = static_cast<char>(op == "lower" ? std::tolower(c) : std::toupper(c));
    return of(text);
  }
  if (tree.parts[0].kind == 't') return truth_of(compared(op, in[0].text, in[1].text));
  if (tree.parts[0].kind == 'c') return truth_of(compared(op, in[0].truth, in[1].truth));
  return truth_of(compared(op, a, b));
}

void read_columns(const Tree& tree, std::vector<bool>& used) {
  if (tree.column >= 0) used[static_cast<std::size_t>(tree.column)] = true;
  for (const Tree& part : tree.parts) read_columns(part, used);
}

bool same_number(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::fabs(a - b) <= 1e-12 * std::max(std::fabs(a), std::fabs(b));
}

constexpr const char* prelude = R"(
abs, min, max, sqrt, log, exp = math.abs, math.min, math.max, math.sqrt, math.log, math.exp
function floor(x) return math.floor(x) + 0.0 end
function ceil(x) return math.ceil(x) + 0.0 end
function len(s) return #s + 0.0 end
function is_null(x) return x == nil end
function coalesce(a, b) if a == nil then return b end return a end
lower, upper = string.lower, string.upper
function starts_with(s, p) return string.sub(s, 1, #p) == p end
function contains(s, p) return string.find(s, p, 1, true) ~= nil end
)";

}  // namespace

TEST_CASE("expressions equal Lua and a naive twin on random rows") {
  std::cout << "expression differential, seed " << seed << "\n";
  Generator generator(seed);
  lua_State* lua = luaL_newstate();
  luaL_openlibs(lua);
  REQUIRE(luaL_loadstring(lua, prelude) == 0);
  REQUIRE(lua_pcall(lua, 0, 0, 0) == 0);

  constexpr std::size_t row_count = 120;
  Batch batch = empty_batch(stream());
  batch.rows = row_count;
  std::vector<std::vector<Datum>> rows;
  static const char* words[] = {"a", "B", "ab", "aB", "", "bAb"};
  for (std::size_t r = 0; r < row_count; ++r) {
    std::vector<Datum> row = {of(0.0)};
    for (int k = 0; k < 3; ++k) row.push_back(of(static_cast<double>(generator.pick(33)) / (k == 2 ? 1 : 4) - 4));
    row[3].number = std::floor(row[3].number);
    row.push_back(of(std::string(words[generator.pick(6)])));
    row.push_back(of(std::string(words[generator.pick(6)])));
    row.push_back(truth_of(generator.pick(2) == 1));
    for (std::size_t c : {1, 2, 4, 5, 6}) {
      if (generator.pick(5) == 0) row[c] = null_datum();
    }
    for (std::size_t c = 0; c < row.size(); ++c) {
      Column& column = batch.columns[c];
      column.null.push_back(row[c].is_null);
      if (column.type == ColumnType::number) column.numbers.push_back(row[c].number);
      if (column.type == ColumnType::integer) column.integers.push_back(static_cast<std::int64_t>(row[c].number));
      if (column.type == ColumnType::time) column.integers.push_back(0);
      if (column.type == ColumnType::boolean) column.integers.push_back(row[c].truth == 1);
      if (column.type == ColumnType::string) column.codes.push_back(column.dictionary.add(row[c].text));
      if (column.type == ColumnType::category) {
        std::uint32_t code = 0;
        while (code < column.dictionary.size() && column.dictionary[code] != row[c].text) ++code;
        if (code == column.dictionary.size() && !row[c].is_null) column.dictionary.add(row[c].text);
        column.codes.push_back(row[c].is_null ? 0 : code);
      }
    }
    rows.push_back(std::move(row));
  }

  std::size_t twin_pairs = 0, lua_pairs = 0;
  for (int i = 0; i < 700; ++i) {
    const Tree tree = i % 3 == 0 ? generator.number(4) : generator.condition(4);
    const std::string text = written(tree);
    INFO("seed " << seed << ": " << text);
    auto expression = Expression::compile(text, stream());
    if (!expression) FAIL(expression.error().text);
    std::vector<std::uint8_t> truths;
    Column values;
    const bool is_truth = expression->kind() == ExpressionKind::truth;
    REQUIRE(is_truth == (tree.kind == 'c'));
    if (is_truth) {
      expression->test(batch, truths);
    } else {
      expression->compute(batch, values);
    }
    REQUIRE(luaL_loadstring(lua, ("local a, b, n, s, t, f = ...; return " + text).c_str()) == 0);
    std::vector<bool> used(7);
    read_columns(tree, used);
    for (std::size_t r = 0; r < row_count; ++r) {
      INFO("row " << r);
      const Datum twin = naive(tree, rows[r]);
      const bool is_null = is_truth ? truths[r] == truth_unknown : values.null[r] != 0;
      bool agrees = is_null == twin.is_null;
      if (agrees && !is_null) agrees = is_truth ? truths[r] == twin.truth : same_number(values.numbers[r], twin.number);
      if (!agrees) FAIL("the twin disagrees");
      ++twin_pairs;
      bool touches_null = false;
      for (std::size_t c = 0; c < 7; ++c) touches_null = touches_null || (used[c] && rows[r][c].is_null);
      if (touches_null) continue;
      lua_pushvalue(lua, -1);
      for (std::size_t c = 1; c < 4; ++c) lua_pushnumber(lua, rows[r][c].number);
      for (std::size_t c = 4; c < 6; ++c) lua_pushlstring(lua, rows[r][c].text.data(), rows[r][c].text.size());
      lua_pushboolean(lua, rows[r][6].truth == 1);
      if (lua_pcall(lua, 6, 1, 0) != 0) FAIL(lua_tostring(lua, -1));
      const bool same = is_truth ? lua_toboolean(lua, -1) == static_cast<int>(truths[r])
                                 : same_number(lua_tonumber(lua, -1), values.numbers[r]);
      lua_pop(lua, 1);
      if (!same) FAIL("Lua disagrees");
      ++lua_pairs;
    }
    lua_pop(lua, 1);
  }
  lua_close(lua);
  CHECK(twin_pairs >= 20000);
  CHECK(lua_pairs >= 20000);
}
