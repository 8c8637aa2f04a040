// The packs of scripts/ that every pack may require by name, such as "tidewatch.anomaly". They are ordinary Lua without
// rights of their own; the build makes the list from the files.
#pragma once

#include <string_view>
#include <vector>

namespace tidewatch {

struct StockPack {
  std::string_view name, text;
};
const std::vector<StockPack>& stock_packs();  // in the order of their names

}  // namespace tidewatch
