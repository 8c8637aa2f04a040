// CSV bodies to rows, after RFC 4180: quoted fields may hold commas, quotes (doubled) and line ends. Ours, because no
// packaged reader keeps the difference between an empty field (null) and "" (the empty text).
#pragma once

#include <string_view>

#include "base/result.h"
#include "records/row_builder.h"

namespace tidewatch {

// The first line is the header: columns may come in any order, be more (ignored, stated) or fewer (null when nullable,
// else each row is rejected). A malformed row is rejected up to the end of its line. Fails only on a header that names
// a column twice.
Done read_csv(std::string_view body, RowBuilder& builder);

}  // namespace tidewatch
