// What expressions mean, stated case by case, and what people read when one is wrong.
#include <catch2/catch.hpp>

#include "streams.h"

using namespace tidewatch;
using namespace tidewatch::testing;

namespace {

Batch rows() {
  return decoded(api_stream(),
                 R"({"ts":"2026-03-02","endpoint":"/score","status":200,"latency_ms":10,"ok":true,"note":"Ab"}
{"ts":"2026-03-03","endpoint":"/health","status":500}
{"ts":"2026-03-04","endpoint":"/score","status":503,"latency_ms":-2.5,"ok":false,"note":""})");
}

// One letter a row: T, F, ?.
std::string truths(std::string_view text, const Batch& batch) {
  auto expression = Expression::compile(text, api_stream());
  if (!expression) return expression.error().text;
  if (expression->kind() != ExpressionKind::truth) return "not a condition";
  std::vector<std::uint8_t> out;
  expression->test(batch, out);
  std::string letters;
  for (const std::uint8_t truth : out) letters += "FT?"[truth];
  return letters;
}

std::string numbers(std::string_view text, const Batch& batch) {
  auto expression = Expression::compile(text, api_stream());
  if (!expression) return expression.error().text;
  Column out;
  expression->compute(batch, out);
  std::string all;
  for (std::size_t i = 0; i < batch.rows; ++i) {
    char one[32];
    std::snprintf(one, sizeof one, "%g ", out.numbers[i]);
    all += out.null[i] ? "null " : one;
  }
  return all;
}

std::string error(std::string_view text) {
  const auto expression = Expression::compile(text, api_stream());
  return expression ? "no error" : expression.error().text;
}

}  // namespace

TEST_CASE("conditions over columns follow three-valued logic") {
  const Batch batch = rows();
  CHECK(truths("status >= 500", batch) == "FTT");
  CHECK(truths("status >= 500 and endpoint ~= '/health'", batch) == "FFT");
  CHECK(truths("latency_ms > 5", batch) == "T?F");
  CHECK(truths("not (latency_ms > 5)", batch) == "F?T");
  CHECK(truths("latency_ms > 5 or status == 500", batch) == "TTF");
  CHECK(truths("latency_ms > 5 and status == 200", batch) == "TFF");
  CHECK(truths("latency_ms == nil", batch) == "FTF");
  CHECK(truths("nil ~= latency_ms", batch) == "TFT");
  CHECK(truths("is_null(ok)", batch) == "FTF");
  CHECK(truths("ok", batch) == "T?F");
  CHECK(truths("ok == true", batch) == "T?F");
  CHECK(truths("coalesce(ok, false)", batch) == "TFF");
  CHECK(truths("note == ''", batch) == "F?T");
  CHECK(truths("coalesce(note, 'none') == 'none'", batch) == "FTF");
  CHECK(truths("lower(note) == \"ab\" or is_null(note)", batch) == "TTF");
  CHECK(truths("starts_with(endpoint, '/s') and contains(endpoint, 'cor')", batch) == "TFT");
  CHECK(truths("ts >= '2026-03-03'", batch) == "FTT");
  CHECK(truths("'2026-03-03' > ts", batch) == "TFF");
  CHECK(truths("note .. endpoint == 'Ab/score'", batch) == "T?F");
}

TEST_CASE("numbers over columns keep nulls and Lua's precedence") {
  const Batch batch = rows();
  CHECK(numbers("abs(latency_ms) * 2", batch) == "20 null 5 ");
  CHECK(numbers("-2 ^ 2", batch) == "-4 -4 -4 ");
  CHECK(numbers("2 ^ 3 ^ 0", batch) == "2 2 2 ");
  CHECK(numbers("2 ^ -1 + 1", batch) == "1.5 1.5 1.5 ");
  CHECK(numbers("status % 7 - 0x10", batch) == "-12 -13 -10 ");
  CHECK(numbers("-7 % 3", batch) == "2 2 2 ");
  CHECK(numbers("max(status, 300, 502)", batch) == "502 502 503 ");
  CHECK(numbers("min(1, latency_ms)", batch) == "1 null -2.5 ");
  CHECK(numbers("coalesce(latency_ms, status)", batch) == "10 500 -2.5 ");
  CHECK(numbers("len(note)", batch) == "2 null 0 ");
  CHECK(numbers("status / 0", batch) == "inf inf inf ");
  CHECK(numbers("ts - ts", batch) == "0 0 0 ");
  CHECK(numbers("floor(-1.5) + ceil(1.2) + sqrt(4)", batch) == "2 2 2 ");
}

TEST_CASE("nulls of a right operand outlive the next operand", "[regression]") {
  CHECK(numbers("(2 * (latency_ms + latency_ms)) + (1 + (status + 1))", rows()) == "242 null 495 ");
  CHECK(numbers("coalesce(1 * (latency_ms + latency_ms), status + status)", rows()) == "20 1000 -5 ");
}

TEST_CASE("an expression says which columns it reads and of what kind it is") {
  const auto expression = Expression::compile("status > 1 and ts > 0 and status < 9", api_stream());
  REQUIRE(expression);
  CHECK(expression->columns() == std::vector<std::size_t>{0, 2});
  CHECK(expression->kind() == ExpressionKind::truth);
  CHECK(Expression::compile("note", api_stream())->kind() == ExpressionKind::text);
}

