// See label_index.h. Values that left with their series are only cleared away by a rebuild in sweep(): forgetting one
// by one would need a count a value on the hot path.
#include "metrics/label_index.h"

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

std::uint32_t LabelIndex::step(std::size_t depth, std::uint32_t node, std::uint32_t value) {
  if (levels_.empty()) levels_.resize(columns_.size());
  auto& level = levels_[depth];
  const std::uint64_t key = (static_cast<std::uint64_t>(node) << 32) | value;
  const auto found = level.find(key);
  if (found != level.end()) return found->second;
  path_[depth] = value;
  std::uint32_t next;
  if (depth + 1 < columns_.size()) {
    next = next_node_++;
  } else {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (std::size_t i = 0; i < names_.size(); ++i)
      if (!value_texts_[path_[i]].empty()) pairs.emplace_back(names_[i], value_texts_[path_[i]]);
    if (free_.empty()) {
      next = static_cast<std::uint32_t>(sets_.size());
      sets_.emplace_back(std::move(pairs));
      kept_.push_back(0);
    } else {
      next = free_.back();
      free_.pop_back();
      sets_[next] = LabelSet(std::move(pairs));
    }
  }
  level.emplace(key, next);
  return next;
}

void LabelIndex::number(const Batch& batch, std::vector<std::uint32_t>& out) {
  out.assign(batch.rows, 0);
  path_.resize(columns_.size());
  // Value ids a row and column, so that a path is known when a new label set appears at its end.
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
  for (std::size_t row = 0; row < batch.rows; ++row) {
    std::uint32_t node = 0;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      path_[c] = values_of_row_[row * columns_.size() + c];
      node = step(c, node, path_[c]);
    }
    out[row] = node;
  }
}

std::uint32_t LabelIndex::id_of(const LabelSet& labels) {
  path_.resize(columns_.size());
  for (std::size_t c = 0; c < columns_.size(); ++c) path_[c] = value_id(labels.get(names_[c]));
  std::uint32_t node = 0;
  for (std::size_t c = 0; c < columns_.size(); ++c) node = step(c, node, path_[c]);
  return node;
}

void LabelIndex::insert(const LabelSet& labels, std::uint32_t id) {
  std::uint32_t node = 0;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    const std::uint64_t key = (static_cast<std::uint64_t>(node) << 32) | value_id(labels.get(names_[c]));
    if (c + 1 == columns_.size()) {
      levels_[c][key] = id;
      break;
    }
    auto [place, is_new] = levels_[c].try_emplace(key, next_node_);
    if (is_new) ++next_node_;
    node = place->second;
  }
}

void LabelIndex::sweep() {
  std::size_t live = 0;
  for (const std::uint32_t count : kept_) live += count > 0;
  if (sets_.size() - free_.size() < 2 * live + 1024) return;
  values_.clear();
  value_texts_.clear();
  for (auto& level : levels_) level.clear();
  next_node_ = 1;
  free_.clear();
  for (std::size_t id = kept_.size(); id-- > 0;) {
    if (kept_[id])
      insert(sets_[id], static_cast<std::uint32_t>(id));
    else {
      sets_[id] = LabelSet();
      free_.push_back(static_cast<std::uint32_t>(id));
    }
  }
}

std::size_t LabelIndex::memory_bytes() const { return sets_.size() * 160 + values_.size() * 120; }

}  // namespace tidewatch
