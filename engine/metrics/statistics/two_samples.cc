// One walk over both samples: see two_samples.h.
#include "metrics/statistics/two_samples.h"

#include <algorithm>

namespace tidewatch {

TwoSamples distance(const Weighted& current, const Weighted& reference) {
  __extension__ typedef __int128 Wide;
  Wide n = 0, m = 0;
  for (const auto& [value, count] : current) n += count;
  for (const auto& [value, count] : reference) m += count;
  const double whole = static_cast<double>(n) * static_cast<double>(m);
  Wide i = 0, j = 0, most = 0;
  std::size_t a = 0, b = 0;
  TwoSamples out;
  double before = 0;
  while (a < current.size() || b < reference.size()) {
    const bool is_current = b >= reference.size() || (a < current.size() && current[a].first <= reference[b].first);
    const double at = is_current ? current[a].first : reference[b].first;
    Wide gap = i * m - j * n;
    if (gap < 0) gap = -gap;
    if (gap != 0) out.area += static_cast<double>(gap) / whole * (at - before);
    for (; a < current.size() && current[a].first == at; ++a) i += current[a].second;
    for (; b < reference.size() && reference[b].first == at; ++b) j += reference[b].second;
    gap = i * m - j * n;
    most = std::max(most, gap < 0 ? -gap : gap);
    before = at;
  }
  out.ks = static_cast<double>(most) / whole;
  return out;
}

}  // namespace tidewatch
