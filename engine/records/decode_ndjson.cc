// What plain_record.h leaves: the first record of a shape, escapes, other orders, and all that is wrong. Keys are
// compared raw, in the order of the last record, so a field costs one memcmp and not a lookup; texts without escapes
// are borrowed from the body and never copied. Built with NDEBUG: simdjson's own checks would cost half of the speed,
// and every value is checked here anyway.
#include "records/decode_ndjson.h"

#include <cmath>
#include <cstring>

#include <simdjson.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "records/decode_time.h"
#include "records/plain_record.h"

namespace tidewatch {

namespace {

namespace ondemand = simdjson::ondemand;

constexpr int deepest = 64;                         // nesting of values no column is read from
constexpr std::size_t kept_keys = 256;              // of the record shape; more are looked up each time
constexpr double whole_limit = 9007199254740992.0;  // 2^53: a larger double no longer stands for one integer

// From the first byte after an opening quote to its closing quote; the parser has checked that there is one.
const char* closing_quote(const char* p, bool& has_escape) {
#ifdef __SSE2__
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
  for (;; p += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const int hits = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
    if (hits == 0) continue;
    p += __builtin_ctz(static_cast<unsigned>(hits));
    has_escape = *p == '\\';
    return p;
  }
#else
  while (*p != '"' && *p != '\\') ++p;
  has_escape = *p == '\\';
  return p;
#endif
}

std::string_view type_text(ondemand::value& value) {
  ondemand::json_type type{};
  if (value.type().get(type)) return "something unreadable";
  switch (type) {
    case ondemand::json_type::array:
      return "array";
    case ondemand::json_type::object:
      return "object";
    case ondemand::json_type::number:
      return "number";
    case ondemand::json_type::string:
      return "string";
    case ondemand::json_type::boolean:
      return "boolean";
    case ondemand::json_type::null:
      return "null";
  }
  return "something unreadable";
}

// A JSON number whose value a double cannot hold is still JSON.
bool is_number_text(std::string_view s) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t from = i;
    while (i < s.size() && s[i] >= '0' && s[i] <= '9') ++i;
    return i > from;
  };
  if (i < s.size() && s[i] == '-') ++i;
  const std::size_t first = i;
  if (!digits() || (s[first] == '0' && i > first + 1)) return false;
  if (i < s.size() && s[i] == '.') {
    ++i;
    if (!digits()) return false;
  }
  if (i < s.size() && (s[i] == 'e' || s[i] == 'E')) {
    ++i;
    if (i < s.size() && (s[i] == '+' || s[i] == '-')) ++i;
    if (!digits()) return false;
  }
  return i == s.size();
}

std::string_view token_of(ondemand::value& value) {
  std::string_view token = value.raw_json_token();
  while (!token.empty() &&
         (token.back() == ' ' || token.back() == '\t' || token.back() == '\r' || token.back() == '\n')) {
    token.remove_suffix(1);
  }
  return token;
}

// Reads a value no column wants, to its end: a record is JSON as a whole or it is not.
bool consume(ondemand::value& value, int depth) {
  ondemand::json_type type{};
  if (depth > deepest || value.type().get(type)) return false;
  switch (type) {
    case ondemand::json_type::array: {
      ondemand::array array;
      if (value.get_array().get(array)) return false;
      for (auto element : array) {
        ondemand::value inner;
        if (element.get(inner) || !consume(inner, depth + 1)) return false;
      }
      return true;
    }
    case ondemand::json_type::object: {
      ondemand::object object;
      if (value.get_object().get(object)) return false;
      for (auto field : object) {
        if (field.error()) return false;
        if (!consume(field.value_unsafe().value(), depth + 1)) return false;
      }
      return true;
    }
    case ondemand::json_type::number: {
      double ignored;
      if (!value.get_double().get(ignored)) return true;
      return is_number_text(token_of(value));
    }
    case ondemand::json_type::string: {
      ondemand::raw_json_string text;
      return !value.get_raw_json_string().get(text);
    }
    case ondemand::json_type::boolean: {
      bool ignored;
      return !value.get_bool().get(ignored);
    }
    case ondemand::json_type::null: {
      bool is_null = false;
      return !value.is_null().get(is_null) && is_null;
    }
  }
  return false;
}

}  // namespace

struct JsonReader::State {
  State(RowBuilder& b, bool use_plain) : builder(b), reads_plain(use_plain) {}

  void begin_body(std::string_view body) {
    body_end = body.data() + body.size();
    for (LearntKey& key : keys) key.rows = 0;
  }
  void end_body() {
    for (const LearntKey& key : keys) {
      if (key.column < 0 && key.rows > 0) builder.state_fact("added", key.name, "not in the schema", key.rows);
    }
  }
  void record(std::string_view text, std::uint64_t line);
  bool fields(ondemand::document& document, std::string_view text);
  bool take(ondemand::value& value, std::size_t column);
  bool take_text(ondemand::value& value, std::string_view& out);
  bool take_integer(ondemand::value& value, std::size_t column);
  bool take_time(ondemand::value& value, std::size_t column);
  bool refuse(ondemand::value& value, std::size_t column);
  LearntKey* key_of(ondemand::field& field, const char* text_end);

