// Bodies in the database are zstd frames with their checksum switched on, so a flipped bit is an error, not data.
// The first of the fast levels: ingest waits for it, and columns that are packed already shrink little more at others.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace tidewatch {

std::string compress(std::string_view plain);                 // "" stays ""
Result<std::string> decompress(std::string_view compressed);  // refuses frames that claim over 1 GiB

}  // namespace tidewatch
