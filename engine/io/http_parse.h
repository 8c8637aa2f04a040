// Bytes to requests. Every decision is made on a whole line, or on a line grown beyond its limit, never on where a read
// happened to end: any split of the same bytes gives the same requests and the same refusal. A body's bytes go from the
// socket's buffer into the request and nowhere else. A library's parser was used before and given up (decision 0011):
// it took trailers for headers, and every strictness needed a second reading of the same bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "io/http_head.h"

namespace tidewatch {

struct HttpLimits {
  std::size_t header = std::size_t{16} << 10;  // the head with its empty line; trailers as much again
  std::size_t target = std::size_t{8} << 10;   // the request line
  std::size_t fields = 100;
  std::size_t body = std::size_t{32} << 20;
};

// Asked once a request when its head is read and nothing of its body: is it worth reading?
class HttpHeadJudge {
 public:
  virtual ~HttpHeadJudge() = default;
  // False: refused, the body is not read. `most` comes in as the limit of any body and may be lowered.
  virtual bool accept(const HttpRequest& head, std::size_t& most) = 0;
};

// One connection's requests, one after the other.
class HttpParser {
 public:
  // idle: nothing of a request is here. refused: by the judge. In done, refused and failed bytes are kept, not read.
  enum class State { idle, header, body, done, refused, failed };

  // Both are borrowed; without a judge all heads are accepted.
  explicit HttpParser(const HttpLimits& limits, HttpHeadJudge* judge = nullptr);
  explicit HttpParser(const HttpLimits&&, HttpHeadJudge* = nullptr) = delete;

  void feed(std::string_view bytes);
  State state() const { return state_; }
  // After `done`, or `refused` without a body: the request. go_on() then reads what was kept.
  HttpRequest take();
  void go_on();
  // After `refused`: whether a body follows, so that nothing behind it can be read.
  bool has_body() const { return framing_.is_chunked || framing_.length > 0; }
  // After `failed`: the answer to give before closing.
  const HttpProblem& problem() const { return problem_; }
  // True once per request that asked for `100 Continue` and whose body has not come yet.
  bool take_expects_continue();
  // Bytes of memory held for this connection, about.
  std::size_t held() const { return in_.capacity() + request_.body.capacity(); }
  std::size_t body_received() const { return request_.body.size(); }

 private:
  enum class Step { request_line, fields, body, chunk_size, chunk, chunk_end, trailers, end };
  enum class Line { whole, partial, too_long };

  void rest();  // after reading: what is left is kept
  std::size_t advance(std::string_view bytes);
  bool step(std::string_view bytes, std::size_t& at);  // false: needs more bytes, or is at its end
  bool line_step(std::string_view line);
  bool append_body(std::string_view bytes, std::size_t& at);
  Line next_line(std::string_view bytes, std::size_t& at, std::size_t most, std::string_view& line);
  void end_head();
  void end_body();
  bool fail(HttpProblem problem);
  std::size_t most_of_line() const;
  void fail_too_long();

  const HttpLimits* limits_;
  HttpHeadJudge* judge_;
  State state_ = State::idle;
  Step step_ = Step::request_line;
  bool has_skipped_ = false;  // the one empty line a request may have before it
  bool expects_continue_ = false;
  int minor_ = 1;
  HttpFraming framing_;
  std::size_t lines_ = 0;    // bytes of this head, or of these trailers
  std::size_t scanned_ = 0;  // of the line that is not whole yet
  std::size_t most_body_ = 0;
  std::uint64_t left_ = 0;  // of the body or of the chunk
  std::string host_;        // of an absolute target
  std::string in_;
  std::size_t from_ = 0;  // of in_: read so far
  HttpRequest request_;
  HttpProblem problem_;
};

}  // namespace tidewatch
