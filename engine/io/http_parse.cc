// See http_parse.h. The header block is collected and checked as raw text first, because the parser accepts some forms
// (obs-fold, repeated Host) that RFC 9112 lets a server refuse; the body goes through the parser as it arrives.
#include "io/http_parse.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cctype>
#include <optional>

#include "base/text.h"

namespace tidewatch {

namespace http = boost::beast::http;

struct HttpParser::Beast {
  http::request_parser<http::string_body> parser;
};

namespace {

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percent_decode(std::string_view s, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '%') {
      if (i + 2 >= s.size()) return std::nullopt;
      const int high = hex_digit(s[i + 1]), low = hex_digit(s[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += plus_is_space && s[i] == '+' ? ' ' : s[i];
    }
  }
  return out;
}

bool split_target(HttpRequest& request) {
  const std::string_view target = request.target;
  const auto mark = target.find('?');
  auto path = percent_decode(target.substr(0, mark), false);
  if (!path || path->find('\0') != std::string::npos) return false;
  request.path = std::move(*path);
  if (mark == std::string_view::npos) return true;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (pair.empty()) continue;
    const auto equal = pair.find('=');
    auto name = percent_decode(pair.substr(0, equal), true);
    auto value = percent_decode(equal == std::string_view::npos ? std::string_view{} : pair.substr(equal + 1), true);
    if (!name || !value) return false;
    request.query.emplace_back(std::move(*name), std::move(*value));
  }
  return true;
}

// What is wrong with the raw header block (its final empty line included), or "".
std::string raw_problem(std::string_view block) {
  for (std::size_t i = 0; i < block.size(); ++i) {
    const char c = block[i];
    if (c == '\0') return "a NUL byte in the header";
    if (c == '\n' && (i == 0 || block[i - 1] != '\r')) return "a header line must end in CR LF, got a bare LF";
    if (c == '\r' && (i + 1 >= block.size() || block[i + 1] != '\n')) return "a bare CR in the header";
    if (c == '\n' && i + 1 < block.size() && (block[i + 1] == ' ' || block[i + 1] == '\t'))
      return "folded header lines are obsolete and refused";
  }
  return "";
}

}  // namespace

HttpParser::HttpParser(HttpLimits limits) : limits_(limits) {}
HttpParser::~HttpParser() = default;

void HttpParser::fail(int status, std::string problem) {
  state_ = State::failed;
  status_ = status;
  problem_ = std::move(problem);
}

void HttpParser::feed(std::string_view bytes) {
  in_.append(bytes);
  advance();
}

void HttpParser::advance() {
  if (state_ == State::done || state_ == State::failed) return;
  if (state_ == State::idle || state_ == State::header) {
    // Empty lines before a request are skipped (RFC 9112, 2.2).
    std::size_t skip = 0;
    while (in_.compare(skip, 2, "\r\n") == 0) skip += 2;
    if (skip > 0) in_.erase(0, skip);
    if (in_.empty()) {
      state_ = State::idle;
      return;
    }
    state_ = State::header;
    const auto end = in_.find("\r\n\r\n", scanned_ > 3 ? scanned_ - 3 : 0);
    if (end == std::string::npos ? in_.size() > limits_.header : end + 4 > limits_.header)
      return fail(431, "the request header is larger than " + with_thousands(limits_.header) + " bytes");
    if (end == std::string::npos) {
      scanned_ = in_.size();
      // A client that speaks something else entirely never sends the empty line; say so as soon as it can be seen.
      if (const auto bare = in_.find("\n\n"); bare != std::string::npos)
        fail(400, "a header line must end in CR LF, got a bare LF");
      return;
    }
    scanned_ = 0;
    begin_body(end + 4);
    if (state_ == State::failed) return;
  }
  // Eager parsing may stop between chunks: go on until the parser wants bytes that have not come.
  auto& parser = beast_->parser;
  std::size_t used = 0;
  while (!parser.is_done()) {
    boost::beast::error_code error;
    const std::size_t taken = parser.put(boost::asio::const_buffer(in_.data() + used, in_.size() - used), error);
    used += taken;
    if (error == http::error::need_more) {
      if (taken == 0 || used == in_.size()) break;
      continue;
    }
    if (error == http::error::body_limit)
      return fail(413, "the request body is larger than " + with_thousands(limits_.body) + " bytes");
    if (error) return fail(400, "the request body cannot be read: " + error.message());
    if (taken == 0) break;
  }
  in_.erase(0, used);
  if (parser.is_done()) {
    state_ = State::done;
    expects_continue_ = false;
  }
}

