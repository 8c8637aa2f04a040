// See code_pages.h. Executable pages of a file are never written to, so they can be dropped; pages that may have been
// (relocated tables are read-only too by now) must not be.
#include "app/code_pages.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstring>

namespace tidewatch {

void give_back_code_pages() {
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return;
  char line[4352];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long from = 0, to = 0;
    char rights[5] = {};
    if (std::sscanf(line, "%lx-%lx %4s", &from, &to, rights) != 3) continue;
    if (std::strcmp(rights, "r-xp") != 0 || std::strchr(line, '/') == nullptr) continue;
    madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
  }
  std::fclose(maps);
}

}  // namespace tidewatch
