// What a pack's own functions answer the core: verdicts of `when`, rows of `where`, and what becomes of both when the
// function is wrong or never ends.
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "bindings/problems.h"
#include "pack_folder.h"
#include "records/decode.h"

using namespace tidewatch;

namespace {

const std::string api =
    "local api = stream \"api\" { time = \"ts\", columns = { ts = \"time\", endpoint = \"category\", status = "
    "\"integer\", "
    "latency_ms = \"number?\" } }\n";

// One monitor with this body of `when`, judged on one reading of value `value`.
Judgement judged(const std::string& body, double value) {
  PackFolder folder(
      api +
      "monitor \"m\" { every = \"1m\", inputs = { n = api:count { over = \"1h\" } }, when = function(now, labels)\n" +
      body + "\nend }\n");
  std::vector<Problem> problems;
  const auto pack = ScriptPack::load(folder.path.string(), problems);
  INFO(problems_text(problems));
  REQUIRE(pack);
  REQUIRE(pack->spec().monitors.size() == 1);
  Reading reading;
  reading.value = value;
  reading.status = Status::ok;
  reading.n = 7;
  const std::pair<std::string_view, const Reading*> inputs[] = {{"n", &reading}};
  const LabelSet labels(std::vector<std::pair<std::string, std::string>>{{"endpoint", "/score"}});
  return pack->judge(pack->spec().monitors[0].judge, labels, inputs, Instant{});
}

Batch batch_of(const StreamSpec& stream, const std::string& rows) {
  auto decoder = Decoder::create(stream);
  REQUIRE(decoder);
  auto batch = decoder->decode(rows, BodyFormat::ndjson);
  REQUIRE(batch);
  return std::move(*batch);
}

std::unique_ptr<ScriptPack> with_where(const std::string& body) {
  PackFolder folder(api + "monitor \"m\" { value = api:count { over = \"1m\", where = function(r) " + body +
                    " end }, critical = above(1) }\n");
  std::vector<Problem> problems;
  auto pack = ScriptPack::load(folder.path.string(), problems);
  INFO(problems_text(problems));
  REQUIRE(pack);
  return pack;
}

}  // namespace

TEST_CASE("a when function fires with its severity and formatted sentence") {
  const std::string body =
      "if now.n.value < 10 then return unknown \"too few\" end\n"
      "if now.n.value > 100 then return critical(\"%d on %s, n %d\", now.n.value, labels.endpoint, now.n.n) end\n"
      "if now.n.value > 50 then return warning \"many\" end";
  const Judgement few = judged(body, 5), calm = judged(body, 20), many = judged(body, 60), worst = judged(body, 200);
  CHECK(few.kind == Judgement::Kind::unknown);
  CHECK(few.message == "too few");
  CHECK(calm.kind == Judgement::Kind::ok);
  CHECK(many.kind == Judgement::Kind::fires);
  CHECK(many.severity == Severity::warning);
  CHECK(worst.severity == Severity::critical);
  CHECK(worst.message == "200 on /score, n 7");
}

TEST_CASE("a when function that fails or answers something else is an error with its place") {
  const Judgement failed = judged("return now.missing.value > 1", 1);
  CHECK(failed.kind == Judgement::Kind::error);
  CHECK(failed.message.find("demo/pack.lua:3:") != std::string::npos);
  const Judgement odd = judged("return 3", 1);
  CHECK(odd.kind == Judgement::Kind::error);
  CHECK(odd.message.find("expected a verdict") != std::string::npos);
}

