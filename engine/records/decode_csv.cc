// See decode_csv.h. A row that breaks the grammar costs itself only: reading goes on at the next line, also after a
// quote that never closes, which would otherwise swallow the rest of the body.
#include "records/decode_csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <deque>

#include "base/text.h"
#include "records/decode_time.h"

namespace tidewatch {

namespace {

struct Field {
  std::string_view text;
  bool was_quoted = false;
};

// Splits one record after another. Texts with doubled quotes are rewritten into a scratch that lives until the next.
class RecordReader {
 public:
  explicit RecordReader(std::string_view body) : body_(body) {}

  bool at_end() const { return at_ >= body_.size(); }
  const std::vector<Field>& fields() const { return fields_; }
  std::string_view record() const { return record_; }
  std::uint64_t line() const { return line_; }
  const std::string& fault() const { return fault_; }  // empty when the record was well formed

  void next() {
    fields_.clear();
    fault_.clear();
    scratch_.clear();
    line_ = next_line_;
    const std::size_t start = at_;
    for (;;) {
      if (!field()) {
        resume_after_line(start);
        return;
      }
      if (at_ < body_.size() && body_[at_] == ',') {
        ++at_;
        continue;
      }
      break;
    }
    record_ = without_return(body_.substr(start, at_ - start));
    skip_line_end();
  }

 private:
  static std::string_view without_return(std::string_view record) {
    if (!record.empty() && record.back() == '\r') record.remove_suffix(1);
    return record;
  }

  // Reads one field and stops at a comma, a line end or the end.
  bool field() {
    if (at_ < body_.size() && body_[at_] == '"') return quoted();
    const std::size_t from = at_;
    while (at_ < body_.size() && body_[at_] != ',' && body_[at_] != '\n') {
      if (body_[at_] == '"') {
        fault_ = "a quote inside an unquoted field";
        return false;
      }
      ++at_;
    }
    std::string_view text = body_.substr(from, at_ - from);
    const bool ends_line = at_ >= body_.size() || body_[at_] == '\n';
    if (ends_line && !text.empty() && text.back() == '\r') text.remove_suffix(1);
    fields_.push_back({text, false});
    return true;
  }

  bool quoted() {
    const std::size_t from = ++at_;
    bool has_doubled = false;
    for (;;) {
      const std::size_t quote = body_.find('"', at_);
      if (quote == std::string_view::npos) {
        fault_ = "a quote that is never closed";
        return false;
      }
      at_ = quote + 1;
      if (at_ < body_.size() && body_[at_] == '"') {
        has_doubled = true;
        ++at_;
        continue;
      }
      break;
    }
    const std::string_view text = body_.substr(from, at_ - 1 - from);
    next_line_ += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
    fields_.push_back({has_doubled ? undoubled(text) : text, true});
    if (body_.substr(at_, 2) == "\r\n" || (at_ + 1 == body_.size() && body_[at_] == '\r')) ++at_;
    if (at_ >= body_.size() || body_[at_] == ',' || body_[at_] == '\n') return true;
    fault_ = "text after a closing quote";
    return false;
  }

  std::string_view undoubled(std::string_view text) {
    std::string& out = scratch_.emplace_back();
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
      out += text[i];
      if (text[i] == '"') ++i;
    }
    return out;
  }

  void skip_line_end() {
    if (at_ < body_.size()) {
      ++at_;
      ++next_line_;
    }
  }

  // An unclosed quote gives back what it swallowed; another fault goes on after the line it stands in.
  void resume_after_line(std::size_t start) {
    const bool is_unclosed = fault_ == "a quote that is never closed";
    if (is_unclosed) next_line_ = line_;
    at_ = std::min(body_.find('\n', is_unclosed ? start : at_), body_.size());
    record_ = without_return(body_.substr(start, at_ - start));
    skip_line_end();
  }

  std::string_view body_;
  std::size_t at_ = 0;
  std::uint64_t next_line_ = 1, line_ = 1;
  std::vector<Field> fields_;
  std::deque<std::string> scratch_;  // a deque: fields point into its strings while it grows
  std::string_view record_;
  std::string fault_;
};

std::string_view trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

bool same_word(std::string_view s, std::string_view lower) {
  return s.size() == lower.size() &&
         std::equal(s.begin(), s.end(), lower.begin(), [](char a, char b) { return (a | 0x20) == b; });
}

// NaN and inf are numbers here, in any case and with a sign: metrics exclude and count them.
bool parse_number(std::string_view s, double& out) {
  s = trim(s);
  if (s.size() > 1 && s[0] == '+' && s[1] != '-') s.remove_prefix(1);
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), out);
  if (s.empty() || end != s.data() + s.size()) return false;
  if (error == std::errc()) return true;
  if (error != std::errc::result_out_of_range) return false;
  if (s.find("e-") == std::string_view::npos && s.find("E-") == std::string_view::npos) return false;
  out = s[0] == '-' ? -0.0 : 0.0;
  return true;
}

bool parse_integer(std::string_view s, std::int64_t& out) {
  s = trim(s);
  if (s.size() > 1 && s[0] == '+' && s[1] != '-') s.remove_prefix(1);
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), out);
  if (!s.empty() && error == std::errc() && end == s.data() + s.size()) return true;
  double number = 0;
  if (!parse_number(s, number) || number != std::floor(number) || std::abs(number) > 9007199254740992.0) return false;
  out = static_cast<std::int64_t>(number);
  return true;
}