  RowBuilder& builder;
  bool reads_plain;
  PlainRecord plain;
  ondemand::parser parser;
  std::string tail;  // records too near the end of the body to be read in place
  const char* body_end = nullptr;
  std::vector<LearntKey> keys;
  std::size_t next_key = 0;
  LearntKey spare{"", -1};  // an unknown key beyond the kept ones
};

LearntKey* JsonReader::State::key_of(ondemand::field& field, const char* text_end) {
  const char* raw = field.key().raw();
  const std::size_t left = static_cast<std::size_t>(text_end - raw);
  for (std::size_t tried = 0; tried < keys.size(); ++tried) {
    if (next_key >= keys.size()) next_key = 0;
    LearntKey& key = keys[next_key++];
    const std::size_t n = key.name.size();
    if (key.is_plain && n < left && std::memcmp(raw, key.name.data(), n) == 0 && raw[n] == '"') return &key;
  }
  std::string_view name;
  if (field.unescaped_key().get(name)) return nullptr;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].name != name) continue;
    next_key = i + 1;
    return &keys[i];
  }
  LearntKey key(name, builder.find(name));
  if (keys.size() < kept_keys) {
    next_key = keys.size() + 1;
    return &keys.emplace_back(std::move(key));
  }
  spare = std::move(key);
  if (spare.column < 0) builder.state_fact("added", spare.name, "not in the schema", 1);
  return &spare;
}

bool JsonReader::State::take_text(ondemand::value& value, std::string_view& out) {
  // Peeking at the raw token keeps the value readable: with an escape inside, simdjson unescapes it into its buffer.
  const char* token = value.raw_json_token().data();
  if (*token != '"') return false;
  bool has_escape = false;
  const char* end = closing_quote(token + 1, has_escape);
  if (has_escape) return !value.get_string().get(out);
  out = std::string_view(token + 1, static_cast<std::size_t>(end - token - 1));
  ondemand::raw_json_string ignored;
  return !value.get_raw_json_string().get(ignored);
}

bool JsonReader::State::refuse(ondemand::value& value, std::size_t column) {
  bool is_null = false;
  if (!value.is_null().get(is_null) && is_null) {
    builder.set_null(column);
    return true;
  }
  const std::string_view got = type_text(value);
  const std::string_view token = got == "array" || got == "object" ? std::string_view() : token_of(value);
  builder.wrong_type(column, got, token);
  return consume(value, 1);
}

bool JsonReader::State::take_integer(ondemand::value& value, std::size_t column) {
  std::int64_t whole;
  if (!value.get_int64().get(whole)) {
    builder.set_integer(column, whole);
    return true;
  }
  double number;
  if (value.get_double().get(number)) return refuse(value, column);
  if (number == std::floor(number) && std::abs(number) <= whole_limit) {
    builder.set_integer(column, static_cast<std::int64_t>(number));
    return true;
  }
  builder.wrong_type(column, "number", token_of(value));
  return true;
}

bool JsonReader::State::take_time(ondemand::value& value, std::size_t column) {
  std::string_view text;
  std::int64_t ns = 0;
  if (take_text(value, text)) {
    if (parse_event_time(text, builder.zone(), ns)) {
      builder.set_integer(column, ns);
    } else {
      builder.bad_time(column, "\"" + std::string(text) + "\"");
    }
    return true;
  }
  std::int64_t whole;
  double number;
  bool good = false;
  if (!value.get_int64().get(whole)) {
    good = epoch_to_ns(whole, ns);
  } else if (!value.get_double().get(number)) {
    good = epoch_to_ns(number, ns);
  } else {
    return refuse(value, column);
  }
  if (good) {
    builder.set_integer(column, ns);
  } else {
    builder.bad_time(column, "a number outside the years 1678 to 2261");
  }
  return true;
}

// False when the record is not JSON; a value of a wrong type is the row's problem and reading goes on.
bool JsonReader::State::take(ondemand::value& value, std::size_t column) {
  switch (builder.columns()[column].type) {
    case ColumnType::number: {
      double number;
      if (value.get_double().get(number)) return refuse(value, column);
      builder.set_number(column, number);
      return true;
    }
    case ColumnType::integer:
      return take_integer(value, column);
    case ColumnType::boolean: {
      bool truth;
      if (value.get_bool().get(truth)) return refuse(value, column);
      builder.set_integer(column, truth);
      return true;
    }
    case ColumnType::string:
    case ColumnType::category: {
      std::string_view text;
      if (!take_text(value, text)) return refuse(value, column);
      builder.set_text(column, text);
      return true;
    }
    case ColumnType::time:
      return take_time(value, column);
  }
  return false;
}

