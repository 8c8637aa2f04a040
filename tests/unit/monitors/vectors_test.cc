// Forty timelines over real series whose states at every step passed Prometheus 2.42's own promtool. They live beside
// the project, in the folder that TIDEWATCH_DATA names; without it this test says so and proves nothing.
#include <simdjson.h>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "timeline.h"

using namespace tidewatch;
using namespace tidewatch::test;

TEST_CASE("the forty promtool vectors are reproduced at every step") {
  const char* folder = std::getenv("TIDEWATCH_DATA");
  const std::string path = std::string(folder ? folder : "") + "/alerts/for_vectors.ndjson";
  simdjson::padded_string text;
  if (!folder || simdjson::padded_string::load(path).get(text)) {
    WARN("data absent: TIDEWATCH_DATA does not name a folder with alerts/for_vectors.ndjson; nothing was checked");
    return;
  }
  simdjson::dom::parser parser;
  simdjson::dom::document_stream vectors;
  REQUIRE_FALSE(parser.parse_many(text, std::size_t{16} << 20).get(vectors));
  int count = 0;
  for (auto parsed : vectors) {
    simdjson::dom::element vector = parsed.value();
    ++count;
    const auto rule_json = vector["rule"];
    const std::string_view op = rule_json["op"];
    const double threshold = rule_json["threshold"];
    const std::int64_t step = vector["step_s"];
    SeverityRule rule = op == ">" ? above(threshold) : below(threshold);
    REQUIRE((op == ">" || op == "<"));
    rule = lasting(rule, seconds(rule_json["for_s"].get_int64()), seconds(rule_json["keep_firing_for_s"].get_int64()));
    Timeline t{like_prometheus(rule, seconds(step)), {}, {}, {}};

    std::vector<std::pair<std::int64_t, std::string>> expected, got;
    for (simdjson::dom::element change : vector["transitions"].get_array()) {
      expected.emplace_back(change.at(0).get_int64(), std::string(change.at(1).get_string().value()));
    }
    std::int64_t now = 0, last_at = -1;
    double last = 0;
    std::string state = expected.empty() || expected.front().first != 0 ? "inactive" : "";
    for (simdjson::dom::element value : vector["values"].get_array()) {
      if (!value.is_null()) {
        last = value.get_double();
        last_at = now;
      }
      std::optional<double> seen;
      if (last_at >= 0 && now - last_at <= 300) seen = last;
      const char letter = t.feed({seen})[0];
      const std::string name = letter == 'C' ? "firing" : letter == 'P' ? "pending" : "inactive";
      if (name != state) got.emplace_back(now, name);
      state = name;
      now += step;
    }
    INFO(std::string_view(vector["id"]));
    CHECK(got == expected);
  }
  CHECK(count == 40);
}
