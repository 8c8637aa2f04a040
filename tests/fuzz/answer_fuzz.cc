// Any bytes as a receiver's answer: no crash, memory within the limits, and any split of them into reads (chosen by the
// first bytes) gives the same status, and the same word on whether the connection may be used again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "io/http_answer.h"

using namespace tidewatch;

namespace {

std::string reading_of(std::string_view bytes, std::uint32_t cuts) {
  const HttpAnswerLimits limits{1024, 20, 256, 30, 3};
  HttpAnswerParser parser(limits);
  std::uint32_t random = cuts;
  while (!bytes.empty()) {
    random = random * 1664525 + 1013904223;
    const std::size_t n = cuts == 0 ? bytes.size() : std::min<std::size_t>(bytes.size(), 1 + (random >> 16) % 17);
    parser.feed(bytes.substr(0, n), Instant{});
    bytes.remove_prefix(n);
  }
  if (parser.text().size() > limits.text) std::abort();
  const auto before = parser.state();
  const bool is_kept = parser.is_kept();
  parser.close();
  using State = HttpAnswerParser::State;
  if (parser.state() != State::done && parser.state() != State::failed) std::abort();
  if (parser.state() == State::failed) {
    if (parser.problem().empty()) std::abort();
    return std::to_string(static_cast<int>(before)) + " failed";
  }
  if (parser.status() < 200 || parser.status() > 999) std::abort();
  return std::to_string(static_cast<int>(before)) + " " + std::to_string(parser.status()) + " " +
         std::to_string(is_kept) + " " + std::to_string(parser.retry_after().ns) + " " + parser.text();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::uint32_t cuts = 1 + (size > 1 ? data[0] * 256u + data[size - 1] : 7u);
  if (reading_of(bytes, cuts) != reading_of(bytes, 0)) std::abort();
  return 0;
}
