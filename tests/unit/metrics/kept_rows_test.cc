// The name of a set of rows, and the sample of it that is kept.
#include "metrics/windows/kept_rows.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "engine_fixture.h"

using namespace engine_fixture;

namespace {

std::vector<Row> some_rows(std::uint64_t seed, std::size_t count) {
  std::mt19937_64 random(seed);
  std::vector<Row> rows;
  for (std::size_t i = 0; i < count; ++i)
    rows.push_back({static_cast<double>(random() % 5000), static_cast<double>(random() % 1000) / 7,
                    std::string(1, static_cast<char>('a' + random() % 5)), random() % 20 == 0});
  return rows;
}

std::string name_of_rows(const std::vector<Row>& rows) {
  RowDigest digest;
  const Batch batch = batch_of(rows);
  for (std::uint32_t i = 0; i < batch.rows; ++i) digest.add(row_digest(batch, i, 3));
  return digest.text();
}

KeptRows kept(const std::vector<Row>& rows, std::size_t limit) {
  KeptRows out(3, limit);
  const Batch batch = batch_of(rows);
  for (std::uint32_t i = 0; i < batch.rows; ++i) out.add(batch, i, row_digest(batch, i, 3));
  return out;
}

std::string bytes_of(KeptRows& rows) {
  ByteWriter out;
  rows.write(out);
  return out.take();
}

// Which rows, whatever the dictionary they lie in looks like.
std::string name_of(KeptRows& kept_rows) {
  RowDigest digest;
  const Batch& rows = kept_rows.rows();
  for (std::uint32_t i = 0; i < rows.rows; ++i) digest.add(row_digest(rows, i, 3));
  return digest.text() + " of " + std::to_string(kept_rows.total());
}

}  // namespace

TEST_CASE("the digest of rows knows every value and how often a row is there, and no order") {
  const auto rows = some_rows(1, 500);
  const std::string name = name_of_rows(rows);
  auto other = rows;
  std::shuffle(other.begin(), other.end(), std::mt19937_64(2));
  CHECK(name_of_rows(other) == name);
  other = rows;
  other[17].value += 1e-9;
  CHECK(name_of_rows(other) != name);
  other = rows;
  other[17].host += "x";
  CHECK(name_of_rows(other) != name);
  other = rows;
  other[17].at += 1;
  CHECK(name_of_rows(other) != name);
  other = rows;
  other.push_back(rows[3]);
  CHECK(name_of_rows(other) != name);
  CHECK(name_of_rows({rows[0], rows[0], rows[1]}) != name_of_rows({rows[0], rows[1], rows[1]}));
  Row null{1, 0, "a", true}, zero{1, 0, "a", false}, minus{1, -0.0, "a", false};
  CHECK(name_of_rows({null}) != name_of_rows({zero}));
  CHECK(name_of_rows({minus}) == name_of_rows({zero}));
}

TEST_CASE("kept rows are all rows up to the limit, beyond it a sample that follows from the rows alone") {
  const auto rows = some_rows(7, 3000);
  auto all = kept(rows, 3000);
  CHECK(all.kept() == 3000);
  CHECK_FALSE(all.is_sample());
  auto sample = kept(rows, 500);
  CHECK(sample.total() == 3000);
  CHECK(sample.is_sample());
  CHECK(sample.kept() <= 500);
  CHECK(sample.kept() > 250 - 60);  // halved once too often would be half of that
  const std::string bytes = bytes_of(sample);
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    auto order = rows;
    std::shuffle(order.begin(), order.end(), std::mt19937_64(seed));
    auto other = kept(order, 500);
    CHECK(name_of(other) == name_of(sample));
  }
  KeptRows again(3, 500);
  ByteReader in(bytes);
  REQUIRE(again.read(in));
  CHECK((bytes_of(again) == bytes));
  CHECK(again.total() == 3000);
  // Even: hosts are a fifth each, so among some 300 rows none is under a tenth or over a third.
  std::map<std::string, std::size_t> hosts;
  for (std::uint32_t i = 0; i < sample.rows().rows; ++i) ++hosts[std::string(sample.rows().columns[2].text(i))];
  for (const auto& [host, count] : hosts) {
    CHECK(count * 10 > sample.kept());
    CHECK(count * 3 < sample.kept());
  }
}

TEST_CASE("rows that are the same in everything stay within the limit and do not vanish") {
  const std::vector<Row> same(1000, Row{5, 1.0, "a"});
  auto few = kept(same, 100);
  CHECK(few.kept() == 100);
  CHECK(few.total() == 1000);
}
