// Bodies to batches. A bad row is rejected with its reason and the rest of the body lands; a body that is not the
// format at all rejects its unreadable lines one by one. Rows never vanish: received = rows + rejected.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "records/batch.h"
#include "records/expression.h"

namespace tidewatch {

enum class BodyFormat { ndjson, json_array, csv };

// Of a file, by its first byte that is no blank: a brace begins NDJSON, a bracket a JSON array, anything else is CSV.
BodyFormat format_of(std::string_view body);

// Decodes bodies of one stream. Reused between bodies (parser buffers are kept); not thread-safe.
//   CSV      RFC 4180; the first line is the header; an empty unquoted field is null; "" is the empty text
//   JSON     null or an absent nullable key is null; an absent required key rejects the row (missing_column)
//   time     ISO 8601 text, or epoch seconds / milliseconds as a JSON or CSV number (>= 1e11 means milliseconds)
//   unknown  columns not in the schema are ignored for the row but stated as a SchemaFact "added"
//   numbers  integers must be whole; a quoted number is wrong_type in JSON, fine in CSV
//   derived  columns are evaluated here, once, so that every later reader sees plain columns
class Decoder {
 public:
  static Result<Decoder> create(const StreamSpec& stream);  // fails when a derived expression does not compile
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;
  ~Decoder();

  Result<Batch> decode(std::string_view body, BodyFormat format);
  // Of the last body, when it was NDJSON.
  std::uint64_t lines() const;

 private:
  struct State;
  explicit Decoder(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tidewatch
