// The decoder joins a format's reader with the row builder and appends derived columns. The record's own columns are
// decoded first and whole: a derived column is then one pass over columns, and can read another one before it.
#include "records/decode.h"

#include <limits>

#include "base/text.h"
#include "records/decode_csv.h"
#include "records/decode_ndjson.h"
#include "records/row_builder.h"

namespace tidewatch {

struct Decoder::State {
  explicit State(const StreamSpec& stream) : builder(stream), json(builder) {}

  RowBuilder builder;
  JsonReader json;                                 // refers to builder; a State never moves
  std::vector<std::optional<Expression>> derived;  // none: filled when rows are in order
  std::uint64_t lines = 0;
};

Decoder::Decoder(std::unique_ptr<State> state) : state_(std::move(state)) {}
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

Result<Decoder> Decoder::create(const StreamSpec& stream) {
  const auto time = stream.schema.find(stream.time);
  if (!time || stream.schema.columns[*time].type != ColumnType::time) {
    const std::vector<std::string> names = stream.schema.names();
    return invalid("stream \"" + stream.name + "\": expected its time to be a column of type time, got \"" +
                   stream.time + "\"" + (time ? "" : did_you_mean(stream.time, names)));
  }
  auto state = std::make_unique<State>(stream);
  StreamSpec so_far = stream;
  so_far.derived.clear();
  for (const DerivedSpec& spec : stream.derived) {
    if (!spec.previous_of.empty()) {
      state->derived.emplace_back();
      so_far.derived.push_back(spec);
      continue;
    }
    auto expression = Expression::compile(spec.expression, so_far);
    if (!expression) return expression.error().within("derived column \"" + spec.name + "\"");
    if (expression->kind() == ExpressionKind::text) {
      return invalid("derived column \"" + spec.name + "\": expected a number, got a text");
    }
    state->derived.push_back(std::move(*expression));
    so_far.derived.push_back(spec);
  }
  return Decoder(std::move(state));
}

BodyFormat format_of(std::string_view body) {
  const auto first = body.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first == std::string_view::npos) return BodyFormat::ndjson;
  return body[first] == '{' ? BodyFormat::ndjson : body[first] == '[' ? BodyFormat::json_array : BodyFormat::csv;
}

std::uint64_t Decoder::lines() const { return state_->lines; }

Result<Batch> Decoder::decode(std::string_view body, BodyFormat format) {
  // Text columns count their characters in 32 bits.
  if (body.size() >= std::numeric_limits<std::uint32_t>::max() / 2) {
    return invalid("decoding a body: expected less than 2 GiB, got " + with_thousands(body.size()) + " bytes");
  }
  state_->lines = 0;
  state_->builder.begin_body(body.size());
  switch (format) {
    case BodyFormat::ndjson:
      state_->lines = state_->json.read_lines(body);
      break;
    case BodyFormat::json_array:
      state_->json.read_array(body);
      break;
    case BodyFormat::csv: {
      const Done read = read_csv(body, state_->builder);
      if (!read) return read.error();
      break;
    }
  }
  Batch batch = state_->builder.finish();
  for (const auto& expression : state_->derived) {
    Column column;
    if (expression) {
      expression->compute(batch, column);
    } else {
      column.null.assign(batch.rows, 1);
      column.numbers.assign(batch.rows, 0);
    }
    batch.columns.push_back(std::move(column));
  }
  return batch;
}

}  // namespace tidewatch
