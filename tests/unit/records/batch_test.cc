// Cutting and storing batches: a restored batch is the same batch, a damaged one is refused and never read past its
// end.
#include <catch2/catch.hpp>

#include "records/dead_letter.h"
#include "streams.h"

using namespace tidewatch;
using namespace tidewatch::testing;

namespace {

Batch example(std::mt19937& random, std::size_t rows) {
  std::string body;
  for (std::size_t i = 0; i < rows; ++i) {
    body += "{\"ts\":" + std::to_string(1000 + i) + ",\"endpoint\":\"/" + std::to_string(random() % 9) +
            "\",\"status\":" + std::to_string(random() % 600);
    if (random() % 3) body += ",\"latency_ms\":" + std::to_string(static_cast<double>(random() % 1000) / 8);
    if (random() % 3) body += ",\"note\":\"n" + std::to_string(random() % 5) + "\"";
    body += random() % 10 ? "}\n" : "\n";
  }
  return decoded(api_stream(), body);
}

std::string row_text(const Batch& batch, std::size_t row) {
  std::string out;
  for (const Column& column : batch.columns) {
    if (column.null[row]) {
      out += "null|";
    } else if (column.is_text()) {
      out += std::string(column.text(row)) + "|";
    } else {
      out += std::to_string(column.as_number(row)) + "|";
    }
  }
  return out;
}

}  // namespace

TEST_CASE("a stored batch reads back byte for byte") {
  std::mt19937 random(11);
  for (const std::size_t rows : {0, 1, 7, 300}) {
    const std::string bytes = stored(example(random, rows));
    ByteReader in(bytes);
    const auto back = Batch::read(in);
    REQUIRE(back);
    CHECK(in.at_end());
    CHECK(stored(*back) == bytes);
  }
}

TEST_CASE("a cut or changed batch is refused or sound, never a crash") {
  std::mt19937 random(12);
  const std::string bytes = stored(example(random, 12));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    ByteReader in(std::string_view(bytes).substr(0, cut));
    CHECK_FALSE(Batch::read(in).ok());
  }
  for (int i = 0; i < 5000; ++i) {
    std::string damaged = bytes;
    for (int k = 0; k < 3; ++k) damaged[random() % damaged.size()] = static_cast<char>(random());
    ByteReader in(damaged);
    const auto back = Batch::read(in);
    if (!back) continue;
    for (std::size_t row = 0; row < back->rows; ++row) row_text(*back, row);
  }
}

TEST_CASE("slices hold their rows and add up to what was received") {
  std::mt19937 random(13);
  const Batch whole = example(random, 200);
  REQUIRE(whole.rows > 100);
  REQUIRE(whole.received > whole.rows);
  std::uint64_t received = 0;
  std::size_t row = 0;
  for (std::size_t from = 0; from < whole.rows; from += 37) {
    const Batch part = whole.slice(from, from + 37);
    received += part.received;
    CHECK(part.rejected.size() == (from == 0 ? whole.rejected.size() : 0));
    CHECK(part.columns[1].dictionary.size() <= 9);
    for (std::size_t i = 0; i < part.rows; ++i) REQUIRE(row_text(part, i) == row_text(whole, row++));
  }
  CHECK(row == whole.rows);
  CHECK(received == whole.received);
  CHECK(stored(whole.slice(0, whole.rows)).size() == stored(whole).size());
}

TEST_CASE("picked rows come in the order asked for, with the texts they use") {
  std::mt19937 random(14);
  const Batch whole = example(random, 50);
  const std::vector<std::uint32_t> order = {5, 0, 5, 17};
  const Batch picked = whole.pick(order);
  REQUIRE(picked.rows == 4);
  for (std::size_t i = 0; i < order.size(); ++i) CHECK(row_text(picked, i) == row_text(whole, order[i]));
  CHECK(picked.columns[1].dictionary.size() <= 3);
  CHECK(picked.columns[5].dictionary.size() == 4);
}

