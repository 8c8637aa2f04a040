// Any bytes as a connection's requests: no crash, memory within the limits, and any split of them into reads (chosen by
// the first bytes) gives the same requests and the same refusal.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "io/http_parse.h"

using namespace tidewatch;

namespace {

std::string reading_of(std::string_view bytes, std::uint32_t cuts) {
  static const HttpLimits limits{1024, 512, 20, 256};
  HttpParser parser(limits);
  std::string out;
  std::uint32_t random = cuts;
  while (!bytes.empty()) {
    random = random * 1664525 + 1013904223;
    const std::size_t n = cuts == 0 ? bytes.size() : std::min<std::size_t>(bytes.size(), 1 + (random >> 16) % 17);
    parser.feed(bytes.substr(0, n));
    bytes.remove_prefix(n);
    while (parser.state() == HttpParser::State::done) {
      const HttpRequest r = parser.take();
      if (r.path.empty() || r.body.size() > limits.body) std::abort();
      out += r.method + " " + r.target + " " + r.path;
      for (const auto& [name, value] : r.query) out += "&" + name + "=" + value;
      for (const auto& [name, value] : r.headers) {
        if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) std::abort();
        out += "|" + name + ":" + value;
      }
      out += "|" + r.body + (r.keep_alive ? "|1\n" : "|0\n");
      parser.go_on();
    }
    if (cuts != 0 && parser.held() > 4096) std::abort();
  }
  if (parser.state() == HttpParser::State::failed) {
    if (parser.problem().status < 400 || parser.problem().text.empty()) std::abort();
    return out + std::to_string(parser.problem().status) + parser.problem().text;
  }
  return out + std::to_string(static_cast<int>(parser.state()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::uint32_t cuts = 1 + (size > 1 ? data[0] * 256u + data[size - 1] : 7u);
  if (reading_of(bytes, cuts) != reading_of(bytes, 0)) std::abort();
  return 0;
}
