// Growing, collapsing, merging and reading the bucket sketch: everything off the ingest path.
#include "metrics/statistics/bucket_sketch.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tidewatch {

namespace {
constexpr std::uint32_t negative_bit = 1u << 17, magnitude_mask = negative_bit - 1;
constexpr std::uint64_t count_mask = (1ull << 46) - 1;
constexpr std::uint8_t most_level = 16;
}  // namespace

void BucketSketch::put_elsewhere(std::uint32_t key, std::uint64_t count) {
  if (slots_.empty() && level_ == 0 && total_ <= UINT32_MAX && widen(key & ~(binade - 1), (key | (binade - 1)) + 1)) {
    row_[key - first_] += static_cast<std::uint32_t>(count);
    return;
  }
  leave_row();
  put_in_slots(key, count);
}

bool BucketSketch::widen(std::uint32_t from, std::uint32_t to) {
  if (!row_.empty()) {
    from = std::min(from, first_);
    to = std::max(to, first_ + static_cast<std::uint32_t>(row_.size()));
  }
  if (to - from > most_row || ((from ^ (to - 1)) & negative_bit)) return false;
  if (row_.size() == to - from) return true;
  std::vector<std::uint32_t> wider(to - from);
  std::copy(row_.begin(), row_.end(), wider.begin() + (row_.empty() ? 0 : first_ - from));
  row_.swap(wider);
  first_ = from;
  return true;
}

void BucketSketch::leave_row() {
  std::vector<std::uint32_t> row;
  row.swap(row_);
  for (std::uint32_t i = 0; i < row.size(); ++i)
    if (row[i]) put_in_slots(first_ + i, row[i]);
}

void BucketSketch::grow() {
  std::vector<std::uint64_t> old(slots_.size() * 2);
  old.swap(slots_);
  filled_ = 0;
  for (const std::uint64_t slot : old)
    if (slot) put_in_slots(static_cast<std::uint32_t>(slot >> count_bits), slot & count_mask);
}

void BucketSketch::raise(std::uint8_t level) {
  leave_row();
  const int drop = level - level_;
  level_ = level;
  std::vector<std::uint64_t> old(slots_.size());
  old.swap(slots_);
  filled_ = 0;
  for (const std::uint64_t slot : old) {
    if (!slot) continue;
    const auto key = static_cast<std::uint32_t>(slot >> count_bits);
    put_in_slots((key & negative_bit) | ((key & magnitude_mask) >> drop), slot & count_mask);
  }
}

void BucketSketch::merge(const BucketSketch& from) {
  if (from.level_ > level_) raise(from.level_);
  total_ += from.total_;
  zeros_ += from.zeros_;
  const auto length = static_cast<std::uint32_t>(from.row_.size());
  if (length && slots_.empty() && level_ == 0 && total_ <= UINT32_MAX && widen(from.first_, from.first_ + length)) {
    std::uint32_t* into = row_.data() + (from.first_ - first_);
    const std::uint32_t* counts = from.row_.data();
    for (std::uint32_t i = 0; i < length; i += binade, into += binade, counts += binade)
      for (std::uint32_t j = 0; j < binade; ++j) into[j] += counts[j];
    return;
  }
  for (std::uint32_t i = 0; i < length; ++i) {
    if (!from.row_[i]) continue;
    const std::uint32_t key = from.first_ + i;
    put((key & negative_bit) | ((key & magnitude_mask) >> level_), from.row_[i]);
  }
  for (const std::uint64_t slot : from.slots_) {
    if (!slot) continue;
    const auto key = static_cast<std::uint32_t>(slot >> count_bits);
    // put() may raise the level while we walk, so the drop is taken each time.
    put((key & negative_bit) | ((key & magnitude_mask) >> (level_ - from.level_)), slot & count_mask);
  }
}

