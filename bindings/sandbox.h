// The allow-list: which names a pack sees, and the sentences for those it knows from elsewhere and does not get.
#pragma once

#include <string>
#include <string_view>

namespace tidewatch {

// What to write instead of an absent name ("os.time", "load"), or "" when there is nothing to say.
std::string_view advice_for(std::string_view name);

}  // namespace tidewatch
