// Which bins are in force for a window that is compared with the time before it. They are cut from the first reference
// that is there in full, and anew every `rebin`; both at instants that follow from the rows alone (the series' first
// row and the spans asked for), never from when somebody reads, so every run cuts the same. A cut is kept once no row
// its reference has can still come; until then it is made when it is asked for.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "metrics/families/family.h"

namespace tidewatch {

struct TrailingCuts {
  Instant next = far_past;  // where the next cut is tried; far_past: where the reference is first there in full
  std::vector<std::pair<Instant, std::unique_ptr<FamilyState>>> made;  // oldest first; final

  // The newest made for windows that begin at `from` or later; null when none is.
  const FamilyState* at(Instant from) const {
    const FamilyState* found = nullptr;
    for (const auto& [since, cut] : made)
      if (since <= from) found = cut.get();
    return found;
  }
  void write(const Family& family, ByteWriter& out) const;
  bool read(const Family& family, ByteReader& in);
};

}  // namespace tidewatch
