// See stream_metrics.h. Wilson's interval for `ingested` is that of statsmodels proportion_confint(method="wilson").
#include "metrics/stream_metrics.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace tidewatch {

bool is_stream_metric(std::string_view name) {
  return name == "freshness" || name == "arrival_age" || name == "ingested" || name == "schema_changes" ||
         name == "schema_hash";
}

bool is_join_metric(std::string_view name) { return name == "coverage" || name == "label_delay"; }

void StreamLog::add(std::string_view source, const Batch& batch, std::uint64_t accepted, std::uint64_t rejected,
                    Instant at) {
  Entry& entry = entries_.at(floor_to(at, seconds(1)).ns / seconds(1).ns);
  entry.accepted += accepted;
  entry.rejected += rejected;
  ++version_;
  // A delivery without a readable row says nothing about the shape.
  if (accepted == 0 && batch.facts.empty()) return;
  std::set<std::string> shape;
  for (const SchemaFact& fact : batch.facts)
    shape.insert(fact.what + " " + fact.column + (fact.detail.empty() ? "" : ": " + fact.detail));
  auto found = shapes_.find(source);
  if (found == shapes_.end()) found = shapes_.emplace(std::string(source), std::set<std::string>()).first;
  for (const std::string& fact : shape)
    if (!found->second.count(fact)) entry.changes.push_back(fact);
  found->second = shape;
  shape_ = std::move(shape);
}

StreamLog::Entry StreamLog::sum(Instant from, Instant to) const {
  Entry sum;
  const std::int64_t end = ceil_to(to, seconds(1)).ns / seconds(1).ns;
  for (auto item = entries_.from(floor_to(from, seconds(1)).ns / seconds(1).ns);
       item != entries_.end() && item->first < end; ++item) {
    sum.accepted += item->second.accepted;
    sum.rejected += item->second.rejected;
    sum.changes.insert(sum.changes.end(), item->second.changes.begin(), item->second.changes.end());
  }
  return sum;
}

void StreamLog::forget(Instant before) { entries_.drop_before(floor_to(before, seconds(1)).ns / seconds(1).ns); }

void StreamLog::write(ByteWriter& out) const {
  out.put(version_);
  out.put(static_cast<std::uint64_t>(entries_.size()));
  for (const auto& [second, entry] : entries_) {
    out.put(second);
    out.put(entry.accepted);
    out.put(entry.rejected);
    out.put(static_cast<std::uint64_t>(entry.changes.size()));
    for (const std::string& change : entry.changes) out.text(change);
  }
  const auto put_shape = [&](const std::set<std::string>& shape) {
    out.put(static_cast<std::uint64_t>(shape.size()));
    for (const std::string& fact : shape) out.text(fact);
  };
  put_shape(shape_);
  out.put(static_cast<std::uint64_t>(shapes_.size()));
  for (const auto& [source, shape] : shapes_) {
    out.text(source);
    put_shape(shape);
  }
}

bool StreamLog::read(ByteReader& in) {
  version_ = in.get<std::uint64_t>();
  entries_.clear();
  for (std::size_t i = in.count(32); i > 0 && in.good(); --i) {
    Entry& entry = entries_.at(in.get<std::int64_t>());
    entry.accepted = in.get<std::uint64_t>();
    entry.rejected = in.get<std::uint64_t>();
    for (std::size_t j = in.count(4); j > 0 && in.good(); --j) entry.changes.push_back(in.text());
  }
  const auto get_shape = [&] {
    std::set<std::string> shape;
    for (std::size_t j = in.count(4); j > 0 && in.good(); --j) shape.insert(in.text());
    return shape;
  };
  shape_ = get_shape();
  shapes_.clear();
  for (std::size_t i = in.count(12); i > 0 && in.good(); --i) {
    std::string source = in.text();
    shapes_[std::move(source)] = get_shape();
  }
  return in.good();
}

Reading freshness_reading(const MetricSpec& spec, const Calendar& calendar, Instant newest, Instant started,
                          Instant now) {
  Reading r;
  r.as_of = r.to = now;
  const bool has_row = newest != far_past;
  const Instant since = has_row ? newest : started;
  if (since == far_past) {
    r.reason = "the engine has seen neither a row nor a tick";
    return r;
  }
  r.from = since;
  r.status = Status::ok;
  r.n = has_row ? 1 : 0;
  if (spec.unit == "business days") {
    r.value =
        static_cast<double>(calendar.business_days_between(local_day(since, spec.zone), local_day(now, spec.zone)));
  } else {
    r.value = (now - since).seconds();
  }
  return r;
}

Reading ingested_reading(const StreamLog& log, Instant from, Instant to, Instant now) {
  Reading r;
  r.from = from;
  r.to = to;
  r.as_of = now;
  const StreamLog::Entry sum = log.sum(from, to);
  r.n = sum.accepted + sum.rejected;
  if (r.n == 0) {
    r.reason = "nothing was delivered in the window";
    return r;
  }
  r.status = Status::ok;
  const double n = static_cast<double>(r.n), p = static_cast<double>(sum.accepted) / n;
  constexpr double z = 1.959963984540054;
  const double centre = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n);
  r.value = p;
  r.low = std::max(0.0, centre - half);
  r.high = std::min(1.0, centre + half);
  return r;
}

Reading schema_changes_reading(const StreamLog& log, bool had_delivery, Instant from, Instant to, Instant now) {
  Reading r;
  r.from = from;
  r.to = to;
  r.as_of = now;
  const StreamLog::Entry sum = log.sum(from, to);
  r.n = sum.accepted;
  if (!had_delivery) {
    r.reason = "nothing was delivered yet";
    return r;
  }
  r.status = Status::ok;
  r.value = static_cast<double>(sum.changes.size());
  for (const std::string& change : sum.changes) r.text += (r.text.empty() ? "" : "; ") + change;
  return r;
}

Reading schema_hash_reading(const MetricSpec& spec, const StreamLog& log, const Schema& schema, Instant now) {
  Reading r;
  r.as_of = r.to = now;
  r.status = Status::ok;
  r.text = schema.hash(spec.ordered);
  r.n = 1;
  if (log.shape().empty()) return r;
  // What came differs from what was declared: another hash, a function of the differences alone.
  std::string facts = r.text;
  for (const std::string& fact : log.shape())
    if (spec.ordered || fact.rfind("reordered", 0) != 0) facts += "\n" + fact;
  if (facts != r.text) r.text = sha256_hex(facts);
  return r;
}

}  // namespace tidewatch
