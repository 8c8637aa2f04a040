// The expression of share() and time_share(): one that is true or false. `example` is what the error proposes.
#pragma once

#include "metrics/families/family_of.h"
#include "records/expression.h"

namespace tidewatch {

Result<Expression> truth_expression(const FamilyInput& input, std::string_view example);

}  // namespace tidewatch
