// See http_parse.h. What is kept between reads is a line that is not whole yet and what belongs to later requests; a
// head in one read is parsed where it lies.
#include "io/http_parse.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace tidewatch {

namespace {

constexpr std::size_t most_chunk_line = 256;
constexpr std::size_t first_body_piece = std::size_t{64} << 10;  // an announced length is not believed at once

}  // namespace

HttpParser::HttpParser(const HttpLimits& limits, HttpHeadJudge* judge) : limits_(&limits), judge_(judge) {}

bool HttpParser::fail(HttpProblem problem) {
  state_ = State::failed;
  step_ = Step::end;
  problem_ = std::move(problem);
  std::string().swap(in_);
  from_ = 0;
  request_ = {};
  return false;
}

void HttpParser::feed(std::string_view bytes) {
  if (state_ == State::failed) return;
  if (in_.empty() && step_ != Step::end) {
    const std::size_t used = advance(bytes);
    if (state_ != State::failed) in_.assign(bytes.substr(used));
    return rest();
  }
  in_.erase(0, from_);
  from_ = 0;
  in_.append(bytes);
  go_on();
}

void HttpParser::go_on() {
  if (step_ == Step::end) return;
  const std::size_t used = advance(std::string_view(in_).substr(from_));
  if (state_ != State::failed) from_ += used;
  rest();
}

void HttpParser::rest() {
  if (from_ == in_.size()) {
    std::string().swap(in_);  // an idle connection holds no buffer; assigning {} would keep it
    from_ = 0;
  }
  if (step_ == Step::request_line) state_ = in_.empty() ? State::idle : State::header;
}

std::size_t HttpParser::advance(std::string_view bytes) {
  std::size_t at = 0;
  while (step_ != Step::end && step(bytes, at)) {
  }
  return at;
}

std::size_t HttpParser::most_of_line() const {
  const std::size_t left = limits_->header - std::min(limits_->header, lines_);
  if (step_ == Step::request_line) return std::min(left, limits_->target);
  if (step_ == Step::chunk_size) return most_chunk_line;
  return left;
}

void HttpParser::fail_too_long() {
  if (step_ == Step::chunk_size) {
    fail({400, "a chunk's line is longer than " + with_thousands(most_chunk_line) + " bytes"});
  } else if (step_ == Step::request_line && lines_ + limits_->target <= limits_->header) {
    fail({414, "the request line is longer than " + with_thousands(limits_->target) + " bytes"});
  } else {
    fail({431, "the request header is larger than " + with_thousands(limits_->header) + " bytes"});
  }
}

HttpParser::Line HttpParser::next_line(std::string_view bytes, std::size_t& at, std::size_t most,
                                       std::string_view& line) {
  const std::size_t end = bytes.find('\n', at + scanned_);
  if (end == std::string_view::npos) {
    if (bytes.size() - at > most) return Line::too_long;
    scanned_ = bytes.size() - at;
    return Line::partial;
  }
  scanned_ = 0;
  if (end + 1 - at > most) return Line::too_long;
  line = bytes.substr(at, end - at);
  at = end + 1;
  return Line::whole;
}

bool HttpParser::step(std::string_view bytes, std::size_t& at) {
  if (step_ == Step::body || step_ == Step::chunk) return append_body(bytes, at);
  if (step_ == Step::request_line && at < bytes.size()) {
    const char first = bytes[at];
    if (!is_token_character(first) && first != '\r' && first != '\n')
      return fail({400, first == '\x16' ? "expected plain HTTP, got what looks like TLS"
                                        : "expected a request line such as GET / HTTP/1.1"});
  }
  if (step_ == Step::chunk_end) {
    if (bytes.size() - at < 2) return false;
    if (bytes.substr(at, 2) != "\r\n") return fail({400, "expected CR LF after a chunk's bytes"});
    at += 2;
    step_ = Step::chunk_size;
    return true;
  }
  std::string_view line;
  switch (next_line(bytes, at, most_of_line(), line)) {
    case Line::partial:
      return false;
    case Line::too_long:
      fail_too_long();
      return false;
    case Line::whole:
      break;
  }
  lines_ += line.size() + 1;
  if (line.empty() || line.back() != '\r') return fail({400, "a line must end in CR LF, got a bare LF"});
  line.remove_suffix(1);
  return line_step(line);
}

