// Label values to small numbers, once a batch and shared by every ring of a stream with the same `by`. A batch's
// dictionary is mapped entry by entry, so a row costs an array lookup a column and one probe of a flat table of
// combinations. The hash only finds a place; what is compared is the combination itself.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "records/batch.h"
#include "records/labels.h"

namespace tidewatch {

class LabelIndex {
 public:
  LabelIndex(std::vector<std::string> names, std::vector<std::size_t> columns)
      : names_(std::move(names)), columns_(std::move(columns)) {}

  const std::vector<std::string>& names() const { return names_; }
  // out[row] = id of the row's label set. A null and an empty text are both an absent label.
  void number(const Batch& batch, std::vector<std::uint32_t>& out);
  // The id of a label set that has only names of this index; makes one when new.
  std::uint32_t id_of(const LabelSet& labels);
  const LabelSet& labels(std::uint32_t id) const { return sets_[id]; }
  std::size_t size() const { return sets_.size(); }

  // Users count what they keep; ids nobody keeps are given away again by sweep().
  void keep(std::uint32_t id) { ++kept_[id]; }
  void let_go(std::uint32_t id) { --kept_[id]; }
  void sweep();
  std::size_t memory_bytes() const;

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
  };
  struct Place {
    std::uint32_t hash = 0, id = UINT32_MAX;  // UINT32_MAX: empty
  };
  std::uint32_t value_id(std::string_view text);
  std::uint32_t hash_of(const std::uint32_t* values) const;
  // The id of a combination of value ids, one a column; makes one when new.
  std::uint32_t combination(const std::uint32_t* values);
  std::uint32_t make(const std::uint32_t* values);
  void put(std::uint32_t hash, std::uint32_t id);

  std::vector<std::string> names_;
  std::vector<std::size_t> columns_;
  std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> values_;
  std::deque<std::string> value_texts_;
  std::vector<Place> places_ = std::vector<Place>(64);  // open addressing, a power of two, at most half full
  std::size_t placed_ = 0;
  std::vector<std::uint32_t> combinations_;  // by id: its value ids
  std::deque<LabelSet> sets_;
  std::vector<std::uint32_t> kept_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> codes_, values_of_row_;
};

}  // namespace tidewatch
