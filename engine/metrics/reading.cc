// Names of statuses and the bytes of a reading in a checkpoint.
#include "metrics/reading.h"

#include "base/text.h"

namespace tidewatch {

std::string_view name_of(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::no_data:
      return "no_data";
    case Status::immature:
      return "immature";
    case Status::insufficient:
      return "insufficient";
    case Status::undefined:
      return "undefined";
  }
  return "undefined";
}

namespace {

void put_optional(ByteWriter& out, const std::optional<double>& v) {
  out.put(static_cast<std::uint8_t>(v.has_value()));
  if (v) out.put(*v);
}

std::optional<double> get_optional(ByteReader& in) {
  if (in.get<std::uint8_t>() == 0) return std::nullopt;
  return in.get<double>();
}

}  // namespace

void write_reading(ByteWriter& out, const Reading& r) {
  put_optional(out, r.value);
  out.text(r.text);
  out.put(r.status);
  out.text(r.reason);
  for (const std::uint64_t v : {r.n, r.nulls, r.excluded, r.late, r.baseline_n}) out.put(v);
  out.put(static_cast<std::uint64_t>(r.excluded_by.size()));
  for (const auto& [reason, count] : r.excluded_by) {
    out.text(reason);
    out.put(count);
  }
  for (const Instant t : {r.from, r.to, r.as_of}) out.put(t.ns);
  out.put(r.revision);
  out.put(static_cast<std::uint8_t>(r.is_final));
  out.put(r.error.kind);
  out.put(r.error.bound);
  put_optional(out, r.low);
  put_optional(out, r.high);
  put_optional(out, r.p_value);
  out.put(static_cast<std::uint8_t>(r.baseline != nullptr));
  if (r.baseline) {
    out.text(r.baseline->name);
    out.put(r.baseline->from.ns);
    out.put(r.baseline->to.ns);
    out.text(r.baseline->hash);
  }
  out.put(static_cast<std::uint64_t>(r.bins.size()));
  for (const CalibrationBin& b : r.bins) {
    out.put(b.low);
    out.put(b.high);
    out.put(b.n);
    out.put(b.score);
    out.put(b.positive);
  }
  put_optional(out, r.coverage);
  for (const std::uint64_t v : {r.pending, r.leaked, r.relabelled}) out.put(v);
  out.put(static_cast<std::uint8_t>(r.chance != nullptr));
  if (r.chance) write_chance(out, *r.chance);
  out.put(static_cast<std::uint64_t>(r.thresholds.size()));
  for (const ThresholdInForce& threshold : r.thresholds) write_threshold(out, threshold);
}

Reading read_reading(ByteReader& in) {
  Reading r;
  r.value = get_optional(in);
  r.text = in.text();
  r.status = in.get<Status>();
  if (r.status > Status::undefined) in.fail();
  r.reason = in.text();
  for (std::uint64_t* v : {&r.n, &r.nulls, &r.excluded, &r.late, &r.baseline_n}) *v = in.get<std::uint64_t>();
  for (std::size_t i = in.count(12); i > 0 && in.good(); --i) {
    std::string reason = in.text();
    r.excluded_by.emplace_back(std::move(reason), in.get<std::uint64_t>());
  }
  for (Instant* t : {&r.from, &r.to, &r.as_of}) t->ns = in.nanoseconds();
  r.revision = in.get<std::uint32_t>();
  r.is_final = in.get<std::uint8_t>() != 0;
  r.error.kind = in.get<ErrorBound::Kind>();
  r.error.bound = in.get<double>();
  r.low = get_optional(in);
  r.high = get_optional(in);
  r.p_value = get_optional(in);
  if (in.get<std::uint8_t>() != 0) {
    auto baseline = std::make_shared<BaselineEvidence>();
    baseline->name = in.text();
    baseline->from.ns = in.nanoseconds();
    baseline->to.ns = in.nanoseconds();
    baseline->hash = in.text();
    r.baseline = std::move(baseline);
  }
  for (std::size_t i = in.count(40); i > 0 && in.good(); --i) {
    CalibrationBin b{};
    b.low = in.get<double>();
    b.high = in.get<double>();
    b.n = in.get<std::uint64_t>();
    b.score = in.get<double>();
    b.positive = in.get<double>();
    r.bins.push_back(b);
  }
  r.coverage = get_optional(in);
  for (std::uint64_t* v : {&r.pending, &r.leaked, &r.relabelled}) *v = in.get<std::uint64_t>();
  if (in.get<std::uint8_t>() != 0) r.chance = std::make_shared<Chance>(read_chance(in));
  for (std::size_t i = in.count(51); i > 0 && in.good(); --i) r.thresholds.push_back(read_threshold(in));
  return r;
}

std::string baseline_json(const Reading& r) {
  if (!r.baseline) return "null";
  const BaselineEvidence& b = *r.baseline;
  std::string out = "{\"name\":\"" + json_escape(b.name) + "\",\"n\":" + std::to_string(r.baseline_n);
  if (b.to > b.from) out += ",\"from\":\"" + format_instant(b.from) + "\",\"to\":\"" + format_instant(b.to) + "\"";
  if (!b.hash.empty()) out += ",\"hash\":\"" + b.hash + "\"";
  return out + "}";
}

}  // namespace tidewatch
