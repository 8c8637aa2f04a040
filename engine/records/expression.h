// `where` expressions and derived columns: Lua's syntax over column names, SQL's null rules, run on whole columns.
// A differential test holds it equal to Lua itself on random rows.
//
//   operators  or, and, not, < > <= >= == ~=, + - * / % ^, unary -, .. (text), parentheses
//   literals   numbers, 'text', "text", true, false, nil
//   functions  abs(x) min(a, b...) max(a, b...) floor(x) ceil(x) sqrt(x) log(x) exp(x) len(s) is_null(x) coalesce(a,
//   b...)
//              lower(s) upper(s) starts_with(s, p) contains(s, p)
//   nulls      three-valued: a comparison with a null is unknown, unknown or true is true, `x == nil` and `x ~= nil`
//              are the null tests themselves; arithmetic on a null is null
//   times      a time column is a number (seconds since the epoch); beside it a text is read as a time: ts >=
//   '2026-03-01' types      checked at load against the schema; comparing text with a number is an error with a caret
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "records/batch.h"

namespace tidewatch {

enum Truth : std::uint8_t { truth_false = 0, truth_true = 1, truth_unknown = 2 };

enum class ExpressionKind { truth, number, text };

class Expression {
 public:
  // Parses and type-checks. The error text holds the expression, a caret under the fault, and the nearest column.
  // Derived columns of `stream` may be read (they must be declared earlier); previous(c) is the one of that name.
  static Result<Expression> compile(std::string_view text, const StreamSpec& stream);
  // The previous(...) an expression uses, in its order: columns that must be derived before it is compiled. Names of
  // columns are not looked up here.
  static std::vector<DerivedSpec> previous_columns(std::string_view text);
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;
  ~Expression();

  ExpressionKind kind() const;
  const std::string& text() const;
  const std::vector<std::size_t>& columns() const;  // indices it reads, ascending

  // Set when the whole expression is `column == "text"`: whoever has many of those can answer them all in one pass.
  struct TextEquality {
    std::size_t column = 0;
    std::string text;
  };
  const std::optional<TextEquality>& text_equality() const;

  // One Truth a row. kind() must be truth. Arrays are kept between calls: one thread at a time.
  void test(const Batch& batch, std::vector<std::uint8_t>& out) const;
  // The same for some rows of the batch: out[row] for each, what stands at other rows has no meaning.
  void test(const Batch& batch, std::span<const std::uint32_t> rows, std::vector<std::uint8_t>& out) const;
  // A number column (nulls where an input was null; division by zero and other non-finite results stay as they are).
  void compute(const Batch& batch, Column& out) const;

 private:
  struct Program;
  explicit Expression(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program_;
};

}  // namespace tidewatch
