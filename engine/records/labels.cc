// Label sets are small and read far more often than they are built, so they are one sorted vector: comparison, text and
// fingerprint are a single pass, and no map is kept beside it.
#include "records/labels.h"

#include <algorithm>

#include "base/text.h"

namespace tidewatch {

namespace {
bool name_before(const std::pair<std::string, std::string>& pair, std::string_view name) { return pair.first < name; }
}  // namespace

LabelSet::LabelSet(std::vector<std::pair<std::string, std::string>> pairs) {
  std::stable_sort(pairs.begin(), pairs.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& pair : pairs) {
    if (!pairs_.empty() && pairs_.back().first == pair.first) {
      pairs_.back().second = std::move(pair.second);
    } else {
      pairs_.push_back(std::move(pair));
    }
  }
}

std::string_view LabelSet::get(std::string_view name) const {
  const auto at = std::lower_bound(pairs_.begin(), pairs_.end(), name, name_before);
  return at != pairs_.end() && at->first == name ? std::string_view(at->second) : std::string_view();
}

void LabelSet::set(std::string name, std::string value) {
  const auto at = std::lower_bound(pairs_.begin(), pairs_.end(), std::string_view(name), name_before);
  const bool found = at != pairs_.end() && at->first == name;
  if (value.empty()) {
    if (found) pairs_.erase(at);
  } else if (found) {
    at->second = std::move(value);
  } else {
    pairs_.insert(at, {std::move(name), std::move(value)});
  }
}

std::string LabelSet::text() const {
  std::string out = "{";
  for (const auto& [name, value] : pairs_) {
    if (out.size() > 1) out += ',';
    out.append(name).append("=\"");
    for (const char c : value) {
      if (c == '\\' || c == '"') {
        out += '\\';
        out += c;
      } else if (c == '\n') {
        out += "\\n";
      } else {
        out += c;
      }
    }
    out += '"';
  }
  return out + "}";
}

std::uint64_t LabelSet::fingerprint() const {
  constexpr std::string_view separator = "\xff";
  std::uint64_t hash = fnv1a64("");
  for (const auto& [name, value] : pairs_) {
    hash = fnv1a64(name, hash);
    hash = fnv1a64(separator, hash);
    hash = fnv1a64(value, hash);
    hash = fnv1a64(separator, hash);
  }
  return hash;
}

void LabelSet::write(ByteWriter& out) const {
  out.put(static_cast<std::uint64_t>(pairs_.size()));
  for (const auto& [name, value] : pairs_) {
    out.text(name);
    out.text(value);
  }
}

LabelSet LabelSet::read(ByteReader& in) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const std::size_t n = in.count(8);
  for (std::size_t i = 0; i < n && in.good(); ++i) {
    std::string name = in.text();
    pairs.emplace_back(std::move(name), in.text());
  }
  // The constructor sorts again: a damaged checkpoint must not yield a set that breaks the order others rely on.
  return in.good() ? LabelSet(std::move(pairs)) : LabelSet();
}

}  // namespace tidewatch
