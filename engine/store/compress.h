// Bodies in the database are zstd frames with their checksum switched on, so a flipped bit is an error, not data.
// Level 1: ingest waits for it, and columnar batches shrink well at any level.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace tidewatch {

std::string compress(std::string_view plain);                 // "" stays ""
Result<std::string> decompress(std::string_view compressed);  // refuses frames that claim over 1 GiB

}  // namespace tidewatch