TEST_CASE("the dead-letter ring keeps the newest, counts all and survives a restart") {
  DeadLetterRing ring(5);
  for (std::uint64_t i = 1; i <= 12; ++i) {
    ring.add(Instant{static_cast<std::int64_t>(i)}, i % 2 ? "api" : "jobs", "http",
             Rejected{i % 3 ? "future" : "bad_json", "detail", std::string(3000, 'x'), i});
  }
  CHECK(ring.size() == 5);
  CHECK(ring.total() == 12);
  CHECK(ring.counts().at("bad_json") == 4);
  const auto newest = ring.newest(3);
  REQUIRE(newest.size() == 3);
  CHECK(newest[0]->line == 12);
  CHECK(newest[2]->line == 10);
  CHECK(newest[0]->record.size() + newest[0]->detail.size() == 1024);
  CHECK(ring.newest(9, "api").size() == 2);
  CHECK(ring.newest(9, "api")[0]->line == 11);

  Batch batch;
  batch.rejected = {{"bad_csv", "d", "r", 1}};
  batch.rejected_counts = {{"bad_csv", 700}};
  ring.add(Instant{13}, "api", "file", batch);
  CHECK(ring.counts().at("bad_csv") == 700);
  CHECK(ring.newest(1)[0]->reason == "bad_csv");

  ByteWriter out;
  ring.write(out);
  for (const std::size_t capacity : {5, 2, 100}) {
    DeadLetterRing back(capacity);
    ByteReader in(out.bytes());
    REQUIRE(back.read(in));
    CHECK(back.counts() == ring.counts());
    CHECK(back.size() == std::min<std::size_t>(capacity, 5));
    for (std::size_t i = 0; i < back.size(); ++i) CHECK(*back.newest(9)[i] == *ring.newest(9)[i]);
  }
  DeadLetterRing damaged;
  ByteReader in(std::string_view(out.bytes()).substr(0, out.bytes().size() - 3));
  CHECK_FALSE(damaged.read(in));
  CHECK(damaged.size() == 0);
}

TEST_CASE("whole numbers of any range and step are stored to the bit") {
  const std::int64_t least = std::numeric_limits<std::int64_t>::min(), most = std::numeric_limits<std::int64_t>::max();
  const std::vector<std::vector<std::int64_t>> cases = {
      {},
      {0},
      {-1},
      {least},
      {most},
      {least, most},
      {least, 0, most},
      {most - 255, most},
      {most - 256, most},
      {-3, -1, 252},
      {0, 65'535},
      {0, 65'536},
      {0, 4'294'967'295},
      {0, 4'294'967'296},
      {1'767'225'600'000'000'000, 1'767'225'600'010'000'000},
      {1'767'225'600'000'000'000, 1'767'225'600'010'000'001},
      {-5'000'000, 1'000'000, 3'000'000},
      {least, least + 1'000'000, least + 4'295'000'000'000'000},
  };
  for (const auto& values : cases) {
    Batch batch;
    batch.columns.resize(2);
    batch.columns[0].type = ColumnType::time;
    batch.columns[1].type = ColumnType::integer;
    for (Column& column : batch.columns) {
      column.integers = values;
      column.null.assign(values.size(), 0);
    }
    batch.rows = batch.received = values.size();
    const std::string bytes = stored(batch);
    ByteReader in(bytes);
    const auto read = Batch::read(in);
    REQUIRE(read.ok());
    CHECK(read->columns[0].integers == values);
    CHECK(read->columns[1].integers == values);
    CHECK(stored(*read) == bytes);
  }
}

TEST_CASE("a second of records in milliseconds is stored in two bytes a time") {
  Batch batch;
  batch.columns.resize(1);
  batch.columns[0].type = ColumnType::time;
  for (std::int64_t i = 0; i < 1000; ++i)
    batch.columns[0].integers.push_back(1'767'225'600'000'000'000 + i * 1'000'000);
  batch.columns[0].null.assign(1000, 0);
  batch.rows = batch.received = 1000;
  CHECK(stored(batch).size() < 2100);
}