TEST_CASE("a mistake is shown with a caret and the nearest name") {
  CHECK(error("statuz >= 500") == "unknown column \"statuz\" (did you mean \"status\"?)\n   statuz >= 500\n   ^^^^^^");
  CHECK(error("status >= '500'") == "cannot compare a number with a text\n   status >= '500'\n   ^^^^^^^^^^^^^^^");
  CHECK(error("status != 5") == "unknown operator \"!=\" (did you mean \"~=\"?)\n   status != 5\n          ^^");
  CHECK(error("status = 5") == "unknown operator \"=\" (did you mean \"==\"?)\n   status = 5\n          ^");
  CHECK(error("status and ok") == "\"and\" needs a condition, got a number\n   status and ok\n   ^^^^^^");
  CHECK(error("abz(status)") == "unknown function \"abz\" (did you mean \"abs\"?)\n   abz(status)\n   ^^^");
  CHECK(error("1 < status < 3") == "cannot compare a condition with a number\n   1 < status < 3\n   ^^^^^^^^^^^^^^");
  CHECK(error("status >") == "expected a value, got the end\n   status >\n           ^");
  CHECK(error("(status") == "expected \")\", got the end\n   (status\n          ^");
  CHECK(error("status status") ==
        "expected an operator or the end, got \"status\"\n   status status\n          ^^^^^^");
  CHECK(error("") == "expected an expression, got nothing\n   \n   ^");
  CHECK(error("status > nil") == "\">\" with nil; only == and ~= test for null\n   status > nil\n            ^^^");
  CHECK(error("ok and\n  note > 3") == "cannot compare a text with a number\n     note > 3\n     ^^^^^^^^");
  CHECK(error("note == 'é' .. 4") == "\"..\" needs a text, got a number\n   note == 'é' .. 4\n                  ^");
  CHECK(error("ts > 'soon'") == "expected a time beside a time column, got \"soon\"\n   ts > 'soon'\n        ^^^^^^");
  CHECK(error("len(status)") == "len() needs a text, got a number\n   len(status)\n       ^^^^^^");
  CHECK(error("starts_with(note)") ==
        "starts_with() needs 2 values, got 1\n   starts_with(note)\n   ^^^^^^^^^^^^^^^^^");
  CHECK(error("'abc") == "a text that is never closed\n   'abc\n   ^^^^");
  CHECK(error("3x") == "malformed number\n   3x\n   ^^");
}

TEST_CASE("deep and long expressions are refused, not a crash") {
  CHECK(error(std::string(5000, '(')).substr(0, 23) == "nested deeper than 100\n");
  std::string chain = "1";
  for (int i = 0; i < 900; ++i) chain += "+1";
  CHECK(error(chain).substr(0, 9) == "the expre");
  std::string fitting = "1";
  for (int i = 0; i < 400; ++i) fitting += "+1";
  CHECK(numbers(fitting, rows()) == "401 401 401 ");
  CHECK(error(std::string(20000, ' ')).substr(0, 16) == "an expression of");
}

TEST_CASE("results do not depend on blocks or on dictionary tables") {
  std::string body;
  for (int i = 0; i < 5000; ++i) {
    body += "{\"ts\":" + std::to_string(i) + ",\"endpoint\":\"/" + std::to_string(i % 7) +
            "\",\"status\":" + std::to_string(i) + (i % 5 ? ",\"note\":\"" + std::to_string(i % 3) + "\"}\n" : "}\n");
  }
  const Batch whole = decoded(api_stream(), body);
  for (const std::string text :
       {"endpoint == '/3' or endpoint == '/4'", "len(note .. endpoint) > 2 and endpoint < '/5'",
        "coalesce(note, 'x') == 'x' and upper(endpoint) ~= '/0'", "is_null(note) == (status % 5 == 0)"}) {
    INFO(text);
    const std::string all = truths(text, whole);
    REQUIRE(all.size() == 5000);
    std::string by_row;
    for (std::size_t i = 0; i < whole.rows; ++i) by_row += truths(text, whole.slice(i, i + 1));
    CHECK(all == by_row);
  }
}

TEST_CASE("some rows of a batch are tested as all of them are, by one expression in any order of batches") {
  std::string body;
  for (int i = 0; i < 3000; ++i) {
    body += "{\"ts\":" + std::to_string(i) + ",\"endpoint\":\"/" + std::to_string(i % 7) +
            "\",\"status\":" + std::to_string(i % 13) + (i % 4 ? ",\"ok\":true" : "") +
            (i % 3 ? ",\"latency_ms\":" + std::to_string(i % 11) : "") +
            (i % 5 ? ",\"note\":\"" + std::to_string(i % 3) + "\"}\n" : "}\n");
  }
  const Batch large = decoded(api_stream(), body), small = large.slice(100, 140);
  const unsigned seed = 20261;
  std::mt19937 random(seed);
  for (const std::string text :
       {"status >= 5", "latency_ms > 3", "ts > 1000 and latency_ms * 2 > status", "ok", "not ok or note == '1'",
        "endpoint == '/3' or endpoint == '/4'", "len(note .. endpoint) > 2 and endpoint < '/5'",
        "coalesce(note, 'x') == 'x' and upper(endpoint) ~= '/0'", "coalesce(latency_ms, status) > 4",
        "is_null(note) == (status % 5 == 0)"}) {
    INFO(text << ", seed " << seed);
    auto expression = Expression::compile(text, api_stream());
    REQUIRE(expression);
    std::vector<std::uint8_t> whole, some;
    for (int i = 0; i < 12; ++i) {
      const Batch& batch = i % 3 == 1 ? small : large;
      const unsigned one_in = i % 2 ? 2 : 300;
      std::vector<std::uint32_t> rows;
      for (std::uint32_t row = 0; row < batch.rows; ++row)
        if (random() % one_in == 0) rows.push_back(row);
      expression->test(batch, rows, some);
      expression->test(batch, whole);
      for (const std::uint32_t row : rows) REQUIRE(int(some[row]) == int(whole[row]));
    }
  }
}
