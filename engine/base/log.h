// Log lines for operators: logfmt or JSON, one event a line, on stderr. Secrets never reach it: callers pass names.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace tidewatch::log {

enum class Level { debug, info, warning, error };
enum class Format { logfmt, json };

void configure(Level least, Format format);
using Fields = std::initializer_list<std::pair<std::string_view, std::string>>;
void write(Level level, std::string_view event, Fields fields = {});
// The line write() sends, without its time: `level=info event="pack loaded" monitors=12`, or the same as JSON (values
// stay text). In logfmt a value is quoted when empty or when it holds a blank, quote, `=`, backslash or odd byte.
std::string render(Format format, Level level, std::string_view event, Fields fields = {});

inline void debug(std::string_view e, Fields f = {}) { write(Level::debug, e, f); }
inline void info(std::string_view e, Fields f = {}) { write(Level::info, e, f); }
inline void warning(std::string_view e, Fields f = {}) { write(Level::warning, e, f); }
inline void error(std::string_view e, Fields f = {}) { write(Level::error, e, f); }

}  // namespace tidewatch::log
