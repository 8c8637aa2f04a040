#include "app/json_text.h"

#include <nlohmann/json.hpp>

namespace tidewatch {

JsonText& JsonText::number(double value) {
  next();
  out_ += nlohmann::json(value).dump();
  return *this;
}

}  // namespace tidewatch
