// Baselines over restarts and reloads: a file whose rows changed is refused until it is pinned, and the rows of a span
// that passed are there for what an edit asks of it.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "../temporary_folder.h"
#include "io/engine.h"
#include "records/decode.h"

using namespace tidewatch;

namespace {

const Instant start = *parse_instant("2026-01-05T00:00:00Z");

HandleSpec drift(const std::string& baseline, const std::string& over) {
  HandleSpec h;
  h.metric.metric = "psi";
  h.metric.stream = "orders";
  h.metric.columns = {"amount"};
  h.metric.window = *parse_window(over);
  h.metric.against = baseline;
  h.metric.min_n = 1;
  return h;
}

EnginePack pack_in(const std::string& folder, std::vector<HandleSpec> handles, bool has_span) {
  EnginePack pack;
  pack.spec.name = "shop";
  pack.spec.hash = "1";
  pack.spec.folder = folder;
  StreamSpec stream;
  stream.name = "orders";
  stream.schema.columns = {{"time", ColumnType::time, false}, {"amount", ColumnType::number, false}};
  stream.time = "time";
  pack.spec.streams.push_back(stream);
  BaselineSpec baseline;
  baseline.name = "train";
  baseline.stream = "orders";
  if (has_span) {
    baseline.has_span = true;
    baseline.from = start;
    baseline.to = start + minutes(2);
  } else {
    baseline.file = "train.ndjson";
  }
  pack.spec.baselines.push_back(baseline);
  pack.spec.handles = std::move(handles);
  return pack;
}

std::string rows(Instant from, int count, int modulus) {
  std::string out;
  for (int i = 0; i < count; ++i)
    out += "{\"time\":\"" + format_instant(from + seconds(i)) + "\",\"amount\":" + std::to_string(i % modulus) + "}\n";
  return out;
}

struct World {
  TemporaryFolder state, pack;
  Instant now = start;
  Loop loop;
  std::unique_ptr<Engine> engine;

  Result<std::unique_ptr<Engine>> try_start(std::vector<HandleSpec> handles, bool has_span) {
    engine.reset();
    EngineOptions o;
    o.state_folder = state.path();
    o.http.port = 0;
    o.clock = [this] { return now; };
    o.steady = [this] { return now - start; };
    o.sleep_after = Duration{0};
    std::vector<EnginePack> packs;
    packs.push_back(pack_in(pack.path(), std::move(handles), has_span));
    return Engine::start(loop, o, std::move(packs));
  }
  void run(std::vector<HandleSpec> handles, bool has_span) {
    auto made = try_start(std::move(handles), has_span);
    if (!made) FAIL(made.error().text);
    engine = std::move(*made);
  }
  void write(const std::string& text) { std::ofstream(pack / "train.ndjson") << text; }
  void post(const std::string& body) {
    HttpRequest request;
    request.method = "POST";
    request.target = request.path = "/api/v1/records/orders";
    request.body = body;
    int status = 0;
    engine->request(std::move(request), [&](HttpResponse r) { status = r.status; });
    engine->settle();
    CHECK(status == 200);
  }
  Reading read(HandleId handle) {
    return const_cast<Core*>(engine->core("shop"))->metrics().read_one(handle, LabelSet(), now);
  }
};

}  // namespace

TEST_CASE(
    "a file whose rows changed is refused at start and at reload until it is pinned; order and packing are none") {
  World w;
  w.write(rows(start, 100, 10));
  w.run({drift("train", "1m")}, false);
  w.engine.reset();
  // The same rows the other way round.
  std::string lines, line;
  std::istringstream in(rows(start, 100, 10));
  while (std::getline(in, line)) lines = line + "\n" + lines;
  w.write(lines);
  w.run({drift("train", "1m")}, false);
  const std::string changed = rows(start, 100, 9);
  w.write(changed);
  const Done reloaded = w.engine->reload([&] {
    std::vector<EnginePack> packs;
    packs.push_back(pack_in(w.pack.path(), {drift("train", "1m")}, false));
    return packs;
  }());
  REQUIRE_FALSE(reloaded);
  CHECK(reloaded.error().code == ErrorCode::conflict);
  CHECK(reloaded.error().text.find("tidewatch baseline pin " + w.pack.path() + " train --state " + w.state.path()) !=
        std::string::npos);
  CHECK(reloaded.error().text.find("put the file back") != std::string::npos);
  w.post(rows(start, 1, 2));  // the older pack runs on
  w.engine.reset();
  CHECK_FALSE(w.try_start({drift("train", "1m")}, false));
  w.write(lines);
  w.run({drift("train", "1m")}, false);
  w.engine.reset();

  // Pinned: what the command writes.
  std::string hash, definition;
  {
    auto core = Core::create(pack_in(w.pack.path(), {drift("train", "1m")}, false).spec, nullptr, nullptr);
    REQUIRE(core);
    auto decoder = Decoder::create((*core)->pack().streams[0]);
    (*core)->baseline_rows("train", *decoder->decode(changed, BodyFormat::ndjson));
    (*core)->baseline_seal("train");
    hash = (*core)->metrics().baselines()[0].evidence->hash;
    definition = (*core)->metrics().baselines()[0].definition;
    auto store = Store::open_beside(w.state.path());
    REQUIRE(store);
    const auto known = *(*store)->baselines("shop");
    REQUIRE(known.size() == 1);
    CHECK(known[0].how == "first seen");
    CHECK(known[0].rows == 100);
    CHECK(known[0].from == start);
    CHECK(known[0].definition == definition);
    CHECK(known[0].hash != hash);
    Store::Commit part;
    part.baselines = {known[0]};
    part.baselines[0].hash = hash;
    part.baselines[0].how = "pinned";
    REQUIRE((*store)->commit(part));
  }
  w.write(changed);
  w.run({drift("train", "1m")}, false);
  w.write(lines);
  w.engine.reset();
  CHECK_FALSE(w.try_start({drift("train", "1m")}, false));  // now the older rows are the changed ones
}

TEST_CASE("the rows of a span that has passed are in the store, for metrics that come with a later edit") {
  World w;
  w.run({drift("train", "1m")}, true);
  w.now = start + minutes(1);
  w.post(rows(start, 60, 7));
  w.engine.reset();  // halfway: learning goes on after the restart
  w.run({drift("train", "1m")}, true);
  w.now = start + minutes(3);
  w.post(rows(start + minutes(1), 120, 7));
  {
    auto store = Store::open_beside(w.state.path());
    const auto known = *(*store)->baselines("shop");
    REQUIRE(known.size() == 1);
    CHECK(known[0].how == "learnt");
    CHECK(known[0].rows == 120);
    CHECK(known[0].to == start + minutes(2));
  }
  const std::string hash = w.read(0).baseline->hash;
  CHECK(hash.size() == 64);
  for (const bool is_reload : {true, false}) {
    const std::vector<HandleSpec> handles = {drift("train", "1m"), drift("train", is_reload ? "90s" : "2m")};
    if (is_reload) {
      std::vector<EnginePack> packs;
      packs.push_back(pack_in(w.pack.path(), handles, true));
      const Done ok = w.engine->reload(std::move(packs));
      if (!ok) FAIL(ok.error().text);
    } else {
      w.run(handles, true);
    }
    w.now = w.now + minutes(4);
    w.post(rows(w.now - minutes(4), 240, 7));
    const Reading r = w.read(1);
    CAPTURE(is_reload, r.reason);
    CHECK(r.status == Status::ok);
    CHECK(r.baseline_n == 120);
    CHECK(r.baseline->hash == hash);
    CHECK(w.read(0).status == Status::ok);
  }
}
