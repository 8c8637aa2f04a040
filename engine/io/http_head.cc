// See http_head.h.
#include "io/http_head.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <vector>

#include "base/text.h"

namespace tidewatch {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = lower(c);
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

// The first characters of what came, safe to show: errors go back to the sender and into logs.
std::string shown(std::string_view s) {
  std::string out(s.substr(0, 40));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return "\"" + out + (s.size() > 40 ? "...\"" : "\"");
}

// Elements of a comma-separated list in lower case; empty ones are left in, they are for the caller to judge.
std::vector<std::string> list_of(std::string_view s) {
  std::vector<std::string> out;
  while (true) {
    const auto end = s.find(',');
    out.push_back(lower(trim(s.substr(0, end))));
    if (end == std::string_view::npos) return out;
    s.remove_prefix(end + 1);
  }
}

std::optional<std::string> percent_decode(std::string_view s, bool plus_is_space) {
  std::string out;
  out.reserve(s.size());
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

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// `origin` is the target from its first slash (or "*").
HttpProblem split_target(std::string_view origin, HttpRequest& request) {
  const auto mark = origin.find('?');
  const std::string_view raw = origin.substr(0, mark);
  auto path = percent_decode(raw, false);
  if (!path) return {400, "a % in the target must be followed by two hexadecimal digits"};
  // An encoded slash or control character is a path that a proxy in front may have judged as another one.
  if (std::count(path->begin(), path->end(), '/') != std::count(raw.begin(), raw.end(), '/'))
    return {400, "a slash in the target must not be percent-encoded"};
  if (std::any_of(path->begin(), path->end(), is_control)) return {400, "a control character in the target"};
  if (!is_valid_utf8(*path)) return {400, "the target is not UTF-8"};
  request.path = std::move(*path);
  if (mark == std::string_view::npos) return {};
  std::string_view rest = origin.substr(mark + 1);
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (pair.empty()) continue;
    const auto equal = pair.find('=');
    auto name = percent_decode(pair.substr(0, equal), true);
    auto value = percent_decode(equal == std::string_view::npos ? std::string_view{} : pair.substr(equal + 1), true);
    if (!name || !value) return {400, "a % in the target must be followed by two hexadecimal digits"};
    if (!is_valid_utf8(*name) || !is_valid_utf8(*value)) return {400, "the target is not UTF-8"};
    request.query.emplace_back(std::move(*name), std::move(*value));
  }
  return {};
}

bool is_host_text(std::string_view s) {
  return std::all_of(s.begin(), s.end(), [](char c) {
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') ||
           std::string_view("-._~!$&'()*+,;=:[]%").find(c) != std::string_view::npos;
  });
}

bool read_length(std::string_view s, std::uint64_t& out) {
  if (s.empty() || !std::all_of(s.begin(), s.end(), is_digit)) return false;
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  out = 0;
  for (const char c : s) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    // Too large for any integer is too large for us: the caller's limit says so.
    if (out > (most - digit) / 10) {
      out = most;
      return true;
    }
    out = out * 10 + digit;
  }
  return true;
}

// `;name`, `;name=token`, `;name="text"`, any number of them and no blanks between. They mean nothing here; but whoever
// reads them loosely may see another end of the line.
bool are_chunk_extensions(std::string_view s) {
  const auto skip_token = [&] {
    const std::size_t before = s.size();
    while (!s.empty() && is_token_character(s.front())) s.remove_prefix(1);
    return s.size() < before;
  };
  while (!s.empty()) {
    if (s.front() != ';') return false;
    s.remove_prefix(1);
    if (!skip_token()) return false;
    if (s.empty() || s.front() != '=') continue;
    s.remove_prefix(1);
    if (s.empty() || s.front() != '"') {
      if (!skip_token()) return false;
      continue;
    }
    const auto end = s.find('"', 1);
    if (end == std::string_view::npos) return false;
    for (const char c : s.substr(1, end - 1))
      if (c < ' ' || c > '~' || c == '\\') return false;
    s.remove_prefix(end + 1);
  }
  return true;
}

HttpProblem judge_transfer_encoding(const std::vector<std::string>& codings) {
  for (std::size_t i = 0; i < codings.size(); ++i) {
    if (codings[i].empty()) return {400, "an empty Transfer-Encoding"};
    if (codings[i] != "chunked") return {501, "expected Transfer-Encoding: chunked, got " + shown(codings[i])};
  }
  if (codings.size() > 1) return {400, "expected one chunked coding, got it twice"};
  return {};
}

}  // namespace

bool is_token_character(char c) {
  static constexpr auto table = [] {
    std::array<bool, 256> t{};
    for (int i = '0'; i <= '9'; ++i) t[static_cast<std::size_t>(i)] = true;
    for (int i = 'a'; i <= 'z'; ++i) t[static_cast<std::size_t>(i)] = t[static_cast<std::size_t>(i - 'a' + 'A')] = true;
    for (const char mark : std::string_view("!#$%&'*+-.^_`|~")) t[static_cast<unsigned char>(mark)] = true;
    return t;
  }();
  return table[static_cast<unsigned char>(c)];
}

