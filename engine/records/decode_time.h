// Event times as they come in records. The common shapes are read by hand, because a time stands in every record and
// the general parser knows zones, names and gaps that a record rarely needs; whatever is not common goes to that
// parser.
#pragma once

#include <cstdint>
#include <string_view>

namespace tidewatch {

// "2004-01-05", "2004-01-05T10:11:12", with 'T', 't' or ' ', up to nine decimals, "Z" or "+hh:mm"; anything else goes
// to parse_instant with `zone` (an IANA name that passed check_zone). Without an offset the time is local to `zone`.
// False when it is no time, names a zone, or lies outside 1678..2261.
bool parse_event_time(std::string_view text, std::string_view zone, std::int64_t& ns);

// Epoch seconds, or milliseconds when the magnitude is at least 1e11. False when not finite or out of range.
bool epoch_to_ns(double value, std::int64_t& ns);
bool epoch_to_ns(std::int64_t value, std::int64_t& ns);

}  // namespace tidewatch
