// The number (or text) a person compares a value with, for messages: {threshold} in an annotation, evidence rows.
#pragma once

#include <string>

#include "monitors/monitor_spec.h"

namespace tidewatch {

// above(25) -> "25", below(0.6) -> "0.6", outside(1, 5) -> "1 to 5", equals("x") -> "x", absent "5m" -> "5m"; joins and
// changed() have no single threshold and are described as written.
std::string threshold_text(const Condition& condition);

}  // namespace tidewatch
