// A request as the handlers see it and what they answer: plain data, no parser and no socket. Kept apart so that only
// one translation unit ever includes the parser's library.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidewatch {

struct HttpRequest {
  std::string method;                                        // "GET"
  std::string target;                                        // as it came
  std::string path;                                          // before `?`, percent-decoded
  std::vector<std::pair<std::string, std::string>> query;    // decoded, in order
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  bool keep_alive = true;

  std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : headers)
      if (key == name) return value;
    return {};
  }
  std::optional<std::string> parameter(std::string_view name) const {
    for (const auto& [key, value] : query)
      if (key == name) return value;
    return std::nullopt;
  }
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
  bool close = false;
};

std::string_view reason_phrase(int status);
// {"error": text} with the given status.
HttpResponse error_response(int status, std::string_view text);

}  // namespace tidewatch