TEST_CASE("a when function that never ends or eats memory is stopped, and the next call still answers") {
  const Judgement endless = judged("while true do end", 1);
  CHECK(endless.kind == Judgement::Kind::error);
  CHECK_FALSE(endless.message.empty());
  const Judgement caught = judged("while true do pcall(function() while true do end end) end", 1);
  CHECK(caught.kind == Judgement::Kind::error);
  const Judgement greedy = judged("local t = {} for i = 1, 1e9 do t[i] = (\"x\"):rep(1000) .. i end", 1);
  CHECK(greedy.kind == Judgement::Kind::error);

  PackFolder folder(
      api +
      "monitor \"m\" { every = \"1m\", inputs = { n = api:count { over = \"1h\" } }, when = function(now)\n"
      "while now.n.value > 5 do end\nreturn warning \"alive\" end }\n");
  std::vector<Problem> problems;
  const auto pack = ScriptPack::load(folder.path.string(), problems);
  REQUIRE(pack);
  Reading reading;
  reading.status = Status::ok;
  const std::pair<std::string_view, const Reading*> inputs[] = {{"n", &reading}};
  reading.value = 9;
  CHECK(pack->judge(pack->spec().monitors[0].judge, {}, inputs, Instant{}).kind == Judgement::Kind::error);
  reading.value = 1;
  CHECK(pack->judge(pack->spec().monitors[0].judge, {}, inputs, Instant{}).message == "alive");
}

TEST_CASE("where as a function and as an expression choose the same rows") {
  const std::pair<const char*, const char*> cases[] = {
      {"status >= 500", "return r.status >= 500"},
      {"status >= 500 and endpoint ~= '/health'", "return r.status >= 500 and r.endpoint ~= '/health'"},
      {"latency_ms > 10 or status == 200", "return (r.latency_ms ~= nil and r.latency_ms > 10) or r.status == 200"},
      {"latency_ms == nil", "return r.latency_ms == nil"},
      {"not (endpoint == '/a')", "return not (r.endpoint == '/a')"},
      {"status % 100 == 4 or -status < -403", "return r.status % 100 == 4 or -r.status < -403"},
      {"latency_ms * 2 + 1 < status / 10", "return r.latency_ms ~= nil and r.latency_ms * 2 + 1 < r.status / 10"},
      {"endpoint < '/b'", "return r.endpoint < '/b'"},
      {"abs(status - 300) <= 100", "return math.abs(r.status - 300) <= 100"},
  };
  const unsigned seed = 20261121;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const char* const endpoints[] = {"/a", "/b", "/health"};
  std::string rows;
  for (int i = 0; i < 1000; ++i) {
    rows += "{\"ts\":" + std::to_string(1767225600 + i) + ",\"endpoint\":\"" + endpoints[random() % 3] +
            "\",\"status\":" + std::to_string(200 + random() % 400) + ",\"latency_ms\":" +
            (random() % 4 == 0 ? "null" : std::to_string(random() % 80) + "." + std::to_string(random() % 10)) + "}\n";
  }
  for (const auto& [expression, function] : cases) {
    INFO(expression);
    const auto pack = with_where(function);
    const StreamSpec& stream = pack->spec().streams[0];
    const Batch batch = batch_of(stream, rows);
    REQUIRE(batch.rows == 1000);
    const auto compiled = Expression::compile(expression, stream);
    REQUIRE(compiled);
    std::vector<std::uint8_t> native, scripted;
    compiled->test(batch, native);
    std::string reason;
    REQUIRE(pack->test(pack->spec().handles[0].metric.predicate, batch, scripted, reason));
    std::size_t chosen = 0, different = 0;
    for (std::size_t i = 0; i < batch.rows; ++i) {
      chosen += scripted[i];
      different += (native[i] == truth_true) != (scripted[i] != 0);
    }
    CHECK(different == 0);
    CHECK(chosen > 0);
    CHECK(chosen < batch.rows);
  }
}

TEST_CASE("comparing a null in a where function names the row's null columns") {
  const auto pack = with_where("return r.latency_ms > 5");
  const StreamSpec& stream = pack->spec().streams[0];
  std::vector<std::uint8_t> out;
  std::string reason;
  const int function = pack->spec().handles[0].metric.predicate;
  CHECK(pack->test(function,
                   batch_of(stream, "{\"ts\":1767225600,\"endpoint\":\"/a\",\"status\":200,\"latency_ms\":8}\n"), out,
                   reason));
  CHECK(out == std::vector<std::uint8_t>{1});
  const Batch with_null = batch_of(stream,
                                   "{\"ts\":1767225600,\"endpoint\":\"/a\",\"status\":200,\"latency_ms\":8}\n"
                                   "{\"ts\":1767225601,\"endpoint\":\"/a\",\"status\":200,\"latency_ms\":null}\n");
  CHECK_FALSE(pack->test(function, with_null, out, reason));
  CHECK(reason.find("demo/pack.lua:2:") != std::string::npos);
  CHECK(reason.find("null in this row: latency_ms") != std::string::npos);
  CHECK_FALSE(with_where("while true do end")->test(0, with_null, out, reason));
}

