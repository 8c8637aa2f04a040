// NDJSON records for the rows, from a seed: Python takes longer to write a day of them than the engine to judge it.
// `prediction`: ten fields and a small object, about 233 bytes; 5 models x 30 versions x 4 regions x `segments` label
// sets. `value`: time, one of `segments` models, a number; about 50 bytes. Event time moves `step-us` a record.
#include <cmath>
#include <cstdint>

#include "flags.h"
#include "random.h"

namespace {

int prediction(char* line, std::size_t size, long long ts, Random& random, unsigned segments) {
  static const char* const models[] = {"credit_risk", "churn", "fraud", "vix_forecast", "price"};
  static const char* const regions[] = {"us-east", "us-west", "eu-west", "ap-south"};
  static const char* const few[] = {"new", "returning", "vip"};
  const double score = random.unit() * random.unit();
  const char* label = random.unit() < 0.1 ? "null" : random.unit() < score ? "1" : "0";
  char amount[32] = "null", segment[16];
  if (random.unit() >= 0.03) std::snprintf(amount, sizeof amount, "%.2f", std::exp(5 + random.normal()));
  const unsigned which = random.below(segments);
  if (segments <= 3)
    std::snprintf(segment, sizeof segment, "%s", few[which]);
  else
    std::snprintf(segment, sizeof segment, "s%u", which);
  return std::snprintf(
      line, size,
      "{\"ts\":%013lld,\"id\":\"%016llx\",\"model\":\"%s\",\"version\":\"2.%u.%u\",\"region\":\"%s\",\"segment\":\"%"
      "s\","
      "\"pred\":%.6f,\"label\":%s,\"latency_ms\":%.3f,\"status\":%d,\"features\":{\"amount\":%s,\"age\":%u,\"ratio\":"
      "%.5f}}\n",
      ts, static_cast<unsigned long long>(random.next()), models[random.below(5)], random.below(3), random.below(10),
      regions[random.below(4)], segment, score, label, std::exp(2.2 + 0.6 * random.normal()),
      random.unit() < 0.995 ? 200 : 500, amount, 18 + random.below(72), random.normal());
}

int value(char* line, std::size_t size, long long ts, Random& random, unsigned models) {
  char x[32] = "null";
  if (random.unit() >= 0.01) std::snprintf(x, sizeof x, "%.4f", 1 + random.normal());
  return std::snprintf(line, size, "{\"ts\":%013lld,\"model\":\"m%u\",\"x\":%s}\n", ts, random.below(models), x);
}

}  // namespace

int main(int count, char** words) {
  const Flags flags(count, words,
                    {{"count", "400000"},
                     {"shape", "prediction"},
                     {"segments", "3"},
                     {"step-us", "10000"},
                     {"from-ms", "1767225600000"},
                     {"seed", "7"},
                     {"out", ""}});
  std::FILE* out = std::fopen(flags.text("out").c_str(), "w");
  if (out == nullptr) return std::perror(flags.text("out").c_str()), 1;
  Random random{static_cast<std::uint64_t>(flags.whole("seed"))};
  const bool is_prediction = flags.text("shape") == "prediction";
  const long records = flags.whole("count"), step = flags.whole("step-us"), from = flags.whole("from-ms");
  const auto segments = static_cast<unsigned>(flags.whole("segments"));
  char line[512];
  for (long i = 0; i < records; ++i) {
    const long long ts = from + static_cast<long long>(i) * step / 1000;
    const int length = is_prediction ? prediction(line, sizeof line, ts, random, segments)
                                     : value(line, sizeof line, ts, random, segments);
    std::fwrite(line, 1, static_cast<std::size_t>(length), out);
  }
  return std::fclose(out) == 0 ? 0 : 1;
}
