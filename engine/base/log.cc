// One event a line. The line is made here and handed to spdlog finished: spdlog stamps the time (UTC) and writes
// whole lines, and nothing but this file knows it. A log must never end the program, so a field with odd bytes is
// escaped, never refused.
#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "base/text.h"

namespace tidewatch::log {
namespace {

struct Output {
  Format format = Format::logfmt;
  std::shared_ptr<spdlog::logger> logger;
};

constexpr std::string_view level_name(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "error";
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

void set_pattern(const Output& output) {
  const char* pattern =
      output.format == Format::json ? R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ",%v)" : "ts=%Y-%m-%dT%H:%M:%S.%eZ %v";
  output.logger->set_pattern(pattern, spdlog::pattern_time_type::utc);
}

Output& output() {
  static Output it = [] {
    Output made;
    made.logger = std::make_shared<spdlog::logger>("tidewatch", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made.logger->set_level(spdlog::level::info);
    made.logger->flush_on(spdlog::level::debug);
    set_pattern(made);
    return made;
  }();
  return it;
}

// Keys are ours, but a stray space in one would still split the line in two meanings.
std::string key_of(std::string_view key) {
  std::string out(key);
  for (char& c : out) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
    if (!plain) c = '_';
  }
  return out.empty() ? "_" : out;
}

std::string logfmt_value(std::string_view value) {
  bool plain = !value.empty() && is_valid_utf8(value);
  for (const char c : value) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' || c == '\\' || c == 0x7f) plain = false;
  }
  return plain ? std::string(value) : "\"" + json_escape(value) + "\"";
}

}  // namespace

void configure(Level least, Format format) {
  output().format = format;
  output().logger->set_level(to_spdlog(least));
  set_pattern(output());
}

std::string render(Format format, Level level, std::string_view event, Fields fields) {
  std::string line;
  if (format == Format::json) {
    line = R"({"level":")" + std::string(level_name(level)) + R"(","event":")" + json_escape(event) + "\"";
    for (const auto& [key, value] : fields) line += ",\"" + json_escape(key) + "\":\"" + json_escape(value) + "\"";
    return line + "}";
  }
  line = "level=" + std::string(level_name(level)) + " event=" + logfmt_value(event);
  for (const auto& [key, value] : fields) line += " " + key_of(key) + "=" + logfmt_value(value);
  return line;
}

void write(Level level, std::string_view event, Fields fields) {
  Output& to = output();
  if (!to.logger->should_log(to_spdlog(level))) return;
  std::string line = render(to.format, level, event, fields);
  if (to.format == Format::json) line.erase(0, 1);  // the pattern opens the object with the time
  to.logger->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace tidewatch::log
