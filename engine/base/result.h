// What a fallible core function returns: a value, or an error that says what was done, what was expected and
// what was got. Ours because clang 14 (tidy, fuzzers) does not see libstdc++ 12's std::expected. Exceptions
// come only from libraries and are caught where they enter.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace tidewatch {

enum class ErrorCode { invalid, not_found, conflict, io, full, internal };

struct Error {
  ErrorCode code = ErrorCode::invalid;
  std::string text;

  // The same error with where it happened put in front: "while loading checkpoint 41: ...".
  Error within(const std::string& place) const { return {code, place + ": " + text}; }
};

inline Error invalid(std::string text) { return {ErrorCode::invalid, std::move(text)}; }
inline Error not_found(std::string text) { return {ErrorCode::not_found, std::move(text)}; }
inline Error io_error(std::string text) { return {ErrorCode::io, std::move(text)}; }

template <typename T = std::monostate>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(Error error) : state_(std::move(error)) {}

  explicit operator bool() const { return std::holds_alternative<T>(state_); }
  bool ok() const { return static_cast<bool>(*this); }

  T& value() {
    assert(ok());
    return *std::get_if<T>(&state_);
  }
  const T& value() const {
    assert(ok());
    return *std::get_if<T>(&state_);
  }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const {
    assert(!ok());
    return *std::get_if<Error>(&state_);
  }

 private:
  std::variant<T, Error> state_;
};

using Done = Result<std::monostate>;
inline Done done() { return std::monostate{}; }

}  // namespace tidewatch
