// See row_builder.h. Facts and reject reasons are kept in order of name, so that the same body states the same facts in
// the same order whatever came before it.
#include "records/row_builder.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <tuple>

namespace tidewatch {

namespace {

constexpr std::size_t kept_rejects = 100;
constexpr std::size_t record_bytes = 1024;
constexpr std::size_t shown_value_bytes = 60;
constexpr std::size_t kept_facts = 64;  // distinct ones a body: random keys must not grow a batch without bound

constexpr std::uint64_t odd = 0x9E3779B97F4A7C15ull;

template <typename Word>
Word word_at(const char* p) {
  Word word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

std::string shown(std::string_view value) {
  if (value.size() <= shown_value_bytes) return std::string(value);
  std::size_t end = shown_value_bytes;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0) == 0x80) --end;
  return std::string(value.substr(0, end)) + "...";
}

}  // namespace

void CodeTable::begin() {
  used_ = 0;
  if (++epoch_ == 0) {
    std::fill(slots_.begin(), slots_.end(), Slot{});
    epoch_ = 1;
  }
}

// Of up to sixteen bytes the bytes themselves, zeros behind them. Lengths come at random, so no step depends on one.
CodeTable::Slot CodeTable::words_of(std::string_view text, bool is_padded) {
  const char* const p = text.data();
  const std::size_t n = text.size();
  Slot out;
  out.length = static_cast<std::uint32_t>(n);
  if (n > 16) {
    out.first = word_at<std::uint64_t>(p);
    out.last = word_at<std::uint64_t>(p + n - 8);
    for (std::size_t at = 8; at + 8 < n; at += 8)
      out.first = (std::rotl(out.first, 29) ^ word_at<std::uint64_t>(p + at)) * odd;
    return out;
  }
  if (is_padded && std::endian::native == std::endian::little) {
    static constexpr std::uint64_t ones = ~0ull;
    // Shifts by 64 are not defined, so whole words go through a table.
    static constexpr std::uint64_t masks[] = {0,          ones >> 56, ones >> 48, ones >> 40, ones >> 32, ones >> 24,
                                              ones >> 16, ones >> 8,  ones,       ones,       ones,       ones,
                                              ones,       ones,       ones,       ones,       ones};
    out.first = word_at<std::uint64_t>(p) & masks[n];
    out.last = word_at<std::uint64_t>(p + 8) & (n > 8 ? masks[n - 8] : 0);
    return out;
  }
  char bytes[16] = {};
  if (n > 0) std::memcpy(bytes, p, n);
  out.first = word_at<std::uint64_t>(bytes);
  out.last = word_at<std::uint64_t>(bytes + 8);
  return out;
}

std::uint32_t CodeTable::hash_of(const Slot& words) {
  const std::uint64_t hash = ((words.first ^ words.length) * odd ^ words.last) * odd;
  return static_cast<std::uint32_t>(hash >> 32);
}

std::uint32_t CodeTable::code_of(std::string_view text, Dictionary& dictionary, bool is_padded) {
  Slot words = words_of(text, is_padded);
  const std::uint32_t hash = hash_of(words);
  std::size_t mask = slots_.size() - 1;
  std::size_t i = hash & mask;
  for (; slots_[i].epoch == epoch_; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.first == words.first && slot.last == words.last && slot.length == words.length &&
        (words.length <= 16 || dictionary[slot.code] == text))
      return slot.code;
  }
  if (used_ * 2 >= slots_.size()) {
    grow();
    mask = slots_.size() - 1;
    for (i = hash & mask; slots_[i].epoch == epoch_; i = (i + 1) & mask) {
    }
  }
  words.code = dictionary.add(text);
  words.epoch = epoch_;
  slots_[i] = words;
  ++used_;
  return words.code;
}

void CodeTable::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.epoch != epoch_) continue;
    std::size_t i = hash_of(slot) & mask;
    while (slots_[i].epoch == epoch_) i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

RowBuilder::RowBuilder(const StreamSpec& stream)
    : columns_(stream.schema.columns),
      zone_(stream.zone),
      shape_(stream),
      cells_(columns_.size()),
      tables_(columns_.size()) {
  shape_.derived.clear();
  time_column_ = empty_batch(shape_).time_column;
}

