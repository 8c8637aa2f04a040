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
