// The ways sha256_hex (base/text.h) may go, for a test to compare them.
#pragma once

#include <string>
#include <string_view>

namespace tidewatch {

// Without the processor's instructions for it.
std::string sha256_hex_plain(std::string_view s);

}  // namespace tidewatch
