#include "metrics/families/truth_expression.h"

namespace tidewatch {

Result<Expression> truth_expression(const FamilyInput& input, std::string_view example) {
  auto expression = Expression::compile(input.spec.expression, input.stream);
  if (!expression || expression->kind() == ExpressionKind::truth) return expression;
  return invalid(input.spec.metric + ": expected an expression that is true or false, such as \"" +
                 std::string(example) + "\", got \"" + input.spec.expression + "\"");
}

}  // namespace tidewatch
