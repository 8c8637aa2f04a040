// A pack's simulator as files (for backtests) or as live posts to a running engine, at the pace of --clock.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <thread>

#include "app/clock.h"
#include "app/commands.h"
#include "base/text.h"
#include "io/webhook_notifier.h"

namespace tidewatch {

namespace {

Result<Simulator::Fault> parse_fault(const std::string& text, Instant end) {
  const auto at = text.find('@');
  if (at == std::string::npos) return invalid("--fault: expected NAME@FROM..TO, got \"" + text + "\"");
  const std::string span = text.substr(at + 1);
  const auto dots = span.find("..");
  const auto from = parse_instant(span.substr(0, dots));
  if (!from) return from.error().within("--fault " + text);
  Simulator::Fault fault{text.substr(0, at), *from, end};
  if (dots != std::string::npos) {
    const auto to = parse_instant(span.substr(dots + 2));
    if (!to) return to.error().within("--fault " + text);
    fault.to = *to;
  }
  return fault;
}

class Poster {
 public:
  explicit Poster(std::string base) : base_(std::move(base)), client_(loop_) {}

  Done post(const std::string& stream, const std::string& body) {
    const std::string url = base_ + "/api/v1/records/" + stream;
    std::optional<HttpReply> got;
    client_.post(url, {"Content-Type: application/x-ndjson"}, body, seconds(10),
                 [&](HttpReply reply) { got = std::move(reply); });
    while (!got) loop_.run_for(seconds(1));
    if (got->status == 0) return io_error(url + ": " + got->problem);
    if (got->status != 200) return io_error(url + ": answered " + std::to_string(got->status) + ": " + got->text);
    return done();
  }

 private:
  std::string base_;
  Loop loop_;
  HttpClient client_;
};

}  // namespace

int simulate_command(const SimulateArguments& a) {
  const auto from = parse_instant(a.from), to = parse_instant(a.to);
  if (!from) return complain("--from: " + from.error().text, 2);
  if (!to) return complain("--to: " + to.error().text, 2);
  if (*to <= *from)
    return complain(
        "--to: expected an instant after --from, got " + format_instant(*to) + " for --from " + format_instant(*from),
        2);
  if (a.out.empty() == a.post.empty()) return complain("expected one of --out FOLDER and --post URL", 2);
  std::vector<Simulator::Fault> faults;
  for (const auto& f : a.faults) {
    auto fault = parse_fault(f, *to);
    if (!fault) return complain(fault.error().text, 2);
    faults.push_back(*fault);
  }
  std::vector<Problem> problems;
  auto simulator = Simulator::open(a.pack, a.seed, *from, faults, problems);
  for (const auto& p : problems) std::fprintf(stderr, "%s\n", p.text().c_str());
  if (!simulator) return complain(simulator.error().text, 1);
  const Duration step = (*simulator)->step();
  (*simulator)->only(a.streams);

  std::map<std::string, std::ofstream> files;
  std::unique_ptr<Poster> poster;
  std::function<Instant()> clock;
  double speed = 1;
  if (!a.out.empty()) {
    std::error_code error;
    std::filesystem::create_directories(a.out, error);
    if (error) return complain("--out " + a.out + ": " + error.message(), 1);
  } else {
    poster = std::make_unique<Poster>(a.post);
    DemoClock demo{*from, 86400};
    if (!a.clock.empty()) {
      const auto parsed = parse_clock(a.clock);
      if (!parsed) return complain(parsed.error().text, 2);
      demo = *parsed;
    }
    speed = demo.speed;
    clock = start_clock(demo);
  }
  std::uint64_t records = 0;
  for (Instant at = *from; at < *to; at = at + step) {
    if (clock)
      for (Instant now = clock(); now < at; now = clock())
        std::this_thread::sleep_for(
            std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>((at - now).ns) / speed) + 1000));
    auto emitted = (*simulator)->at(at);
    if (!emitted) return complain(emitted.error().text, 1);
    std::map<std::string, std::string> bodies;
    for (const auto& e : *emitted) {
      bodies[e.stream] += e.json + "\n";
      ++records;
    }
    for (const auto& [stream, body] : bodies) {
      if (poster) {
        if (auto posted = poster->post(stream, body); !posted) return complain(posted.error().text, 1);
        continue;
      }
      auto [file, is_new] = files.try_emplace(stream);
      const std::string path = a.out + "/" + stream + ".ndjson";
      if (is_new) file->second.open(path, std::ios::trunc);
      file->second << body;
      if (!file->second) return complain("cannot write " + path, 1);
    }
    if (!poster)
      show_progress("simulating", static_cast<std::uint64_t>((at - *from).ns),
                    static_cast<std::uint64_t>((*to - *from).ns));
  }
  end_progress();
  std::fprintf(stderr, "%s records, %s to %s, seed %llu\n", with_thousands(records).c_str(),
               format_instant(*from).c_str(), format_instant(*to).c_str(), static_cast<unsigned long long>(a.seed));
  return 0;
}

}  // namespace tidewatch