TEST_CASE("a verdict kept from an earlier call says that its call is over") {
  PackFolder folder(api +
                    "local kept monitor \"m\" { every = \"1m\", inputs = { n = api:count { over = \"1h\" } },\n"
                    "when = function() kept = kept or critical \"first\" return kept end }\n");
  std::vector<Problem> problems;
  const auto pack = ScriptPack::load(folder.path.string(), problems);
  REQUIRE(pack);
  const int function = pack->spec().monitors[0].judge;
  CHECK(pack->judge(function, LabelSet(), {}, Instant{}).message == "first");
  const Judgement again = pack->judge(function, LabelSet(), {}, Instant{});
  CHECK(again.kind == Judgement::Kind::error);
  CHECK(again.message.find("got a verdict of a call that is over") != std::string::npos);
}

TEST_CASE("the table of readings is walked like any other, cannot be changed and shows each call its own readings") {
  CHECK(judged("for name, r in pairs(now) do return warning(name .. r.value) end", 3).message == "n3");
  CHECK(judged("if next(now) == \"n\" and now.other == nil then return warning(type(now)) end", 3).message == "table");
  for (const std::string body : {"now.n = nil", "now.mine = 1", "rawset(now, \"n\", 1)"}) {
    const Judgement refused = judged(body, 1);
    CHECK(refused.kind == Judgement::Kind::error);
    CHECK(refused.message.find("belongs to the engine and cannot be changed") != std::string::npos);
  }
  // Two functions share a table when their inputs are named alike; a third has its own.
  std::string text = api + "local n, rows = api:count { over = \"1h\" }, api:count { over = \"2h\" }\n";
  for (const std::string inputs : {"a = n, b = rows", "a = rows, b = n", "b = n"})
    text +=
        "monitor \"m" + std::to_string(text.size()) + "\" { every = \"1m\", inputs = { " + inputs +
        " }, when = function(now) return warning((now.a and now.a.value or \"none\") .. \" \" .. now.b.value) end }\n";
  PackFolder folder(text);
  std::vector<Problem> problems;
  const auto pack = ScriptPack::load(folder.path.string(), problems);
  INFO(problems_text(problems));
  REQUIRE(pack);
  Reading readings[6];
  for (int i = 0; i < 6; ++i) {
    readings[i].value = i;
    readings[i].status = Status::ok;
  }
  for (int turn = 0; turn < 3; ++turn) {
    const std::pair<std::string_view, const Reading*> first[] = {{"a", &readings[0]}, {"b", &readings[1]}},
                                                      second[] = {{"a", &readings[2]}, {"b", &readings[3 + turn]}},
                                                      third[] = {{"b", &readings[turn]}};
    CHECK(pack->judge(pack->spec().monitors[0].judge, LabelSet(), first, Instant{}).message == "0 1");
    CHECK(pack->judge(pack->spec().monitors[1].judge, LabelSet(), second, Instant{}).message ==
          "2 " + std::to_string(3 + turn));
    CHECK(pack->judge(pack->spec().monitors[2].judge, LabelSet(), third, Instant{}).message ==
          "none " + std::to_string(turn));
  }
}

TEST_CASE("a field that no reading has is an error with the nearest name; one this reading lacks is nil") {
  const Judgement wrong = judged("if now.n.vaule then return critical() end", 3);
  CHECK(wrong.kind == Judgement::Kind::error);
  CHECK(wrong.message.find("a reading has no \"vaule\" (did you mean \"value\"?)") != std::string::npos);
  CHECK(wrong.message.find("pack.lua:") != std::string::npos);
  CHECK(
      judged("if now.n.coverage == nil and now.n.low == nil and now.n.pending == nil then return warning \"none\" end",
             3)
          .message == "none");
}

