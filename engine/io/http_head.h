// The grammar of a request's head, a line at a time (RFC 9112): each line has one reading or is refused with the status
// that says why. Kept apart from the machine that finds the lines, so that the rules can be read on one page. Being
// liberal was decided against: every leniency is a way for two servers to read one request differently.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/http_message.h"

namespace tidewatch {

struct HttpProblem {
  int status = 0;  // 0: none
  std::string text;
  explicit operator bool() const { return status != 0; }
};

// What follows the head, and what the connection does after it.
struct HttpFraming {
  std::uint64_t length = 0;  // of the body in bytes; 0 when it is chunked or there is none
  bool is_chunked = false;
  bool wants_continue = false;  // Expect: 100-continue
};

// `METHOD TARGET HTTP/1.x` without its CR LF. Fills method, target, path, query and `minor` (0 or 1); an absolute
// target puts its authority into `host`.
HttpProblem read_request_line(std::string_view line, HttpRequest& request, int& minor, std::string& host);

// `name: value` without its CR LF: the name in lower case, the value without blanks around it.
HttpProblem read_field(std::string_view line, std::string& name, std::string& value);

// All fields are there: Host, the length of the body, Connection and Expect. Sets keep_alive; a Host that an absolute
// target overrides is replaced, as RFC 9112 (3.2.2) asks.
HttpProblem judge_fields(HttpRequest& request, int minor, const std::string& host, HttpFraming& framing);

// `SIZE[;extensions]` of a chunk without its CR LF.
HttpProblem read_chunk_size(std::string_view line, std::uint64_t& size);

bool is_token_character(char c);

}  // namespace tidewatch
