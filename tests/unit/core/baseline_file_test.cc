// The one reader of a baseline's file: however it is packed its rows are the same, and what cannot be used is said with
// the file, the line and the cure.
#include "core/baseline_file.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "../temporary_folder.h"
#include "base/gzip.h"

using namespace tidewatch;

namespace {

struct World {
  TemporaryFolder folder;
  std::unique_ptr<Core> core;

  void begin(const std::string& file) {
    PackSpec pack;
    pack.name = "p";
    pack.folder = folder.path();
    StreamSpec stream;
    stream.name = "scores";
    stream.schema.columns = {{"score", ColumnType::number, false}, {"ts", ColumnType::time, false}};
    stream.time = "ts";
    pack.streams.push_back(stream);
    BaselineSpec baseline;
    baseline.name = "train";
    baseline.stream = "scores";
    baseline.file = file;
    pack.baselines.push_back(baseline);
    core = std::move(*Core::create(std::move(pack), nullptr, nullptr));
  }
  Result<std::string> give(const std::string& file) {
    begin(file);
    return give_baseline_file(*core, core->pack().baselines[0]);
  }
  Result<std::string> give(const std::string& file, const std::string& body) {
    std::ofstream(folder / file, std::ios::binary) << body;
    return give(file);
  }
  std::string hash() const { return core->metrics().baselines()[0].evidence->hash; }
  std::string sentence(const std::string& about, const std::string& file) const {
    return "baseline \"train\": " + about + folder / file;
  }
};

const std::string csv = "ts,score\n2026-01-01T00:00:00Z,0.5\n2026-01-01T00:00:01Z,0.7\n";
const std::string lines =
    "{\"ts\":\"2026-01-01T00:00:00Z\",\"score\":0.5}\n{\"ts\":\"2026-01-01T00:00:01Z\",\"score\":0.7}\n";

}  // namespace

TEST_CASE("a baseline's file has the same rows as CSV, NDJSON or an array, gzipped or not, whatever it is called") {
  World w;
  const std::string array =
      "[{\"ts\":\"2026-01-01T00:00:01Z\",\"score\":0.7},{\"ts\":\"2026-01-01T00:00:00Z\",\"score\":0.5}]";
  std::string first;
  for (const auto& [name, body] : {std::pair<std::string, std::string>{"train.csv", csv},
                                   {"train.txt", csv},
                                   {"train.csv.gz", gzip(csv)},
                                   {"train", gzip(lines)},
                                   {"train.ndjson", lines},
                                   {"named.csv", lines},
                                   {"train.json", array}}) {
    INFO(name);
    const auto given = w.give(name, body);
    REQUIRE(given);
    CHECK(given->empty());
    CHECK(w.core->metrics().baselines()[0].rows == 2);
    CHECK(w.hash().size() == 64);
    if (first.empty()) first = w.hash();
    CHECK(w.hash() == first);
  }
}

TEST_CASE("a baseline's file that cannot be read is an error with its path and why") {
  World w;
  const auto absent = w.give("none.csv");
  REQUIRE_FALSE(absent);
  CHECK(absent.error().text == w.sentence("cannot read ", "none.csv") + ": No such file or directory");
  std::filesystem::create_directory(w.folder / "folder");
  const auto folder = w.give("folder");
  REQUIRE_FALSE(folder);
  CHECK(folder.error().text == w.sentence("cannot read ", "folder") + ": it is a folder");
  const auto cut = w.give("cut.csv.gz", gzip(csv).substr(0, 30));
  REQUIRE_FALSE(cut);
  CHECK(cut.error().text.rfind(w.sentence("", "cut.csv.gz"), 0) == 0);
  CHECK(cut.error().text.find("damaged or cut off") != std::string::npos);
}

TEST_CASE("a baseline's file without a usable row is an error that names the first line and its fault") {
  World w;
  for (const std::string body : {"", "ts,score\n", "\n\n"}) {
    INFO(body);
    const auto given = w.give("train.csv", body);
    REQUIRE_FALSE(given);
    CHECK(given.error().text == w.sentence("expected rows of stream \"scores\" in ", "train.csv") + ", got none");
    CHECK_FALSE(w.core->metrics().baselines()[0].is_sealed);
  }
  const auto other = w.give("train.csv", "time,points\n2026-01-01T00:00:00Z,0.5\n2026-01-01T00:00:01Z,0.5\n");
  REQUIRE_FALSE(other);
  CHECK(other.error().text.find("got none that can be used: 2 of 2 rows were refused, the first in line 2: "
                                "missing_column") != std::string::npos);
}

TEST_CASE("rows of a baseline's file that are refused are said, and the others are its rows") {
  World w;
  const auto given = w.give("train.csv", csv + "yesterday,0.4\n2026-01-01T00:00:03Z,abc\n");
  REQUIRE(given);
  CHECK(given->rfind(w.sentence("", "train.csv") + ": 2 of 4 rows were refused, the first in line 4: bad_time: ts: ",
                     0) == 0);
  CHECK(w.core->metrics().baselines()[0].rows == 2);
  const std::string with_bad_rows = w.hash();
  REQUIRE(w.give("good.csv", csv));
  CHECK(w.hash() == with_bad_rows);
}
