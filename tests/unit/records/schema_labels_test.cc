// Hashes and fingerprints against answers made elsewhere: hashlib.sha256 and Alertmanager 0.25.
#include <catch2/catch.hpp>

#include "records/labels.h"
#include "records/schema.h"

using namespace tidewatch;

TEST_CASE("a schema's hash is the SHA-256 anyone can recompute from its lines") {
  // printf 'ts\ttime\t0\nendpoint\tcategory\t0\nversion\tcategory\t0\nstatus\tinteger\t0\nlatency_ms\tnumber\t0\n' |
  // sha256sum
  Schema schema;
  schema.columns = {{"ts", ColumnType::time, false},
                    {"endpoint", ColumnType::category, false},
                    {"version", ColumnType::category, false},
                    {"status", ColumnType::integer, false},
                    {"latency_ms", ColumnType::number, false}};
  CHECK(schema.hash() == "0fc8612dcfe4cc2529bdbe86170eaff611b6669136a886f0a13fb0d480a652ad");
  CHECK(schema.hash(false) == "8a67f064250a2eda4b8b9cb8db407eed6c78c49b7e12cf7e789e89d21819f9c4");
  std::swap(schema.columns[1], schema.columns[4]);
  CHECK(schema.hash() != "0fc8612dcfe4cc2529bdbe86170eaff611b6669136a886f0a13fb0d480a652ad");
  CHECK(schema.hash(false) == "8a67f064250a2eda4b8b9cb8db407eed6c78c49b7e12cf7e789e89d21819f9c4");
  schema.columns[0].nullable = true;
  CHECK(schema.hash(false) != "8a67f064250a2eda4b8b9cb8db407eed6c78c49b7e12cf7e789e89d21819f9c4");
}

TEST_CASE("a column type's name reads back as the type") {
  for (int i = 0; i < 6; ++i) {
    const auto type = static_cast<ColumnType>(i);
    CHECK(column_type_named(name_of(type)) == type);
  }
  CHECK_FALSE(column_type_named("float").has_value());
}

TEST_CASE("a fingerprint equals Alertmanager's") {
  CHECK(LabelSet{}.fingerprint() == 0xcbf29ce484222325ull);
  CHECK(LabelSet(std::vector<std::pair<std::string, std::string>>{{"alertname", "a"}}).fingerprint() ==
        0xd258efc389808447ull);
  const LabelSet full({{"severity", "critical"}, {"alertname", "high-latency"}, {"endpoint", "/score"}});
  CHECK(full.fingerprint() == 0x9c558107583ae283ull);
}

TEST_CASE("a label set is sorted, its last repeated name wins, an empty value removes") {
  LabelSet set({{"b", "1"}, {"a", "2"}, {"b", "3"}});
  CHECK(set.text() == R"({a="2",b="3"})");
  CHECK(set.get("b") == "3");
  CHECK(set.get("c") == "");
  set.set("a", "");
  set.set("quote", "a\"b\\c\nd");
  CHECK(set.text() == "{b=\"3\",quote=\"a\\\"b\\\\c\\nd\"}");
  CHECK(LabelSet{}.text() == "{}");
  ByteWriter out;
  set.write(out);
  ByteReader in(out.bytes());
  CHECK(LabelSet::read(in) == set);
  for (std::size_t cut = 0; cut < out.bytes().size(); ++cut) {
    ByteReader partial(std::string_view(out.bytes()).substr(0, cut));
    CHECK(LabelSet::read(partial).empty());
    CHECK_FALSE(partial.good());
  }
}
