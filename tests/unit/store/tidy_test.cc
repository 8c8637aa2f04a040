// The write-ahead log is moved into the database beside the commits: what that may not change, and that it happens.
#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <random>
#include <thread>

#include "../temporary_folder.h"
#include "store/store.h"

using namespace tidewatch;

namespace {

// Bytes that do not compress: about `pages` pages of the log.
std::string noise(std::mt19937& random, int pages) {
  std::string out(static_cast<std::size_t>(pages) * 4096, 0);
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

void commit(Store& store, const std::string& body) {
  Store::Commit one;
  StoredInput input;
  input.kind = StoredInput::Kind::batch;
  input.at = Instant{1};
  input.stream = "p/s";
  input.body = body;
  one.inputs.push_back(input);
  REQUIRE(store.commit(one));
}

std::uintmax_t log_size(const TemporaryFolder& folder) {
  return std::filesystem::file_size(folder / "tidewatch.db-wal");
}

}  // namespace

TEST_CASE("a log that was tidied begins again with the next commit; one that was not is bounded all the same") {
  const TemporaryFolder folder;
  auto store = Store::open(folder.path());
  REQUIRE(store);
  std::mt19937 random(1);
  const std::string body = noise(random, 100);
  CHECK_FALSE((*store)->wants_tidying());
  for (int i = 0; i < 12; ++i) commit(**store, body);
  CHECK((*store)->wants_tidying());
  const auto size = log_size(folder);
  CHECK(size > 1'000u * 4'096);
  (*store)->tidy();
  commit(**store, "small");
  CHECK_FALSE((*store)->wants_tidying());
  for (int i = 0; i < 9; ++i) commit(**store, body);
  CHECK(log_size(folder) == size);  // written over
  for (int i = 0; i < 120; ++i) commit(**store, body);
  CHECK(log_size(folder) < 4'400u * 4'120);
}

TEST_CASE("commits and tidying at the same time lose nothing") {
  const TemporaryFolder folder;
  const unsigned seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::vector<std::string> bodies;
  {
    auto store = Store::open(folder.path());
    REQUIRE(store);
    std::atomic<bool> is_over{false};
    std::atomic<int> rounds{0};
    std::thread beside([&] {
      while (!is_over) {
        (*store)->tidy();
        ++rounds;
      }
    });
    for (int i = 0; i < 150 || rounds < 20; ++i) {
      bodies.push_back(noise(random, 1 + static_cast<int>(random() % 40)));
      commit(**store, bodies.back());
    }
    is_over = true;
    beside.join();
    // A process that is killed now leaves these files.
    std::filesystem::create_directory(folder / "killed");
    for (const char* name : {"tidewatch.db", "tidewatch.db-wal"})
      std::filesystem::copy_file(folder / name, folder / (std::string("killed/") + name));
  }
  for (const std::string& path : {folder.path(), folder / "killed"}) {
    CAPTURE(path);
    auto store = Store::open(path);
    REQUIRE(store);
    CHECK((*store)->check_sound());
    const auto inputs = (*store)->inputs_after(0, 1'000'000);
    REQUIRE(inputs);
    REQUIRE(inputs->size() == bodies.size());
    for (std::size_t i = 0; i < bodies.size(); ++i) REQUIRE((*inputs)[i].body == bodies[i]);
  }
}