std::vector<std::pair<std::uint32_t, std::uint64_t>> BucketSketch::sorted() const {
  std::vector<std::pair<std::uint32_t, std::uint64_t>> out;
  for (std::uint32_t i = 0; i < row_.size(); ++i)
    if (row_[i]) out.emplace_back(first_ + i, row_[i]);
  if (!row_.empty()) return out;
  out.reserve(filled_);
  for (const std::uint64_t slot : slots_)
    if (slot) out.emplace_back(static_cast<std::uint32_t>(slot >> count_bits), slot & count_mask);
  std::sort(out.begin(), out.end());
  return out;
}

double BucketSketch::at_rank(std::uint64_t rank) const { return at_ranks({&rank, 1}).front(); }

std::vector<double> BucketSketch::at_ranks(std::span<const std::uint64_t> ranks) const {
  const auto middle = [&](std::uint32_t key) {
    const std::uint64_t from = static_cast<std::uint64_t>(key & magnitude_mask) << level_;
    const double low = std::bit_cast<double>(from << 46);
    const double high =
        std::min(std::bit_cast<double>((from + (1ull << level_)) << 46), std::numeric_limits<double>::max());
    const double value = low > 0 ? low * (2 / (1 + low / high)) : high / 2;
    return key & negative_bit ? -value : value;
  };
  std::vector<double> out;
  if (!row_.empty()) {
    // Largest magnitudes first: the least values when they are negative, else the greatest. Then the zeros.
    const bool is_negative = (first_ & negative_bit) != 0;
    for (const std::uint64_t rank : ranks) {
      std::uint64_t left = is_negative ? rank : total_ - 1 - rank;
      std::size_t at = row_.size();
      while (at > 0 && left >= row_[at - 1]) left -= row_[--at];
      out.push_back(at > 0 ? middle(first_ + static_cast<std::uint32_t>(at - 1)) : 0.0);
    }
    return out;
  }
  const auto buckets = sorted();
  const auto first_negative =
      std::lower_bound(buckets.begin(), buckets.end(), std::pair<std::uint32_t, std::uint64_t>(negative_bit, 0));
  const auto of = [&](std::uint64_t rank) {
    std::uint64_t seen = 0;
    for (auto at = buckets.end(); at != first_negative;) {
      --at;
      seen += at->second;
      if (rank < seen) return middle(at->first);
    }
    seen += zeros_;
    if (rank < seen) return 0.0;
    double last = 0;
    for (auto at = buckets.begin(); at != first_negative; ++at) {
      seen += at->second;
      last = middle(at->first);
      if (rank < seen) break;
    }
    return last;
  };
  for (const std::uint64_t rank : ranks) out.push_back(of(rank));
  return out;
}

double BucketSketch::relative_bound() const {
  if (level_ <= 6) {
    const double width = std::ldexp(1.0, level_ - 6);
    return width / (2 + width);
  }
  const double ratio = std::ldexp(1.0, 1 << (level_ - 6));
  return (ratio - 1) / (ratio + 1);
}

void BucketSketch::write(ByteWriter& out) const {
  out.put(level_);
  out.put(zeros_);
  const auto buckets = sorted();
  out.put(static_cast<std::uint64_t>(buckets.size()));
  for (const auto& [key, count] : buckets) out.put(static_cast<std::uint64_t>(key) << count_bits | count);
}

bool BucketSketch::read(ByteReader& in) {
  *this = BucketSketch();
  level_ = in.get<std::uint8_t>();
  zeros_ = in.get<std::uint64_t>();
  total_ = zeros_;
  const std::size_t size = in.count(8);
  if (level_ > most_level || size > most_filled) in.fail();
  for (std::size_t i = 0; i < size && in.good(); ++i) {
    const auto slot = in.get<std::uint64_t>();
    if ((slot & count_mask) == 0) in.fail();
    if (!in.good()) break;
    total_ += slot & count_mask;
    put(static_cast<std::uint32_t>(slot >> count_bits), slot & count_mask);
  }
  return in.good();
}

}  // namespace tidewatch