void HttpParser::begin_body(std::size_t header_end) {
  if (const std::string problem = raw_problem(std::string_view(in_).substr(0, header_end)); !problem.empty())
    return fail(400, problem);
  beast_ = std::make_unique<Beast>();
  auto& parser = beast_->parser;
  parser.header_limit(static_cast<std::uint32_t>(limits_.header + 1));
  parser.body_limit(limits_.body);
  parser.eager(false);
  boost::beast::error_code error;
  const std::size_t used = parser.put(boost::asio::const_buffer(in_.data(), header_end), error);
  if (error == http::error::body_limit)
    return fail(413, "the request body is larger than " + with_thousands(limits_.body) + " bytes");
  if (error && error != http::error::need_more) return fail(400, "the request cannot be read: " + error.message());
  if (!parser.is_header_done()) return fail(400, "the request header cannot be read");
  const auto& message = parser.get();
  std::size_t hosts = 0, lengths = 0, encodings = 0;
  std::string encoding, expect;
  for (const auto& field : message) {
    const std::string name = lower({field.name_string().data(), field.name_string().size()});
    const std::string value = lower({field.value().data(), field.value().size()});
    if (name == "host") ++hosts;
    if (name == "content-length") ++lengths;
    if (name == "transfer-encoding") {
      ++encodings;
      encoding = value;
    }
    if (name == "expect") expect = value;
  }
  if (message.version() != 11 && message.version() != 10) return fail(505, "expected HTTP/1.1 or HTTP/1.0");
  if (message.version() == 11 && hosts == 0) return fail(400, "expected a Host header, got none");
  if (hosts > 1) return fail(400, "expected one Host header, got several");
  if (lengths > 0 && encodings > 0) return fail(400, "expected Content-Length or Transfer-Encoding, got both");
  if (lengths > 1) return fail(400, "expected one Content-Length, got several");
  if (encodings > 0 && message.version() == 10) return fail(400, "HTTP/1.0 has no Transfer-Encoding");
  if (encodings > 1 || (encodings == 1 && encoding != "chunked"))
    return fail(501, "expected Transfer-Encoding: chunked, got \"" + encoding + "\"");
  if (!expect.empty() && expect != "100-continue")
    return fail(417, "expected Expect: 100-continue, got \"" + expect + "\"");
  in_.erase(0, used);
  parser.eager(true);
  state_ = State::body;
  expects_continue_ = expect == "100-continue" && in_.empty() && !parser.is_done();
}

bool HttpParser::take_expects_continue() {
  const bool answer = expects_continue_ && state_ == State::body;
  expects_continue_ = false;
  return answer;
}

HttpRequest HttpParser::take() {
  HttpRequest request;
  auto message = beast_->parser.release();
  beast_.reset();
  request.method.assign(message.method_string().data(), message.method_string().size());
  request.target.assign(message.target().data(), message.target().size());
  request.keep_alive = message.keep_alive();
  for (const auto& field : message)
    request.headers.emplace_back(lower({field.name_string().data(), field.name_string().size()}),
                                 std::string(field.value().data(), field.value().size()));
  request.body = std::move(message.body());
  state_ = State::idle;
  if (!split_target(request)) {
    request.path.clear();  // no route has an empty path
    request.query.clear();
  }
  advance();
  return request;
}

}  // namespace tidewatch
