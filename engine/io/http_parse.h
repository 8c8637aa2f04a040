// Bytes to requests, strictly: a request that two servers could read differently (both lengths, folded headers, bare
// line feeds, two Hosts) is refused, not guessed at. Boost.Beast's parser does the grammar and lives in http_parse.cc
// alone; a parser of our own was decided against, as it was the strictest of those tried.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "io/http_message.h"

namespace tidewatch {

struct HttpLimits {
  std::size_t header = std::size_t{16} << 10;
  std::size_t body = std::size_t{32} << 20;
};

// One connection's requests, one after the other.
class HttpParser {
 public:
  enum class State { idle, header, body, done, failed };

  explicit HttpParser(HttpLimits limits);
  ~HttpParser();

  // Takes bytes; what belongs to later requests waits inside. In done or failed nothing is looked at.
  void feed(std::string_view bytes);
  State state() const { return state_; }
  // After `done`: the request; the parser then goes on with what it already holds (state() may be done again).
  HttpRequest take();
  // After `failed`: the answer to give before closing.
  int status() const { return status_; }
  const std::string& problem() const { return problem_; }
  // True once per request that asked for `100 Continue` and whose body has not come yet.
  bool take_expects_continue();
  std::size_t waiting() const { return in_.size(); }

 private:
  struct Beast;
  void advance();
  void begin_body(std::size_t header_end);
  void fail(int status, std::string problem);

  HttpLimits limits_;
  State state_ = State::idle;
  std::string in_;
  std::size_t scanned_ = 0;
  bool expects_continue_ = false;
  int status_ = 0;
  std::string problem_;
  std::unique_ptr<Beast> beast_;
};

}  // namespace tidewatch
