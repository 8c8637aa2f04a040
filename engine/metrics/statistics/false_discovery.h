// Many tests at once: p-values adjusted so that the share of false ones among those at or below a rate is at most that
// rate. Source: Benjamini and Hochberg, J. R. Statist. Soc. B 57 (1995).
#pragma once

#include <algorithm>
#include <vector>

namespace tidewatch {

// `ascending`: p-values in order. Adjusted: the least p_j m / j of those from it on, at most 1; in the same order.
inline std::vector<double> adjusted_p_values(const std::vector<double>& ascending) {
  std::vector<double> out(ascending.size());
  double least = 1;
  for (std::size_t i = ascending.size(); i-- > 0;) {
    least = std::min(least, ascending[i] * static_cast<double>(ascending.size()) / static_cast<double>(i + 1));
    out[i] = least;
  }
  return out;
}

}  // namespace tidewatch
