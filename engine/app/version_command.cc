#include <cstdio>

#include "app/commands.h"

namespace tidewatch {

int version_command(bool json) {
  std::printf(json ? "{\"version\": \"%s\", \"compiler\": \"%s\"}\n" : "tidewatch %s (%s)\n", TIDEWATCH_VERSION,
              __VERSION__);
  return 0;
}

}  // namespace tidewatch
