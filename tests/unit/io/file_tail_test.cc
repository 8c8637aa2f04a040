// A tailed log through everything rotation does to it, with the tail running and with it down.
#include "io/file_tail.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "../temporary_folder.h"

using namespace tidewatch;

namespace {

// A folder with a log, and the store's part: what was kept under a path, the last read first.
struct Tailed {
  TemporaryFolder temporary;
  const std::filesystem::path folder = temporary.path(), path = folder / "a.log";
  std::vector<StoredOffset> kept;
  std::unique_ptr<FileTail> tail;

  Tailed() { start(); }

  void start(bool has_header = false, std::size_t most = std::size_t{4} << 20) {
    tail = std::make_unique<FileTail>(
        path.string(), has_header, [this](const std::string&) { return kept; }, most);
  }
  void end() { tail.reset(); }
  void write(const std::string& text) { std::ofstream(path, std::ios::trunc) << text; }
  void append(const std::string& text) { std::ofstream(path, std::ios::app) << text; }
  void rotate(const std::string& to) { std::filesystem::rename(path, folder / to); }

  std::string next() {
    auto chunk = tail->poll();
    REQUIRE(chunk.ok());
    if (!*chunk) return {};
    const StoredOffset& now = (*chunk)->offset;
    for (std::size_t i = 0; i < kept.size(); ++i)
      if (kept[i].key == now.key) kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(i--));
    kept.insert(kept.begin(), now);
    return (*chunk)->body;
  }
  std::string rest() {
    std::string all;
    for (std::string part = next(); !part.empty(); part = next()) all += part;
    return all;
  }
};

std::string lines(int from, int to) {
  std::string out;
  for (int i = from; i < to; ++i) out += "line " + std::to_string(i) + "\n";
  return out;
}

}  // namespace

TEST_CASE("a tail reads whole lines over rotation and truncation, and goes on from a stored offset") {
  Tailed log;
  CHECK(log.next().empty());
  log.write("one\ntw");
  CHECK(log.next() == "one\n");
  CHECK(log.next().empty());
  log.append("o\nthree\n");
  CHECK(log.next() == "two\nthree\n");
  log.append("left");
  log.rotate("a.log.1");
  log.write("new\n");
  CHECK(log.next() == "left");
  CHECK(log.next() == "new\n");
  log.write("x\n");
  CHECK(log.next() == "x\n");
  log.start();
  CHECK(log.next().empty());
  log.append("y\n");
  CHECK(log.next() == "y\n");
}

TEST_CASE("what was appended before a rotation while nobody ran is read before the new file") {
  Tailed log;
  log.write(lines(0, 10));
  CHECK(log.rest() == lines(0, 10));
  log.end();
  log.append(lines(10, 20));
  log.rotate("a.log.1");
  log.write(lines(20, 25));
  log.start();
  CHECK(log.rest() == lines(10, 25));
  log.start();
  CHECK(log.rest().empty());
}

TEST_CASE("files rotated through while nobody ran are read in their order") {
  Tailed log;
  log.write(lines(0, 10));
  CHECK(log.rest() == lines(0, 10));
  log.end();
  log.append(lines(10, 12));
  log.rotate("a.log.2");
  log.write(lines(12, 30));
  std::filesystem::last_write_time(log.folder / "a.log.2",
                                   std::filesystem::file_time_type::clock::now() - std::chrono::seconds(20));
  log.rotate("a.log.1");
  std::filesystem::last_write_time(log.folder / "a.log.1",
                                   std::filesystem::file_time_type::clock::now() - std::chrono::seconds(10));
  log.write(lines(30, 31));
  std::ofstream(log.folder / "a.log.0.gz") << "packed, not text\n";
  std::ofstream(log.folder / "b.log") << "another log\n";
  log.start();
  CHECK(log.rest() == lines(10, 31));
}

TEST_CASE("a restart in the middle of a rotated file's rest goes on where it was") {
  Tailed log;
  log.write(lines(0, 10));
  CHECK(log.rest() == lines(0, 10));
  log.end();
  log.append(lines(10, 200));
  log.rotate("a.log.1");
  log.write(lines(200, 300));
  std::string all;
  for (int restarts = 0; restarts < 40; ++restarts) {
    log.start(false, 100);
    all += log.next();
  }
  log.start(false, 100);
  all += log.rest();
  CHECK(all == lines(10, 300));
}

TEST_CASE("copytruncate is noticed even when the file has outgrown the old offset, and the copy's rest is read") {
  const bool is_running = GENERATE(true, false);
  CAPTURE(is_running);
  Tailed log;
  log.write(lines(0, 50));
  CHECK(log.rest() == lines(0, 50));
  if (!is_running) log.end();
  log.append(lines(50, 60));
  std::filesystem::copy_file(log.path, log.folder / "a.log.1");
  log.write(lines(60, 400));
  if (!is_running) log.start();
  CHECK(log.rest() == lines(50, 400));
}

TEST_CASE("a file that has the inode of a deleted one is not taken for it") {
  Tailed log;
  log.write("old file, long enough to lie behind the new one\n");
  CHECK(log.rest().size() > 10);
  log.end();
  log.write("new file, of another content, longer than the one before, as if it had its inode\n");
  log.start();
  CHECK(log.rest() == "new file, of another content, longer than the one before, as if it had its inode\n");
}

TEST_CASE("a header line stands before every chunk, also of a rotated file") {
  Tailed log;
  log.start(true);
  log.write("a,b\n1,2\n");
  CHECK(log.next() == "a,b\n1,2\n");
  log.end();
  log.append("3,4\n");
  log.rotate("a.log.1");
  log.write("a,b\n5,6\n");
  log.start(true);
  CHECK(log.next() == "a,b\n3,4\n");
  CHECK(log.next() == "a,b\n5,6\n");
}

TEST_CASE("whatever a log goes through between looks and restarts, each line is read once, in order") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 20; ++round) {
    Tailed log;
    std::string got;
    int written = 0, rotations = 0;
    for (int step = 0; step < 60; ++step) {
      switch (random() % 5) {
        case 0:
          got += log.next();
          break;
        case 1:
          log.start(false, 64 + random() % 400);
          break;
        case 2:
          // Looked at once between two rotations: more than one unseen is a matter of file times, tested above.
          if (written == 0) break;
          got += log.rest();
          log.append(lines(written, written + 3));
          written += 3;
          log.rotate("a.log." + std::to_string(++rotations));
          log.write("");
          break;
        default: {
          const int more = 1 + static_cast<int>(random() % 20);
          log.append(lines(written, written + more));
          written += more;
        }
      }
    }
    log.start();
    got += log.rest();
    REQUIRE(got == lines(0, written));
  }
}