HttpProblem read_request_line(std::string_view line, HttpRequest& request, int& minor, std::string& host) {
  const auto first = line.find(' ');
  const auto second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  const std::string_view method = line.substr(0, first);
  if (method.empty() || !std::all_of(method.begin(), method.end(), is_token_character))
    return {400, "expected a request line such as GET / HTTP/1.1, got " + shown(line)};
  if (second == std::string_view::npos) return {400, "expected HTTP/1.1 after the target; HTTP/0.9 is not spoken here"};
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  const bool is_version = version.size() == 8 && version.substr(0, 5) == "HTTP/" && is_digit(version[5]) &&
                          version[6] == '.' && is_digit(version[7]);
  if (!is_version) return {400, "expected a request line such as GET / HTTP/1.1, got " + shown(line)};
  if (version[5] != '1' || version[7] > '1') return {505, "expected HTTP/1.1 or HTTP/1.0, got " + std::string(version)};
  minor = version[7] - '0';
  if (std::any_of(target.begin(), target.end(), [](char c) { return c <= ' ' || c > '~' || c == '#'; }) ||
      target.empty())
    return {400, "expected a target of visible ASCII characters without #, got " + shown(target)};
  static constexpr std::string_view known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
  if (std::find(std::begin(known), std::end(known), method) == std::end(known))
    return {501, "the method " + shown(method) + " is not known here"};
  request.method = method;
  request.target = target;
  if (target == "*") {
    if (method != "OPTIONS") return {400, "the target * is for OPTIONS"};
    request.path = "*";
    return {};
  }
  std::string_view origin = target;
  if (target.front() != '/') {
    const auto scheme_end = target.find("://");
    const std::string scheme = lower(target.substr(0, scheme_end));
    if (scheme_end == std::string_view::npos || (scheme != "http" && scheme != "https"))
      return {400, "expected a target that begins with a slash, got " + shown(target)};
    const std::string_view rest = target.substr(scheme_end + 3);
    const auto end = rest.find_first_of("/?");
    host = rest.substr(0, end);
    if (host.empty() || !is_host_text(host)) return {400, "expected a host in the target, got " + shown(target)};
    origin = end == std::string_view::npos ? std::string_view("/") : rest.substr(end);
    if (origin.front() == '?') return {400, "expected a slash before the ? of the target"};
  }
  return split_target(origin, request);
}

HttpProblem read_field(std::string_view line, std::string& name, std::string& value) {
  if (line.front() == ' ' || line.front() == '\t') return {400, "folded header lines are obsolete and refused"};
  std::size_t end = 0;
  while (end < line.size() && is_token_character(line[end])) ++end;
  if (end == 0 || end == line.size() || line[end] != ':') {
    const bool has_blank = end > 0 && end < line.size() && (line[end] == ' ' || line[end] == '\t');
    return {400, has_blank ? "a blank between a header's name and its colon"
                           : "expected a header line such as Name: value, got " + shown(line)};
  }
  const std::string_view text = trim(line.substr(end + 1));
  for (const char c : text)
    if (is_control(c) && c != '\t') {
      return {400, c == '\0'   ? "a NUL byte in a header"
                   : c == '\r' ? "a bare CR in a header"
                               : "a control character in a header"};
    }
  name.assign(line.substr(0, end));
  for (char& c : name) c = lower(c);
  value.assign(text);
  return {};
}

HttpProblem judge_fields(HttpRequest& request, int minor, const std::string& host, HttpFraming& framing) {
  std::size_t hosts = 0, lengths = 0;
  std::vector<std::string> codings;
  std::string* named = nullptr;
  std::string_view length;
  bool says_close = false, says_keep = false;
  for (auto& [name, value] : request.headers) {
    if (name == "host") {
      ++hosts;
      named = &value;
    } else if (name == "content-length") {
      ++lengths;
      length = value;
    } else if (name == "transfer-encoding") {
      for (auto& coding : list_of(value)) codings.push_back(std::move(coding));
    } else if (name == "connection") {
      for (const auto& option : list_of(value)) {
        says_close = says_close || option == "close";
        says_keep = says_keep || option == "keep-alive";
      }
    } else if (name == "expect" && minor == 1) {
      if (lower(value) != "100-continue") return {417, "expected Expect: 100-continue, got " + shown(value)};
      framing.wants_continue = true;
    }
  }
  if (minor == 1 && hosts == 0) return {400, "expected a Host header, got none"};
  if (hosts > 1) return {400, "expected one Host header, got several"};
  if (named != nullptr && !is_host_text(*named)) return {400, "expected a host and port in Host, got " + shown(*named)};
  if (!host.empty() && named != nullptr) *named = host;
  if (lengths > 0 && !codings.empty()) return {400, "expected Content-Length or Transfer-Encoding, got both"};
  if (lengths > 1) return {400, "expected one Content-Length, got several"};
  if (lengths == 1 && !read_length(length, framing.length))
    return {400, "expected a Content-Length of digits, got " + shown(length)};
  if (!codings.empty()) {
    if (minor == 0) return {400, "HTTP/1.0 has no Transfer-Encoding"};
    if (auto problem = judge_transfer_encoding(codings)) return problem;
    framing.is_chunked = true;
  }
  request.keep_alive = !says_close && (minor == 1 || says_keep);
  return {};
}

HttpProblem read_chunk_size(std::string_view line, std::uint64_t& size) {
  std::size_t at = 0;
  size = 0;
  for (; at < line.size() && hex_digit(line[at]) >= 0; ++at) {
    if (size >> 59 != 0) return {400, "a chunk size of more than 60 bits"};
    size = size * 16 + static_cast<std::uint64_t>(hex_digit(line[at]));
  }
  if (at == 0) return {400, "expected a chunk size in hexadecimal digits, got " + shown(line)};
  if (!are_chunk_extensions(line.substr(at)))
    return {400, "expected a chunk size in hexadecimal digits, then ;name=value or nothing, got " + shown(line)};
  return {};
}

}  // namespace tidewatch
