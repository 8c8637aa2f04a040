// From the text of an expression to checked nodes. Nodes stand in the order a stack machine runs them (operands first),
// so the evaluator needs no recursion and a long chain of operators no deep stack. Internal to expression.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "records/expression.h"
#include "records/schema.h"

namespace tidewatch {

enum class Op : std::uint8_t {
  // Leaves.
  number_column,
  integer_column,
  time_column,
  boolean_column,
  text_column,
  number_constant,
  text_constant,
  truth_constant,
  // One operand.
  negate,
  absolute,
  floor,
  ceiling,
  square_root,
  logarithm,
  exponential,
  length,
  lower,
  upper,
  logical_not,
  is_null,
  is_not_null,
  // Two operands.
  add,
  subtract,
  multiply,
  divide,
  modulo,
  power,
  minimum,
  maximum,
  concatenate,
  starts_with,
  contains,
  coalesce,
  less,
  less_equal,
  greater,
  greater_equal,
  equal,
  not_equal,
  logical_and,
  logical_or,
};

constexpr bool is_leaf(Op op) { return op <= Op::truth_constant; }
constexpr bool is_unary(Op op) { return op >= Op::negate && op <= Op::is_not_null; }

struct ExpressionNode {
  Op op = Op::number_constant;
  ExpressionKind kind = ExpressionKind::number;     // of the result
  ExpressionKind operand = ExpressionKind::number;  // of the operands, where an operator takes several kinds
  std::size_t first = 0;                            // where this node's operands begin; itself for a leaf
  std::size_t column = 0;                           // leaves over a column: index into Batch::columns
  double number = 0;                                // number_constant; truth_constant as 0 or 1
  std::string text;                                 // text_constant
};

// The last node is the root. Errors as Expression::compile states them.
Result<std::vector<ExpressionNode>> parse_expression(std::string_view text, const StreamSpec& stream);

}  // namespace tidewatch
