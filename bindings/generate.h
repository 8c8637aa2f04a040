// Documents made from the registry and from nothing else, so they cannot say what the code does not do.
#pragma once

#include <string>

namespace tidewatch {

std::string reference_markdown();  // docs/reference/script-api.md
std::string luacats_types();       // scripts/types/tidewatch.lua, for editors; raises when required
std::string luacheckrc();          // .luacheckrc: the globals a pack may read
std::string api_json();            // one object a registry entry

}  // namespace tidewatch
