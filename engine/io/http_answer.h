// The bytes of an answer to a request of ours. What is asked of it is a status; everything else only says where the
// answer ends. It is read liberally (a bare LF ends a line, a length may be given twice) and kept strictly: after any
// oddity the connection is not used again, so that no odd byte can pass for the next answer. A limit a line, a head, a
// body: whoever runs the receiver decides what it sends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace tidewatch {

struct HttpAnswerLimits {
  std::size_t head = std::size_t{16} << 10;  // of one head in bytes, trailers as much again
  std::size_t fields = 100;
  std::size_t body = std::size_t{64} << 10;  // more is not read: the status counts, the connection is not kept
  std::size_t text = 300;                    // of the body, kept
  int informational = 8;                     // 1xx before the answer
};

// One answer; reset() begins the next one on the same connection.
class HttpAnswerParser {
 public:
  enum class State { head, body, done, failed };

  explicit HttpAnswerParser(const HttpAnswerLimits& limits = {}) : limits_(limits) {}

  // `now` is what a date in Retry-After is measured from. Bytes behind the end of the answer are an oddity.
  void feed(std::string_view bytes, Instant now);
  // The receiver will send nothing more: ends a body without a length, and fails what is not whole.
  void close();
  void reset();

  State state() const { return state_; }
  bool has_begun() const { return has_begun_; }  // a byte came
  int status() const { return status_; }         // 100..999 when done
  Duration retry_after() const { return retry_after_; }
  bool is_kept() const { return state_ == State::done && is_kept_; }
  const std::string& problem() const { return problem_; }  // after `failed`
  const std::string& text() const { return text_; }        // how the body begins, when it is not 2xx

 private:
  enum class Step { status_line, fields, length, until_close, chunk_size, chunk, chunk_end, trailers };
  bool line(std::string_view line, Instant now);  // false: done or failed
  bool status_line(std::string_view line);
  bool field(std::string_view line, Instant now);
  bool end_head();
  std::size_t swallow(std::string_view bytes);
  bool done();
  bool fail(std::string problem);

  HttpAnswerLimits limits_;
  State state_ = State::head;
  Step step_ = Step::status_line;
  std::string partial_;  // of a line that is not whole yet
  std::string problem_, text_;
  std::size_t lines_ = 0, fields_ = 0, body_ = 0;
  std::uint64_t left_ = 0;
  int status_ = 0, minor_ = 1, informational_ = 0;
  bool has_begun_ = false, is_kept_ = true;
  bool has_length_ = false, is_chunked_ = false, has_other_coding_ = false;
  Duration retry_after_{0};
};

// Retry-After: seconds, or a date such as `Sun, 06 Nov 1994 08:49:37 GMT`; 0 when it is neither, or past. At most a
// day.
Duration read_retry_after(std::string_view text, Instant now);

}  // namespace tidewatch