void set_time(RowBuilder& builder, std::size_t column, std::string_view text) {
  std::int64_t ns = 0, whole = 0;
  double number = 0;
  text = trim(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  bool good = false;
  if (error == std::errc() && end == text.data() + text.size()) {
    good = epoch_to_ns(whole, ns);
  } else if (text.size() < 10 || text[4] != '-' || text[7] != '-') {
    good = parse_number(text, number) ? epoch_to_ns(number, ns) : parse_event_time(text, builder.zone(), ns);
  } else {
    good = parse_event_time(text, builder.zone(), ns);
  }
  if (good) {
    builder.set_integer(column, ns);
  } else {
    builder.bad_time(column, text);
  }
}

void set_field(RowBuilder& builder, std::size_t column, const Field& field) {
  if (field.text.empty() && !field.was_quoted) return builder.set_null(column);
  switch (builder.columns()[column].type) {
    case ColumnType::number: {
      double v = 0;
      return parse_number(field.text, v) ? builder.set_number(column, v)
                                         : builder.wrong_type(column, "string", field.text);
    }
    case ColumnType::integer: {
      std::int64_t v = 0;
      double number = 0;
      if (parse_integer(field.text, v)) return builder.set_integer(column, v);
      return builder.wrong_type(column, parse_number(field.text, number) ? "number" : "string", field.text);
    }
    case ColumnType::boolean: {
      const std::string_view word = trim(field.text);
      if (word == "1" || same_word(word, "true")) return builder.set_integer(column, 1);
      if (word == "0" || same_word(word, "false")) return builder.set_integer(column, 0);
      return builder.wrong_type(column, "string", field.text);
    }
    case ColumnType::string:
    case ColumnType::category:
      return builder.set_text(column, field.text);
    case ColumnType::time:
      return set_time(builder, column, field.text);
  }
}

// The header's columns as indices into the schema, -1 where unknown; states what was added and reordered.
Result<std::vector<int>> map_header(const RecordReader& reader, RowBuilder& builder,
                                    std::vector<std::string>& unknown) {
  std::vector<int> mapping;
  std::vector<std::string_view> names;
  for (const Field& field : reader.fields()) {
    const std::string_view name = trim(field.text);
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      return invalid("reading a CSV header: column \"" + std::string(name) + "\" is there twice");
    }
    names.push_back(name);
    mapping.push_back(builder.find(name));
    if (mapping.back() < 0) unknown.emplace_back(name);
  }
  return mapping;
}

void state_header_facts(const std::vector<int>& mapping, const std::vector<std::string>& unknown, RowBuilder& builder) {
  const std::uint64_t rows = builder.received();
  if (rows == 0) return;
  for (const std::string& name : unknown) builder.state_fact("added", name, "not in the schema", rows);
  int highest = -1;
  bool is_reordered = false;
  std::string order;
  for (const int column : mapping) {
    if (column < 0) continue;
    is_reordered = is_reordered || column < highest;
    highest = std::max(highest, column);
    if (!order.empty()) order += ", ";
    order += builder.columns()[static_cast<std::size_t>(column)].name;
  }
  if (is_reordered) builder.state_fact("reordered", "", "got " + order, rows);
  for (std::size_t c = 0; c < builder.columns().size(); ++c) {
    const ColumnSpec& spec = builder.columns()[c];
    // A required column that is absent was stated row by row, as in JSON.
    if (!spec.nullable || std::find(mapping.begin(), mapping.end(), static_cast<int>(c)) != mapping.end()) continue;
    builder.state_fact("removed", spec.name, "expected " + std::string(name_of(spec.type)) + ", got nothing", rows);
  }
}

}  // namespace

Done read_csv(std::string_view body, RowBuilder& builder) {
  if (body.substr(0, 3) == "\xEF\xBB\xBF") body.remove_prefix(3);
  const bool is_utf8 = is_valid_utf8(body);
  RecordReader reader(body);
  const auto is_blank = [&] {
    return reader.fault().empty() && reader.fields().size() == 1 && !reader.fields()[0].was_quoted &&
           trim(reader.fields()[0].text).empty();
  };
  do {
    if (reader.at_end()) return done();
    reader.next();
  } while (is_blank());
  if (!reader.fault().empty()) return invalid("reading a CSV header: expected RFC 4180, got " + reader.fault());
  std::vector<std::string> unknown;
  const auto mapping = map_header(reader, builder, unknown);
  if (!mapping) return mapping.error();
  while (!reader.at_end()) {
    reader.next();
    if (is_blank()) continue;
    builder.begin_row();
    const std::vector<Field>& fields = reader.fields();
    if (!reader.fault().empty()) {
      builder.unreadable("bad_csv", "expected RFC 4180, got " + reader.fault());
    } else if (!is_utf8 && !is_valid_utf8(reader.record())) {
      builder.unreadable("bad_utf8", "expected UTF-8, got other bytes");
    } else if (fields.size() != mapping->size()) {
      builder.unreadable("bad_csv", "expected " + std::to_string(mapping->size()) + " fields as in the header, got " +
                                        std::to_string(fields.size()));
    } else {
      for (std::size_t i = 0; i < fields.size(); ++i) {
        if ((*mapping)[i] >= 0) set_field(builder, static_cast<std::size_t>((*mapping)[i]), fields[i]);
      }
    }
    builder.end_row(reader.record(), reader.line());
  }
  state_header_facts(*mapping, unknown, builder);
  return done();
}

}  // namespace tidewatch
