// JSON written as it is said, indented by two, without a tree of values first: the answer of a backtest over thousands
// of label sets took as long to build as the backtest. Keys are the caller's to keep apart.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"

namespace tidewatch {

class JsonText {
 public:
  JsonText& object() { return open('{'); }
  JsonText& array() { return open('['); }
  // Ends the innermost object or array.
  JsonText& end() {
    const char bracket = open_.back();
    open_.pop_back();
    if (!is_empty_) line();
    out_ += bracket == '{' ? '}' : ']';
    is_empty_ = false;
    return *this;
  }
  // In an object, before each value.
  JsonText& key(std::string_view name) {
    next();
    quote(name);
    out_ += ": ";
    has_key_ = true;
    return *this;
  }
  JsonText& text(std::string_view value) {
    next();
    quote(value);
    return *this;
  }
  JsonText& whole(std::uint64_t value) {
    next();
    out_ += std::to_string(value);
    return *this;
  }
  // The shortest text that reads as the same double, with a point: 3.0.
  JsonText& number(double value);
  JsonText& null() {
    next();
    out_ += "null";
    return *this;
  }
  void reserve(std::size_t bytes) { out_.reserve(bytes); }
  std::string take() { return std::move(out_); }

 private:
  JsonText& open(char bracket) {
    next();
    out_ += bracket;
    open_ += bracket;
    is_empty_ = true;
    return *this;
  }
  // What stands between the last thing written and the next value.
  void next() {
    if (has_key_) {
      has_key_ = false;
      return;
    }
    if (open_.empty()) return;
    if (!is_empty_) out_ += ',';
    is_empty_ = false;
    line();
  }
  void line() {
    out_ += '\n';
    out_.append(open_.size() * 2, ' ');
  }
  void quote(std::string_view s) {
    out_ += '"';
    out_ += json_escape(s);
    out_ += '"';
  }

  std::string out_, open_;  // open_: the brackets around what is written
  bool is_empty_ = false, has_key_ = false;
};

}  // namespace tidewatch