bool JsonReader::State::fields(ondemand::document& document, std::string_view text) {
  ondemand::object object;
  if (document.get_object().get(object)) return false;
  const char* text_end = text.data() + text.size();
  next_key = 0;
  for (auto field : object) {
    if (field.error()) return false;
    ondemand::field& pair = field.value_unsafe();
    LearntKey* key = key_of(pair, text_end);
    if (key == nullptr) return false;
    if (key->column < 0) {
      ++key->rows;
      if (!consume(pair.value(), 1)) return false;
    } else if (!take(pair.value(), static_cast<std::size_t>(key->column))) {
      return false;
    }
  }
  return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

void JsonReader::State::record(std::string_view text, std::uint64_t line) {
  builder.begin_row();
  std::string_view readable = text;
  static_assert(PlainRecord::padding >= simdjson::SIMDJSON_PADDING);
  if (static_cast<std::size_t>(body_end - (text.data() + text.size())) < PlainRecord::padding) {
    tail.assign(text);
    tail.append(PlainRecord::padding, ' ');
    readable = std::string_view(tail).substr(0, text.size());
  }
  if (reads_plain) {
    if (plain.read(readable, keys, builder)) return builder.end_row(text, line, true);
    builder.begin_row();
  }
  simdjson::error_code error = simdjson::SUCCESS;
  if (parser.capacity() < readable.size()) error = parser.allocate(readable.size() * 2 + 4096);
  ondemand::document document;
  if (!error) {
    error = parser.iterate(simdjson::padded_string_view(readable, readable.size() + simdjson::SIMDJSON_PADDING))
                .get(document);
  }
  if (error == simdjson::UTF8_ERROR) {
    builder.unreadable("bad_utf8", "expected UTF-8, got other bytes");
  } else if (error) {
    builder.unreadable("bad_json", std::string("expected a JSON object, got: ") + simdjson::error_message(error));
  } else if (text.front() != '{') {
    builder.unreadable("bad_json", "expected a JSON object, got " + std::string(text.substr(0, 40)));
  } else if (!fields(document, readable)) {
    builder.unreadable("bad_json", "expected a JSON object, got a malformed one");
  }
  builder.end_row(text, line);
}

JsonReader::JsonReader(RowBuilder& builder, bool reads_plain) : state_(std::make_unique<State>(builder, reads_plain)) {}
JsonReader::~JsonReader() = default;

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view trim(std::string_view s) {
  while (!s.empty() && is_blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_blank(s.back())) s.remove_suffix(1);
  return s;
}

std::string_view without_mark(std::string_view body) {
  return body.substr(0, 3) == "\xEF\xBB\xBF" ? body.substr(3) : body;
}

}  // namespace

std::uint64_t JsonReader::read_lines(std::string_view body) {
  body = without_mark(body);
  state_->begin_body(body);
  std::uint64_t line = 0;
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t end = std::min(body.find('\n', at), body.size());
    ++line;
    const std::string_view text = trim(body.substr(at, end - at));
    if (!text.empty()) state_->record(text, line);
    at = end + 1;
  }
  state_->end_body();
  return line;
}

void JsonReader::read_array(std::string_view body) {
  body = without_mark(body);
  state_->begin_body(body);
  const std::string_view inner = trim(body);
  if (inner.empty()) return;
  if (inner.front() != '[') {
    state_->record(inner, 1);
    state_->end_body();
    return;
  }
  std::uint64_t line = 1;
  for (const char* p = body.data(); p < inner.data(); ++p) line += *p == '\n';
  int depth = 0;
  bool in_text = false, is_closed = false, had_comma = false;
  std::size_t from = 1;
  std::uint64_t from_line = line, elements = 0;
  std::size_t i = 1;
  const auto element = [&](std::size_t to, bool is_last) {
    const std::string_view text = trim(inner.substr(from, to - from));
    const bool is_empty_array = is_last && elements == 0 && !had_comma;
    if (!text.empty() || !is_empty_array) {
      ++elements;
      if (text.empty()) {
        state_->builder.begin_row();
        state_->builder.unreadable("bad_json", "expected a JSON object between commas, got nothing");
        state_->builder.end_row(text, from_line);
      } else {
        const char* start = inner.data() + from;
        for (const char* p = start; p < text.data(); ++p) from_line += *p == '\n';
        state_->record(text, from_line);
      }
    }
  };
  for (; i < inner.size() && !is_closed; ++i) {
    const char c = inner[i];
    if (c == '\n') ++line;
    if (in_text) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_text = false;
      }
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || (c == ']' && depth > 0)) {
      if (depth > 0) --depth;
    } else if (depth == 0 && (c == ',' || c == ']')) {
      is_closed = c == ']';
      element(i, is_closed);
      had_comma = true;
      from = i + 1;
      from_line = line;
    }
  }
  const std::string_view rest = trim(inner.substr(std::min(from, inner.size())));
  if (!is_closed || !rest.empty()) {
    state_->builder.begin_row();
    state_->builder.unreadable("bad_json", is_closed ? "expected nothing after the array, got more"
                                                     : "expected the array to be closed, got the end of the body");
    state_->builder.end_row(rest, from_line);
  }
  state_->end_body();
}

}  // namespace tidewatch
