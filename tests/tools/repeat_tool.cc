// Runs a pack of one stream `api` (ts, endpoint, ms, n) over inputs drawn from a seed and prints one SHA-256 over every
// journal row, every notification and the checkpoint at the end. `--restart N` saves and restores before every N-th
// input. Two processes, two builds and any number of restarts must print the same.
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "base/text.h"
#include "bindings/script_pack.h"
#include "core/core.h"
#include "records/decode.h"

using namespace tidewatch;

namespace {

int complain(const std::string& text) {
  std::fprintf(stderr, "repeat_tool: %s\n", text.c_str());
  return 1;
}

std::string row(std::mt19937_64& random, Instant at, double level) {
  const auto draw = [&](std::uint64_t n) { return random() % n; };
  return "{\"ts\":\"" + format_instant(at) + "\",\"endpoint\":\"/" + std::string(1, static_cast<char>('a' + draw(4))) +
         "\",\"ms\":" +
         (draw(12) == 0 ? std::string("null") : std::to_string(level + static_cast<double>(draw(9000)) / 271.0)) +
         ",\"n\":" + std::to_string(draw(1000)) + "}\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return complain("usage: repeat_tool PACK SEED [RESTART_EVERY [text]]");
  const std::uint64_t seed = std::strtoull(argv[2], nullptr, 10);
  const std::uint64_t every = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0;
  const bool shows_text = argc > 4;
  std::vector<Problem> problems;
  const auto pack = ScriptPack::load(argv[1], problems);
  for (const auto& p : problems) std::fprintf(stderr, "%s\n", p.text().c_str());
  if (!pack) return complain("the pack does not load");
  const auto make = [&] { return Core::create(pack->spec(), pack.get(), pack.get()); };
  auto core = make();
  if (!core) return complain(core.error().text);
  auto decoder = Decoder::create(pack->spec().streams[0]);
  if (!decoder) return complain(decoder.error().text);

  std::mt19937_64 random(seed);
  CoreOutput out;
  Instant now = *parse_instant("2026-03-02T00:00:00");
  double level = 40;
  for (std::uint64_t i = 1; i <= 1500; ++i) {
    now = now + milliseconds(static_cast<std::int64_t>(random() % 3000));
    if (random() % 25 == 0) level = 30 + static_cast<double>(random() % 30);
    if (random() % 3 == 0) {
      (*core)->tick(now, out);
    } else {
      std::string body;
      for (auto n = 1 + random() % 5; n > 0; --n)
        body += row(random, now - milliseconds(static_cast<std::int64_t>(random() % 4000)), level);
      auto batch = decoder->decode(body, BodyFormat::ndjson);
      if (!batch) return complain(batch.error().text);
      (*core)->feed("api", "http", *batch, now, out);
    }
    if (every != 0 && i % every == 0) {
      ByteWriter saved;
      (*core)->save(saved);
      core = make();
      if (!core) return complain(core.error().text);
      ByteReader in(saved.bytes());
      if (const Done ok = (*core)->restore(in); !ok) return complain(ok.error().text);
    }
  }
  std::string text;
  for (const auto& j : out.journal)
    text += format_instant(j.at) + " " + j.monitor + j.labels.text() + " " + j.kind + " " + j.from + j.severity_from +
            ">" + j.to + j.severity_to + " " + j.reason + " " + j.evidence + "\n";
  for (const auto& n : out.notifications) {
    text += n.key + " " + n.event + " " + n.labels.text() + " " + n.reason + "\n";
    for (const auto& [name, value] : n.annotations) text += "  " + name + "=" + value + "\n";
  }
  if (shows_text) std::fputs(text.c_str(), stderr);
  ByteWriter saved;
  (*core)->save(saved);
  std::printf("%s %zu %zu\n", sha256_hex(text + saved.bytes()).c_str(), out.journal.size(), out.notifications.size());
  return 0;
}
