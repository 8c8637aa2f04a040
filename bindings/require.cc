// Finding source text: files inside the pack's folder, and library names the host was given. Names are dotted words,
// so there is no way to spell a parent folder; a symbolic link that leads out is refused after resolving it.
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "bindings/host_state.h"

namespace tidewatch {
namespace {

bool is_module_name(std::string_view name) {
  if (name.empty() || name.size() > 200) return false;
  char before = '.';
  for (const char c : name) {
    const bool word =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (!word && !(c == '.' && before != '.')) return false;
    before = c;
  }
  return before != '.';
}

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

}  // namespace

Result<std::string> Host::State::read_source(const std::string& file) {
  namespace fs = std::filesystem;
  const std::string shown = options.chunk_prefix + "/" + file;
  std::error_code code;
  const fs::path root = fs::canonical(options.folder.empty() ? fs::path(".") : fs::path(options.folder), code);
  if (code) return not_found(shown + ": the folder " + options.folder + " cannot be read");
  const fs::path path = fs::canonical(root / file, code);
  if (code) return not_found(shown + ": no such file");
  const fs::path inside = path.lexically_relative(root);
  if (inside.empty() || *inside.begin() == "..")
    return invalid(shown + ": leads outside the pack's folder, where a pack may not read");
  if (!fs::is_regular_file(path, code)) return invalid(shown + ": expected a file");
  const auto size = fs::file_size(path, code);
  if (!code && size > max_source_bytes)
    return invalid(shown + ": a Lua file may be at most 1 MiB, got " + std::to_string(size) + " bytes");
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return io_error(shown + ": cannot be read");
  return text.str();
}

// require_load(name) -> chunk, or nil and a sentence. The caller (prelude.cc) runs it, so that yields cross.
int require_load(lua_State* state) {
  Host::State& host = Host::State::of(state);
  const std::string name(text_at(state, 1));
  const auto refuse = [&](const std::string& why) {
    lua_settop(state, 0);
    lua_pushnil(state);
    push_text(state, why);
    return 2;
  };
  const Context context = host.budget.context();
  if (context == Context::predicate || context == Context::monitor)
    return refuse("require \"" + name + "\": a file is read while the pack loads, not in a " +
                  std::string(name_of(context)) + "; require it at the top of the file");
  if (!is_module_name(name))
    return refuse("require \"" + name +
                  "\": expected a name inside the pack such as \"thresholds\" or \"lib.thresholds\"");
  Result<std::string> text = not_found("");
  std::string shown;
  if (starts_with(name, "tidewatch.") || starts_with(name, "runbooks.")) {
    shown = name + ".lua";
    if (!host.find_library) return refuse("require \"" + name + "\": this host has no libraries");
    text = host.find_library(name);
  } else {
    std::string file = name;
    for (char& c : file)
      if (c == '.') c = '/';
    file += ".lua";
    shown = host.options.chunk_prefix + "/" + file;
    text = host.read_source(file);
  }
  if (!text) return refuse("require \"" + name + "\": " + text.error().text);
  // Loading uses the main state's stack, so it must run there: the function is moved over when this is a coroutine.
  Outcome loaded = host.host->load_text(*text, shown);
  if (!loaded.ok()) {
    settle_or_raise(state);
    return refuse(loaded.message);
  }
  if (host.lua != state) lua_xmove(host.lua, state, 1);
  return 1;
}

}  // namespace tidewatch
