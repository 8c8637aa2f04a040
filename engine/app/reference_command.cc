// Writes what is generated from the registry: the reference pages, api.json, the editor types and the luacheck
// settings. One command makes them all, so that a test can make them again and compare; a build step that writes into
// the source tree was decided against, because then a plain build would change files that are under version control.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "bindings/generate.h"

namespace tidewatch {

namespace fs = std::filesystem;

// FOLDER is docs/reference of a source tree: the editor types and .luacheckrc stand two folders above it.
int reference_command(const std::string& folder) {
  std::error_code error;
  const fs::path reference = fs::absolute(folder, error).lexically_normal();
  const fs::path pages = reference.filename().empty() ? reference.parent_path() : reference;
  const fs::path root = pages.parent_path().parent_path();
  const std::vector<std::pair<fs::path, std::string>> files = {
      {pages / "script-api.md", reference_markdown()},
      {pages / "api.json", api_json()},
      {root / "scripts" / "types" / "tidewatch.lua", luacats_types()},
      {root / ".luacheckrc", luacheckrc()},
  };
  for (const auto& [path, text] : files) {
    fs::create_directories(path.parent_path(), error);
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << text;
    out.close();
    if (!out) return complain("cannot write " + path.string(), 1);
    std::cout << path.lexically_relative(fs::current_path(error)).generic_string() << "\n";
  }
  return 0;
}

}  // namespace tidewatch