bool HttpParser::line_step(std::string_view line) {
  switch (step_) {
    case Step::request_line: {
      if (line.empty()) {
        if (has_skipped_) return fail({400, "expected a request line, got empty lines"});
        has_skipped_ = true;
        lines_ = 0;
        return true;
      }
      host_.clear();
      if (auto problem = read_request_line(line, request_, minor_, host_)) return fail(std::move(problem));
      state_ = State::header;
      step_ = Step::fields;
      return true;
    }
    case Step::fields: {
      if (line.empty()) {
        end_head();
        return true;
      }
      if (request_.headers.size() >= limits_->fields)
        return fail({431, "more than " + with_thousands(limits_->fields) + " header lines"});
      auto& [name, value] = request_.headers.emplace_back();
      if (auto problem = read_field(line, name, value)) return fail(std::move(problem));
      return true;
    }
    case Step::chunk_size: {
      lines_ = 0;
      if (auto problem = read_chunk_size(line, left_)) return fail(std::move(problem));
      if (left_ > most_body_ - request_.body.size())
        return fail({413, "the request body is larger than " + with_thousands(most_body_) + " bytes"});
      step_ = left_ == 0 ? Step::trailers : Step::chunk;
      return true;
    }
    case Step::trailers: {
      if (line.empty()) {
        end_body();
        return true;
      }
      // Trailers are checked and dropped: whoever reads them as headers lets a sender change a judged request.
      std::string name, value;
      if (auto problem = read_field(line, name, value)) return fail(std::move(problem));
      return true;
    }
    default:
      return false;
  }
}

void HttpParser::end_head() {
  framing_ = {};
  lines_ = 0;
  if (auto problem = judge_fields(request_, minor_, host_, framing_)) {
    fail(std::move(problem));
    return;
  }
  most_body_ = limits_->body;
  if (judge_ != nullptr && !judge_->accept(request_, most_body_)) {
    state_ = State::refused;
    step_ = Step::end;
    return;
  }
  if (framing_.length > most_body_) {
    fail({413, "the request body is larger than " + with_thousands(most_body_) + " bytes"});
    return;
  }
  left_ = framing_.length;
  if (!has_body()) return end_body();
  expects_continue_ = framing_.wants_continue;
  state_ = State::body;
  step_ = framing_.is_chunked ? Step::chunk_size : Step::body;
}

bool HttpParser::append_body(std::string_view bytes, std::size_t& at) {
  const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
  std::string& body = request_.body;
  const std::size_t wanted = body.size() + n;
  if (wanted > body.capacity()) {
    // Doubling, but never beyond what was announced.
    const std::uint64_t all = framing_.is_chunked ? most_body_ : framing_.length;
    const std::uint64_t next = std::max<std::uint64_t>({wanted, body.capacity() * 2, first_body_piece});
    body.reserve(static_cast<std::size_t>(std::max<std::uint64_t>(wanted, std::min(all, next))));
  }
  body.append(bytes.substr(at, n));
  at += n;
  left_ -= n;
  if (left_ > 0) return false;
  if (step_ == Step::chunk) {
    step_ = Step::chunk_end;
  } else {
    end_body();
  }
  return true;
}

void HttpParser::end_body() {
  state_ = State::done;
  step_ = Step::end;
  expects_continue_ = false;
}

bool HttpParser::take_expects_continue() {
  const bool is_body_here = request_.body.empty() && in_.empty();
  return std::exchange(expects_continue_, false) && state_ == State::body && is_body_here;
}

HttpRequest HttpParser::take() {
  HttpRequest out = std::move(request_);
  request_ = {};
  framing_ = {};
  has_skipped_ = false;
  lines_ = scanned_ = 0;
  step_ = Step::request_line;
  state_ = in_.empty() ? State::idle : State::header;
  return out;
}

}  // namespace tidewatch
