// Any text as an expression: it compiles and runs on rows with nulls, or it is refused with a caret.
#include <cstdint>
#include <cstdlib>

#include "records/decode.h"

using namespace tidewatch;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  StreamSpec stream;
  stream.time = "ts";
  stream.schema.columns = {{"ts", ColumnType::time, false},  {"c", ColumnType::category, true},
                           {"i", ColumnType::integer, true}, {"x", ColumnType::number, true},
                           {"b", ColumnType::boolean, true}, {"s", ColumnType::string, true}};
  static const Batch batch = *Decoder::create(stream)->decode(
      "ts,c,i,x,b,s\n1,a,2,3.5,true,t\n2,,,,,\n3,b,-1,inf,false,\n4,a,0,nan,,u\n5,a,,1,true,\n", BodyFormat::csv);
  const auto expression = Expression::compile(std::string_view(reinterpret_cast<const char*>(data), size), stream);
  if (!expression) {
    if (expression.error().text.empty()) std::abort();
    return 0;
  }
  std::vector<std::uint8_t> truths;
  Column numbers;
  if (expression->kind() == ExpressionKind::truth) expression->test(batch, truths);
  if (expression->kind() != ExpressionKind::text) expression->compute(batch, numbers);
  for (const std::uint8_t truth : truths) {
    if (truth > truth_unknown) std::abort();
  }
  return 0;
}
