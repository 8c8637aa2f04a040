// See label_index.h. Values that left with their series are only cleared away by a rebuild in sweep(): forgetting one
// by one would need a count a value on the hot path.
#include "metrics/windows/label_index.h"

#include <algorithm>

#include "base/text.h"

namespace tidewatch {

std::uint32_t LabelIndex::value_id(std::string_view text) {
  const auto found = values_.find(text);
  if (found != values_.end()) return found->second;
  const auto id = static_cast<std::uint32_t>(value_texts_.size());
  value_texts_.emplace_back(text);
  values_.emplace(std::string(text), id);
  return id;
}

std::uint32_t LabelIndex::hash_of(const std::uint32_t* values) const {
  std::uint64_t hash = 0;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    hash = (hash ^ values[c]) * 0x9e3779b97f4a7c15ull;
    hash ^= hash >> 29;
  }
  return static_cast<std::uint32_t>(hash >> 13);
}

void LabelIndex::put(std::uint32_t hash, std::uint32_t id) {
  if (++placed_ * 2 > places_.size()) {
    std::vector<Place> old(places_.size() * 2);
    old.swap(places_);
    for (const Place& place : old) {
      if (place.id == UINT32_MAX) continue;
      std::size_t at = place.hash & (places_.size() - 1);
      while (places_[at].id != UINT32_MAX) at = (at + 1) & (places_.size() - 1);
      places_[at] = place;
    }
  }
  std::size_t at = hash & (places_.size() - 1);
  while (places_[at].id != UINT32_MAX) at = (at + 1) & (places_.size() - 1);
  places_[at] = {hash, id};
}

std::uint32_t LabelIndex::make(const std::uint32_t* values) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (!value_texts_[values[i]].empty()) pairs.emplace_back(names_[i], value_texts_[values[i]]);
  std::uint32_t id;
  if (free_.empty()) {
    id = static_cast<std::uint32_t>(sets_.size());
    sets_.emplace_back(std::move(pairs));
    kept_.push_back(0);
    combinations_.resize(combinations_.size() + columns_.size());
  } else {
    id = free_.back();
    free_.pop_back();
    sets_[id] = LabelSet(std::move(pairs));
  }
  std::copy_n(values, columns_.size(), combinations_.begin() + static_cast<std::ptrdiff_t>(id * columns_.size()));
  put(hash_of(values), id);
  return id;
}

std::uint32_t LabelIndex::combination(const std::uint32_t* values) {
  const std::uint32_t hash = hash_of(values);
  const std::size_t mask = places_.size() - 1, width = columns_.size();
  for (std::size_t at = hash & mask; places_[at].id != UINT32_MAX; at = (at + 1) & mask)
    if (places_[at].hash == hash && std::equal(values, values + width, combinations_.data() + places_[at].id * width))
      return places_[at].id;
  return make(values);
}

void LabelIndex::number(const Batch& batch, std::vector<std::uint32_t>& out) {
  out.assign(batch.rows, 0);
  values_of_row_.resize(batch.rows * columns_.size());
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    const Column& column = batch.columns[columns_[c]];
    std::uint32_t* ids = values_of_row_.data() + c;
    const std::size_t stride = columns_.size();
    if (column.is_text()) {
      constexpr std::uint32_t unknown = UINT32_MAX;
      codes_.assign(column.dictionary.size(), unknown);
      for (std::size_t row = 0; row < batch.rows; ++row) {
        if (column.null[row]) {
          ids[row * stride] = value_id("");
          continue;
        }
        std::uint32_t& known = codes_[column.codes[row]];
        if (known == unknown) known = value_id(column.text(row));
        ids[row * stride] = known;
      }
    } else {
      for (std::size_t row = 0; row < batch.rows; ++row) {
        std::string text;
        if (column.null[row])
          text.clear();
        else if (column.type == ColumnType::boolean)
          text = column.integers[row] ? "true" : "false";
        else if (column.type == ColumnType::integer)
          text = std::to_string(column.integers[row]);
        else if (column.type == ColumnType::time)
          text = format_instant({column.integers[row]});
        else
          text = format_number(column.numbers[row]);
        ids[row * stride] = value_id(text);
      }
    }
  }
  for (std::size_t row = 0; row < batch.rows; ++row)
    out[row] = combination(values_of_row_.data() + row * columns_.size());
}

std::uint32_t LabelIndex::id_of(const LabelSet& labels) {
  std::vector<std::uint32_t> values;
  for (const std::string& name : names_) values.push_back(value_id(labels.get(name)));
  return combination(values.data());
}

void LabelIndex::sweep() {
  std::size_t live = 0;
  for (const std::uint32_t count : kept_) live += count > 0;
  if (sets_.size() - free_.size() < 2 * live + 1024) return;
  values_.clear();
  value_texts_.clear();
  places_.assign(64, Place{});
  placed_ = 0;
  free_.clear();
  for (std::size_t id = kept_.size(); id-- > 0;) {
    if (kept_[id]) {
      std::uint32_t* values = combinations_.data() + id * columns_.size();
      for (std::size_t c = 0; c < columns_.size(); ++c) values[c] = value_id(sets_[id].get(names_[c]));
      put(hash_of(values), static_cast<std::uint32_t>(id));
    } else {
      sets_[id] = LabelSet();
      free_.push_back(static_cast<std::uint32_t>(id));
    }
  }
}

std::size_t LabelIndex::memory_bytes() const { return sets_.size() * 160 + values_.size() * 120; }

}  // namespace tidewatch
