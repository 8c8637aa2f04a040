// See http_answer.h.
#include "io/http_answer.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "io/http_head.h"

namespace tidewatch {

namespace {

constexpr std::size_t most_chunk_line = 256;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool whole_number(std::string_view s, std::uint64_t& out) {
  if (s.empty() || s.size() > 18 || !std::all_of(s.begin(), s.end(), is_digit)) return false;
  out = 0;
  for (const char c : s) out = out * 10 + static_cast<std::uint64_t>(c - '0');
  return true;
}

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// What came, safe to log.
std::string shown(std::string_view s) {
  std::string out(s.substr(0, 40));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return "\"" + out + (s.size() > 40 ? "...\"" : "\"");
}

template <typename F>
void each_of_list(std::string_view s, F f) {
  while (true) {
    const auto comma = s.find(',');
    std::string_view one = s.substr(0, comma);
    while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
    while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.remove_suffix(1);
    if (!one.empty()) f(lower(one));
    if (comma == std::string_view::npos) return;
    s.remove_prefix(comma + 1);
  }
}

}  // namespace

Duration read_retry_after(std::string_view text, Instant now) {
  constexpr std::int64_t most = 86'400;
  std::uint64_t number = 0;
  if (whole_number(text, number)) return seconds(static_cast<std::int64_t>(std::min<std::uint64_t>(number, most)));
  // Sun, 06 Nov 1994 08:49:37 GMT: every place is fixed.
  static constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT") return Duration{0};
  const auto month = std::find(months.begin(), months.end(), text.substr(8, 3));
  if (month == months.end()) return Duration{0};
  const auto number_of_month = static_cast<int>(month - months.begin()) + 1;
  const std::string iso = std::string(text.substr(12, 4)) + "-" + (number_of_month < 10 ? "0" : "") +
                          std::to_string(number_of_month) + "-" + std::string(text.substr(5, 2)) + "T" +
                          std::string(text.substr(17, 8)) + "Z";
  const auto at = parse_instant(iso);
  if (!at) return Duration{0};
  return std::clamp(*at - now, Duration{0}, seconds(most));
}

void HttpAnswerParser::reset() {
  const HttpAnswerLimits limits = limits_;
  std::string partial = std::move(partial_);
  partial.clear();
  *this = HttpAnswerParser(limits);
  partial_ = std::move(partial);
}

bool HttpAnswerParser::fail(std::string problem) {
  state_ = State::failed;
  is_kept_ = false;
  problem_ = std::move(problem);
  return false;
}

bool HttpAnswerParser::done() {
  state_ = State::done;
  return false;
}

void HttpAnswerParser::feed(std::string_view bytes, Instant now) {
  if (!bytes.empty()) has_begun_ = true;
  while (state_ == State::head || state_ == State::body) {
    if (step_ == Step::length || step_ == Step::until_close || step_ == Step::chunk) {
      if (bytes.empty()) return;
      bytes.remove_prefix(swallow(bytes));
      continue;
    }
    const auto end = bytes.find('\n');
    const std::size_t most =
        step_ == Step::chunk_size || step_ == Step::chunk_end ? most_chunk_line : limits_.head - lines_;
    if (partial_.size() + std::min(end, bytes.size()) >= most) {
      fail("the head of the answer, or a line of it, is too long");
      return;
    }
    if (end == std::string_view::npos) {
      partial_.append(bytes);
      // What is not HTTP need not be waited for until its line ends.
      if (step_ == Step::status_line && !partial_.empty() &&
          partial_.compare(0, std::min<std::size_t>(partial_.size(), 5),
                           std::string_view("HTTP/").substr(0, partial_.size())) != 0)
        fail("expected an HTTP answer, got " + shown(partial_));
      return;
    }
    std::string_view whole = bytes.substr(0, end);
    std::string kept;
    if (!partial_.empty()) {
      partial_.append(whole);
      kept.swap(partial_);
      whole = kept;
    }
    bytes.remove_prefix(end + 1);
    lines_ += whole.size() + 1;
    if (!whole.empty() && whole.back() == '\r') {
      whole.remove_suffix(1);
    } else {
      is_kept_ = false;
    }
    line(whole, now);
  }
  if (!bytes.empty()) is_kept_ = false;
}

void HttpAnswerParser::close() {
  is_kept_ = false;
  if (state_ == State::done || state_ == State::failed) return;
  if (step_ == Step::until_close) {
    done();
  } else if (!has_begun_) {
    fail("the receiver closed the connection without an answer");
  } else {
    fail("the receiver closed the connection in the middle of its answer");
  }
}

bool HttpAnswerParser::line(std::string_view line, Instant now) {
  switch (step_) {
    case Step::status_line:
      return status_line(line);
    case Step::fields:
      return line.empty() ? end_head() : field(line, now);
    case Step::chunk_size: {
      lines_ = 0;
      if (auto problem = read_chunk_size(line, left_)) return fail(problem.text);
      step_ = left_ == 0 ? Step::trailers : Step::chunk;
      return true;
    }
    case Step::chunk_end:
      if (!line.empty()) return fail("expected CR LF after a chunk's bytes");
      step_ = Step::chunk_size;
      return true;
    case Step::trailers:
      return line.empty() ? done() : true;
    default:
      return true;
  }
}

bool HttpAnswerParser::status_line(std::string_view line) {
  // HTTP/1.1 200 OK; the reason may be missing, and the blank before it with it.
  const bool is_one = line.size() >= 12 && line.substr(0, 7) == "HTTP/1." && is_digit(line[7]) && line[8] == ' ' &&
                      is_digit(line[9]) && is_digit(line[10]) && is_digit(line[11]) &&
                      (line.size() == 12 || line[12] == ' ') && line[9] != '0';
  if (!is_one) return fail("expected an HTTP answer, got " + shown(line));
  minor_ = line[7] - '0';
  status_ = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  is_kept_ = is_kept_ && minor_ == 1;
  step_ = Step::fields;
  return true;
}

bool HttpAnswerParser::field(std::string_view line, Instant now) {
  if (++fields_ > limits_.fields)
    return fail("the answer has more than " + std::to_string(limits_.fields) + " header lines");
  std::string name, value;
  if (auto problem = read_field(line, name, value)) return fail(problem.text);
  if (name == "content-length") {
    std::uint64_t length = 0;
    if (!whole_number(value, length)) return fail("expected a Content-Length of digits, got " + shown(value));
    if (has_length_ && length != left_) return fail("the answer has two lengths");
    is_kept_ = is_kept_ && !has_length_;
    has_length_ = true;
    left_ = length;
  } else if (name == "transfer-encoding") {
    each_of_list(value, [&](const std::string& coding) {
      has_other_coding_ = has_other_coding_ || coding != "chunked" || is_chunked_;
      is_chunked_ = true;
    });
  } else if (name == "connection") {
    each_of_list(value, [&](const std::string& option) { is_kept_ = is_kept_ && option != "close"; });
  } else if (name == "retry-after") {
    retry_after_ = read_retry_after(value, now);
  }
  return true;
}

bool HttpAnswerParser::end_head() {
  if (status_ < 200) {
    if (status_ == 101) return fail("the receiver wants another protocol");
    if (++informational_ > limits_.informational) return fail("the receiver sends 1xx and no answer");
    const int seen = informational_;
    const bool is_kept = is_kept_;
    reset();
    has_begun_ = true;
    informational_ = seen;
    is_kept_ = is_kept;
    return true;
  }
  state_ = State::body;
  lines_ = 0;
  is_kept_ = is_kept_ && !(has_length_ && is_chunked_);
  if (status_ == 204 || status_ == 304) return done();
  if (has_other_coding_ || (is_chunked_ && minor_ == 0)) {
    // Where such a body ends is not known; the status is.
    is_kept_ = false;
    return done();
  }
  if (is_chunked_) {
    step_ = Step::chunk_size;
  } else if (has_length_) {
    if (left_ == 0) return done();
    if (left_ > limits_.body) {
      is_kept_ = false;
      return done();
    }
    step_ = Step::length;
  } else {
    is_kept_ = false;
    step_ = Step::until_close;
  }
  return true;
}

// How many of the bytes belong to the body; its end, or its limit, ends the answer.
std::size_t HttpAnswerParser::swallow(std::string_view bytes) {
  std::size_t n = bytes.size();
  if (step_ != Step::until_close) n = static_cast<std::size_t>(std::min<std::uint64_t>(n, left_));
  if ((status_ < 200 || status_ > 299) && text_.size() < limits_.text)
    text_.append(bytes.substr(0, std::min(n, limits_.text - text_.size())));
  body_ += n;
  if (body_ > limits_.body) {
    is_kept_ = false;
    done();
    return n;
  }
  if (step_ == Step::until_close) return n;
  left_ -= n;
  if (left_ > 0) return n;
  if (step_ == Step::chunk) {
    step_ = Step::chunk_end;
  } else {
    done();
  }
  return n;
}

}  // namespace tidewatch
