// Field by field in the order of the struct. Doubles go as their bits, so evidence reads back exactly; enums and
// counts are checked because a checkpoint is a file, and files get damaged.
#include "monitors/reading_bytes.h"

namespace tidewatch {

namespace {

void put_optional(const std::optional<double>& value, ByteWriter& out) {
  out.put(static_cast<std::uint8_t>(value.has_value()));
  out.put(value.value_or(0.0));
}

std::optional<double> get_optional(ByteReader& in) {
  const auto has = in.get<std::uint8_t>();
  const auto value = in.get<double>();
  if (has > 1) in.fail();
  return has == 1 ? std::optional<double>(value) : std::nullopt;
}

template <typename Enum>
Enum get_enum(ByteReader& in, Enum last) {
  const auto raw = in.get<std::uint8_t>();
  if (raw > static_cast<std::uint8_t>(last)) {
    in.fail();
    return Enum{};
  }
  return static_cast<Enum>(raw);
}

}  // namespace

void write_reading(const Reading& reading, ByteWriter& out) {
  put_optional(reading.value, out);
  out.text(reading.text);
  out.put(reading.status);
  out.text(reading.reason);
  out.put(reading.n);
  out.put(reading.nulls);
  out.put(reading.excluded);
  out.put(static_cast<std::uint64_t>(reading.excluded_by.size()));
  for (const auto& [cause, count] : reading.excluded_by) {
    out.text(cause);
    out.put(count);
  }
  out.put(reading.from.ns);
  out.put(reading.to.ns);
  out.put(reading.as_of.ns);
  out.put(reading.revision);
  out.put(static_cast<std::uint8_t>(reading.is_final));
  out.put(reading.late);
  out.put(reading.error.kind);
  out.put(reading.error.bound);
  put_optional(reading.low, out);
  put_optional(reading.high, out);
  put_optional(reading.p_value, out);
  out.text(reading.baseline);
  out.put(reading.baseline_n);
  out.put(static_cast<std::uint64_t>(reading.bins.size()));
  for (const CalibrationBin& bin : reading.bins) {
    out.put(bin.low);
    out.put(bin.high);
    out.put(bin.n);
    out.put(bin.score);
    out.put(bin.positive);
  }
}

Reading read_reading(ByteReader& in) {
  Reading reading;
  reading.value = get_optional(in);
  reading.text = in.text();
  reading.status = get_enum(in, Status::undefined);
  reading.reason = in.text();
  reading.n = in.get<std::uint64_t>();
  reading.nulls = in.get<std::uint64_t>();
  reading.excluded = in.get<std::uint64_t>();
  const std::size_t causes = in.count(12);
  for (std::size_t i = 0; i < causes && in.good(); ++i) {
    std::string cause = in.text();
    const auto count = in.get<std::uint64_t>();
    reading.excluded_by.emplace_back(std::move(cause), count);
  }
  reading.from.ns = in.get<std::int64_t>();
  reading.to.ns = in.get<std::int64_t>();
  reading.as_of.ns = in.get<std::int64_t>();
  reading.revision = in.get<std::uint32_t>();
  reading.is_final = in.get<std::uint8_t>() == 1;
  reading.late = in.get<std::uint64_t>();
  reading.error.kind = get_enum(in, ErrorBound::Kind::standard);
  reading.error.bound = in.get<double>();
  reading.low = get_optional(in);
  reading.high = get_optional(in);
  reading.p_value = get_optional(in);
  reading.baseline = in.text();
  reading.baseline_n = in.get<std::uint64_t>();
  const std::size_t bins = in.count(40);
  for (std::size_t i = 0; i < bins && in.good(); ++i) {
    CalibrationBin bin{};
    bin.low = in.get<double>();
    bin.high = in.get<double>();
    bin.n = in.get<std::uint64_t>();
    bin.score = in.get<double>();
    bin.positive = in.get<double>();
    reading.bins.push_back(bin);
  }
  return in.good() ? reading : Reading{};
}

}  // namespace tidewatch
