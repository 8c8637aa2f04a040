// Little-endian binary writing and reading for checkpoints and segments. The reader never trusts its input: every
// read is bounds-checked and a short or absurd input turns the reader bad, once and for all, instead of crashing.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tidewatch {

static_assert(std::endian::native == std::endian::little, "checkpoints are little-endian");

class ByteWriter {
 public:
  template <typename T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void put(T v) { out_.append(reinterpret_cast<const char*>(&v), sizeof v); }
  void text(std::string_view s) {
    put(static_cast<std::uint32_t>(s.size()));
    out_.append(s);
  }
  template <typename T>
  requires std::is_arithmetic_v<T>
  void array(const std::vector<T>& v) {
    put(static_cast<std::uint64_t>(v.size()));
    out_.append(reinterpret_cast<const char*>(v.data()), v.size() * sizeof(T));
  }
  // A text that is written piece by piece: what comes between the two is its bytes, as text() would have them.
  std::size_t begin_text() {
    put(std::uint32_t{0});
    return out_.size();
  }
  void end_text(std::size_t from) {
    const auto size = static_cast<std::uint32_t>(out_.size() - from);
    std::memcpy(out_.data() + from - sizeof size, &size, sizeof size);
  }
  void reserve(std::size_t bytes) { out_.reserve(bytes); }
  const std::string& bytes() const { return out_; }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view in) : in_(in) {}

  template <typename T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T> T get() {
    T v{};
    if (!need(sizeof v)) return v;
    std::memcpy(&v, in_.data() + at_, sizeof v);
    at_ += sizeof v;
    return v;
  }
  // Of an instant or a duration: bad outside the range (far_past to far_future) in which differences cannot overflow.
  std::int64_t nanoseconds() {
    const auto ns = get<std::int64_t>();
    if (ns < INT64_MIN / 2 || ns > INT64_MAX / 2) good_ = false;
    return good_ ? ns : 0;
  }
  std::string text() {
    const auto n = get<std::uint32_t>();
    if (!need(n)) return {};
    std::string s(in_.substr(at_, n));
    at_ += n;
    return s;
  }
  template <typename T>
  requires std::is_arithmetic_v<T> std::vector<T> array() {
    const auto n = get<std::uint64_t>();
    if (n > (in_.size() - at_) / sizeof(T)) {
      good_ = false;
      return {};
    }
    std::vector<T> v(n);
    if (n) std::memcpy(v.data(), in_.data() + at_, n * sizeof(T));
    at_ += n * sizeof(T);
    return v;
  }
  // A count about to be looped over: bad when it could not fit in what is left at `least` bytes an item.
  std::size_t count(std::size_t least = 1) {
    const auto n = get<std::uint64_t>();
    if (n > (in_.size() - at_) / (least ? least : 1)) {
      good_ = false;
      return 0;
    }
    return static_cast<std::size_t>(n);
  }
  bool good() const { return good_; }
  void fail() { good_ = false; }
  bool at_end() const { return at_ == in_.size(); }

 private:
  bool need(std::size_t n) {
    if (!good_ || n > in_.size() - at_) {
      good_ = false;
      return false;
    }
    return true;
  }
  std::string_view in_;
  std::size_t at_ = 0;
  bool good_ = true;
};

}  // namespace tidewatch