TEST_CASE("nothing can be declared while a monitor is judged") {
  for (const std::string body : {"stream \"late\" { time = \"t\", columns = { t = \"time\" } }",
                                 "monitor \"late\" { value = api:count { over = \"1h\" }, critical = above(1) }",
                                 "api:count { over = \"1h\" }", "baseline \"late\"", "console \"late\" {}"}) {
    const Judgement got = judged(body, 1);
    INFO(body << ": " << got.message);
    CHECK(got.kind == Judgement::Kind::error);
    CHECK(got.message.find("pack.lua:") != std::string::npos);
    CHECK(got.message.find("while a pack loads") != std::string::npos);
  }
}

TEST_CASE("a row has its stream's columns, cannot be changed, and says so when it is kept") {
  const auto pack_of = [](const std::string& text) {
    PackFolder folder(api + text);
    std::vector<Problem> problems;
    auto pack = ScriptPack::load(folder.path.string(), problems);
    INFO(problems_text(problems));
    REQUIRE(pack);
    return pack;
  };
  const auto reason_of = [](ScriptPack& pack, int times) {
    const Batch batch =
        batch_of(pack.spec().streams[0],
                 "{\"ts\":\"2026-01-05T00:00:00Z\",\"endpoint\":\"/a\",\"status\":200,\"latency_ms\":3}\n"
                 "{\"ts\":\"2026-01-05T00:00:00Z\",\"endpoint\":\"/b\",\"status\":200,\"latency_ms\":null}\n");
    std::vector<std::uint8_t> out;
    std::string reason;
    for (int i = 0; i < times; ++i) pack.test(0, batch, out, reason);
    return reason;
  };
  CHECK(
      reason_of(*with_where("return r.latency > 3"), 1).find("no column \"latency\" (did you mean \"latency_ms\"?)") !=
      std::string::npos);
  CHECK(reason_of(*with_where("r.mine = 1 return true"), 1).find("a row cannot be changed") != std::string::npos);
  CHECK(reason_of(*with_where("return r.latency_ms == nil"), 1) == "");
  const auto keeping = pack_of(
      "local kept monitor \"m\" { value = api:count { over = \"1m\", where = function(r)\n"
      "if kept and kept ~= r then return kept.latency_ms == 3 end kept = r return true end }, critical = above(1) }\n");
  CHECK(reason_of(*keeping, 1) == "");
  CHECK(reason_of(*keeping, 1).find("this row was kept after its batch") != std::string::npos);
  const auto failing = pack_of(
      "local kept monitor \"m\" { value = api:count { over = \"1m\", where = function(r)\n"
      "if kept then return kept.latency_ms == 3 end kept = r error(\"now\") end }, critical = above(1) }\n");
  CHECK(reason_of(*failing, 1).find("now") != std::string::npos);
  CHECK(reason_of(*failing, 1).find("this row was kept after its batch") != std::string::npos);
}

TEST_CASE("a batch of any size has a budget for each piece of it") {
  const auto pack = with_where("local n = 0 for i = 1, 20 do n = n + i end return n > r.latency_ms");
  std::string rows;
  for (int i = 0; i < 60000; ++i)
    rows += "{\"ts\":\"2026-01-05T00:00:00Z\",\"endpoint\":\"/a\",\"status\":200,\"latency_ms\":" +
            std::to_string(i % 400) + "}\n";
  const Batch batch = batch_of(pack->spec().streams[0], rows);
  std::vector<std::uint8_t> out;
  std::string reason;
  CHECK(pack->test(0, batch, out, reason));
  CHECK(reason == "");
  std::size_t chosen = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    chosen += out[i];
    REQUIRE(out[i] == (i % 400 < 210));
  }
  CHECK(chosen == 60000 / 400 * 210);
}
