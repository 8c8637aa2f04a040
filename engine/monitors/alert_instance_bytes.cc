// The checkpoint form of an alert. Every clock is kept, so that the instance read back has the same future as the one
// written; what could not have been written (a state out of range, a ring value of 7) is refused as damage.
#include "base/text.h"
#include "monitors/alert_instance.h"

namespace tidewatch {

namespace {

constexpr std::uint8_t format_version = 1;

void put_instant(const std::optional<Instant>& t, ByteWriter& out) {
  out.put(static_cast<std::uint8_t>(t.has_value()));
  out.put(t ? t->ns : std::int64_t{0});
}

std::optional<Instant> get_instant(ByteReader& in) {
  const auto has = in.get<std::uint8_t>();
  const auto ns = in.nanoseconds();
  if (has > 1) in.fail();
  return has == 1 && in.good() ? std::optional<Instant>(Instant{ns}) : std::nullopt;
}

template <typename Enum>
Enum get_enum(ByteReader& in, Enum last) {
  const auto raw = in.get<std::uint8_t>();
  if (raw > static_cast<std::uint8_t>(last)) in.fail();
  return in.good() ? static_cast<Enum>(raw) : Enum{};
}

}  // namespace

void AlertInstance::write(ByteWriter& out) const {
  out.put(format_version);
  out.put(state_);
  out.put(severity_);
  out.put(peak_);
  for (const auto* t :
       {&active_at_, &fired_at_, &severity_at_, &keep_since_, &resolved_at_, &no_verdict_since_, &last_observed_}) {
    put_instant(*t, out);
  }
  for (std::size_t s = 1; s < since_.size(); ++s) {
    put_instant(since_[s], out);
    put_instant(stopped_since_[s], out);
    out.array(rings_[s]);
  }
  out.text(held_);
  flapping_.write(out);
  out.put(flapping_peak_);
  out.put(static_cast<std::uint8_t>(seen_));
  write_reading(out, last_reading_);
}

Done AlertInstance::read(ByteReader& in) {
  const auto version = in.get<std::uint8_t>();
  if (in.good() && version != format_version) {
    in.fail();
    return invalid("reading an alert: expected format " + std::to_string(format_version) + ", got " +
                   std::to_string(version));
  }
  AlertInstance got;
  got.state_ = get_enum(in, AlertState::unknown);
  got.severity_ = get_enum(in, Severity::critical);
  got.peak_ = get_enum(in, Severity::critical);
  for (auto* t : {&got.active_at_, &got.fired_at_, &got.severity_at_, &got.keep_since_, &got.resolved_at_,
                  &got.no_verdict_since_, &got.last_observed_}) {
    *t = get_instant(in);
  }
  for (std::size_t s = 1; s < since_.size(); ++s) {
    got.since_[s] = get_instant(in);
    got.stopped_since_[s] = get_instant(in);
    got.rings_[s] = in.array<std::uint8_t>();
    for (const std::uint8_t bit : got.rings_[s]) {
      if (bit > 1) in.fail();
    }
  }
  got.held_ = in.text();
  got.flapping_.read(in);
  got.flapping_peak_ = get_enum(in, Severity::critical);
  const auto seen = in.get<std::uint8_t>();
  got.seen_ = seen == 1;
  got.last_reading_ = SharedReading(read_reading(in));
  const bool severity_fits = (got.state_ == AlertState::firing) == (got.severity_ != Severity::none);
  if (!in.good() || seen > 1 || !severity_fits) {
    in.fail();
    return invalid("reading an alert: the bytes are damaged or cut short");
  }
  *this = std::move(got);
  return done();
}

}  // namespace tidewatch