int RowBuilder::find(std::string_view name) const {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

void RowBuilder::begin_body(std::size_t body_bytes) {
  batch_ = empty_batch(shape_);
  rejected_ = 0;
  counts_.clear();
  body_bytes_ = body_bytes;
  room_ = 0;
  for (std::size_t c = 0; c < columns_.size(); ++c)
    if (columns_[c].type == ColumnType::category) tables_[c].begin();
}

void RowBuilder::make_room() {
  const auto expected = static_cast<std::size_t>(static_cast<double>(body_bytes_) / bytes_per_row_ * 1.05) + 4;
  room_ = room_ ? room_ * 2 : expected;
  places_.clear();
  for (Column& column : batch_.columns) {
    column.null.resize(room_);
    void* values = nullptr;
    if (column.type == ColumnType::number) {
      column.numbers.resize(room_);
      values = column.numbers.data();
    } else if (column.is_text()) {
      column.codes.resize(room_);
      values = column.codes.data();
    } else {
      column.integers.resize(room_);
      values = column.integers.data();
    }
    places_.push_back({column.type, column.null.data(), values});
  }
}

void RowBuilder::set_null(std::size_t column) {
  cells_[column].state = Cell::State::null;
  if (columns_[column].nullable) return;
  const std::string detail = "expected " + std::string(name_of(columns_[column].type)) + ", got null";
  state_fact("nullable", columns_[column].name, detail, 1);
  problem("wrong_type", columns_[column].name + ": " + detail);
}

void RowBuilder::wrong_type(std::size_t column, std::string_view got, std::string_view value) {
  cells_[column].state = Cell::State::null;
  const std::string expected = "expected " + std::string(name_of(columns_[column].type)) + ", got ";
  state_fact("retyped", columns_[column].name, expected + std::string(got), 1);
  std::string detail = columns_[column].name + ": " + expected + std::string(got);
  if (!value.empty()) detail += " " + shown(value);
  problem("wrong_type", std::move(detail));
}

void RowBuilder::bad_time(std::size_t column, std::string_view value) {
  cells_[column].state = Cell::State::null;
  problem("bad_time", columns_[column].name + ": expected an ISO 8601 time or epoch seconds, got " + shown(value));
}

void RowBuilder::unreadable(std::string_view reason, std::string detail) {
  reason_ = reason;
  detail_ = std::move(detail);
}

void RowBuilder::problem(std::string_view reason, std::string detail) {
  if (!reason_.empty()) return;
  reason_ = reason;
  detail_ = std::move(detail);
}

void RowBuilder::end_row(std::string_view record, std::uint64_t line, bool is_padded) {
  bool is_whole = reason_.empty() && !cells_.empty() && cells_[time_column_].state == Cell::State::set;
  for (const Cell& cell : cells_) is_whole &= cell.state != Cell::State::absent;
  if (is_whole) [[likely]]
    return append(is_padded);
  const bool is_unreadable = !reason_.empty() && reason_.substr(0, 4) == "bad_" && reason_ != "bad_time";
  for (std::size_t c = 0; c < cells_.size() && !is_unreadable; ++c) {
    if (cells_[c].state != Cell::State::absent) [[likely]]
      continue;
    if (columns_[c].nullable) {
      cells_[c].state = Cell::State::null;
      continue;
    }
    state_fact("removed", columns_[c].name, "expected " + std::string(name_of(columns_[c].type)) + ", got nothing", 1);
    problem("missing_column", columns_[c].name + ": expected " + std::string(name_of(columns_[c].type)) +
                                  ", the record does not have it");
  }
  if (reason_.empty() && !cells_.empty() && cells_[time_column_].state != Cell::State::set) {
    problem("bad_time", columns_[time_column_].name + ": a record needs its time, got null");
  }
  if (reason_.empty()) {
    append(is_padded);
  } else {
    reject(record, line);
  }
}

void RowBuilder::reject(std::string_view record, std::uint64_t line) {
  ++rejected_;
  const auto at = counts_.find(reason_);
  if (at == counts_.end()) {
    counts_.emplace(std::string(reason_), 1);
  } else {
    ++at->second;
  }
  if (batch_.rejected.size() < kept_rejects) {
    batch_.rejected.push_back({std::string(reason_), detail_, std::string(record.substr(0, record_bytes)), line});
  }
}

void RowBuilder::append(bool is_padded) {
  const std::size_t row = batch_.rows;
  if (row == room_) make_room();
  // Bytes are written, which could be any member's: what the loop needs is taken out of them.
  const Cell* const cells = cells_.data();
  const Place* const places = places_.data();
  for (std::size_t c = 0, columns = cells_.size(); c < columns; ++c) {
    const Cell& cell = cells[c];
    const Place& place = places[c];
    const bool is_null = cell.state == Cell::State::null;
    place.null[row] = is_null;
    switch (place.type) {
      case ColumnType::number:
        static_cast<double*>(place.values)[row] = is_null ? 0.0 : cell.number;
        break;
      case ColumnType::integer:
      case ColumnType::boolean:
      case ColumnType::time:
        static_cast<std::int64_t*>(place.values)[row] = is_null ? 0 : cell.integer;
        break;
      case ColumnType::string:
        static_cast<std::uint32_t*>(place.values)[row] =
            batch_.columns[c].dictionary.add(is_null ? std::string_view() : cell.text);
        break;
      case ColumnType::category:
        static_cast<std::uint32_t*>(place.values)[row] =
            is_null ? 0 : tables_[c].code_of(cell.text, batch_.columns[c].dictionary, is_padded);
        break;
    }
  }
  ++batch_.rows;
}

void RowBuilder::state_fact(std::string_view what, std::string_view column, std::string_view detail,
                            std::uint64_t rows) {
  for (SchemaFact& fact : batch_.facts) {
    if (fact.what == what && fact.column == column && fact.detail == detail) {
      fact.rows += rows;
      return;
    }
  }
  if (batch_.facts.size() < kept_facts) {
    batch_.facts.push_back({std::string(what), std::string(column), std::string(detail), rows});
  }
}

Batch RowBuilder::finish() {
  for (Column& column : batch_.columns) {
    column.null.resize(batch_.rows);
    if (column.type == ColumnType::number) {
      column.numbers.resize(batch_.rows);
    } else if (column.is_text()) {
      column.codes.resize(batch_.rows);
    } else {
      column.integers.resize(batch_.rows);
    }
  }
  std::sort(batch_.facts.begin(), batch_.facts.end(), [](const SchemaFact& a, const SchemaFact& b) {
    return std::tie(a.what, a.column, a.detail) < std::tie(b.what, b.column, b.detail);
  });
  for (const auto& [reason, count] : counts_) batch_.rejected_counts.emplace_back(reason, count);
  batch_.received = batch_.rows + rejected_;
  if (batch_.rows > 0) bytes_per_row_ = static_cast<double>(body_bytes_) / static_cast<double>(batch_.rows);
  return std::move(batch_);
}

}  // namespace tidewatch
