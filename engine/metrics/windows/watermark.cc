// The table of rules in docs ("Windows"): see watermark.h. `reached` is the newest event time capped by the clock when
// it arrived; the run-on of an idle stream starts there, so a row stamped ahead cannot push the watermark ahead either.
#include "metrics/windows/watermark.h"

#include <algorithm>

namespace tidewatch {

void Watermark::arrived(std::string_view name, Instant newest, Instant now) {
  auto found = sources_.find(name);
  if (found == sources_.end()) found = sources_.emplace(std::string(name), Source{}).first;
  Source& source = found->second;
  source.newest = std::max(source.newest, newest);
  source.last_arrival = std::max(source.last_arrival, now);
  source.is_idle = false;
  newest_ = std::max(newest_, newest);
  last_arrival_ = std::max(last_arrival_, now);
  reached_ = std::max(reached_, std::min(newest, now));
  settle(now);
}

void Watermark::tick(Instant now) {
  for (auto& [name, source] : sources_)
    if (now >= source.last_arrival + idle_) source.is_idle = true;
  settle(now);
}

void Watermark::paused(Duration down) {
  if (sources_.empty()) return;
  for (auto& [name, source] : sources_) source.last_arrival = source.last_arrival + down;
  last_arrival_ = last_arrival_ + down;
}

void Watermark::settle(Instant now) {
  if (sources_.empty()) return;
  Instant least = far_future;
  bool all_idle = true;
  for (auto& [name, source] : sources_) {
    source.watermark = std::max(source.watermark, std::min(source.newest, now) - disorder_);
    if (source.is_idle) continue;
    all_idle = false;
    least = std::min(least, source.watermark);
  }
  if (all_idle) least = reached_ + (now - last_arrival_);
  value_ = std::max(value_, least);
}

void Watermark::write(ByteWriter& out) const {
  out.put(value_.ns);
  out.put(newest_.ns);
  out.put(reached_.ns);
  out.put(last_arrival_.ns);
  out.put(static_cast<std::uint64_t>(sources_.size()));
  for (const auto& [name, source] : sources_) {
    out.text(name);
    out.put(source.newest.ns);
    out.put(source.last_arrival.ns);
    out.put(source.watermark.ns);
    out.put(static_cast<std::uint8_t>(source.is_idle));
  }
}

bool Watermark::read(ByteReader& in) {
  value_.ns = in.nanoseconds();
  newest_.ns = in.nanoseconds();
  reached_.ns = in.nanoseconds();
  last_arrival_.ns = in.nanoseconds();
  sources_.clear();
  for (std::size_t i = in.count(29); i > 0 && in.good(); --i) {
    Source& source = sources_[in.text()];
    source.newest.ns = in.nanoseconds();
    source.last_arrival.ns = in.nanoseconds();
    source.watermark.ns = in.nanoseconds();
    source.is_idle = in.get<std::uint8_t>() != 0;
  }
  return in.good();
}

}  // namespace tidewatch
