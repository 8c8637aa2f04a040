// Rows in order, and what they take from the row before: see sequence.h.
#include "metrics/windows/sequence.h"

#include <algorithm>

namespace tidewatch {
namespace {

std::optional<std::size_t> column_of(const StreamSpec& stream, const std::string& name) {
  if (const auto declared = stream.schema.find(name)) return declared;
  for (std::size_t i = 0; i < stream.derived.size(); ++i)
    if (stream.derived[i].name == name) return stream.schema.columns.size() + i;
  return std::nullopt;
}

// Which series a row is of: each value with its length, so that no two pairs of texts are alike.
std::string series_of(const Batch& batch, std::uint32_t row, const std::vector<std::size_t>& by) {
  std::string out;
  for (const std::size_t index : by) {
    const Column& column = batch.columns[index];
    std::string value = "-";
    if (!column.null[row]) {
      ByteWriter bytes;
      if (column.is_text())
        bytes.text(column.text(row));
      else if (column.type == ColumnType::number)
        bytes.put(column.numbers[row] + 0.0);
      else
        bytes.put(column.integers[row]);
      value = bytes.take();
    }
    out += std::to_string(value.size()) + ":" + value;
  }
  return out;
}

}  // namespace

bool Sequence::is_needed(const StreamSpec& stream) {
  return std::any_of(stream.derived.begin(), stream.derived.end(),
                     [](const DerivedSpec& each) { return !each.previous_of.empty(); });
}

Result<Sequence> Sequence::make(const StreamSpec& stream) {
  Sequence out;
  if (!stream.key.empty()) out.key_column_ = stream.schema.find(stream.key);
  out.held_ = RowStore(out.key_column_);
  StreamSpec so_far = stream;
  so_far.derived.clear();
  for (const DerivedSpec& derived : stream.derived) {
    Step step;
    step.target = stream.schema.columns.size() + so_far.derived.size();
    if (derived.previous_of.empty()) {
      auto expression = Expression::compile(derived.expression, so_far);
      if (!expression) return expression.error().within("derived column \"" + derived.name + "\"");
      step.expression.emplace(std::move(*expression));
    } else {
      const auto of = column_of(so_far, derived.previous_of);
      if (!of) return invalid(derived.name + ": there is no column \"" + derived.previous_of + "\" before it");
      step.of = *of;
      for (const std::string& name : derived.previous_by) {
        const auto by = column_of(so_far, name);
        if (!by) return invalid(derived.name + ": there is no column \"" + name + "\"");
        step.by.push_back(*by);
      }
    }
    so_far.derived.push_back(derived);
    out.steps_.push_back(std::move(step));
  }
  return out;
}

void Sequence::previous(Step& step, Batch& batch) {
  const Column& of = batch.columns[step.of];
  Column& target = batch.columns[step.target];
  target.clear();
  target.type = ColumnType::number;
  for (std::uint32_t row = 0; row < batch.rows; ++row) {
    const std::string series = series_of(batch, row, step.by);
    const auto known = step.last.find(series);
    target.null.push_back(known == step.last.end());
    target.numbers.push_back(known == step.last.end() ? 0 : known->second.value);
    if (of.null[row]) continue;  // the newest value there was goes on being the one before
    step.last[series] = {of.as_number(row), batch.time(row)};
    if (step.last.size() <= most_series) continue;
    std::vector<std::pair<Instant, std::string>> ages;
    for (const auto& [name, last] : step.last) ages.emplace_back(last.at, name);
    const auto half = ages.begin() + static_cast<std::ptrdiff_t>(ages.size() / 2);
    std::nth_element(ages.begin(), half, ages.end());
    for (auto age = ages.begin(); age != half; ++age) step.last.erase(age->second);
  }
}

void Sequence::fill(Batch& batch) {
  for (Step& step : steps_) {
    if (step.expression)
      step.expression->compute(batch, batch.columns[step.target]);
    else
      previous(step, batch);
  }
}

Batch Sequence::release(Instant until) {
  Batch out;
  if (held_.size() == 0) return out;
  const Batch& rows = held_.rows();
  const auto& times = rows.columns[rows.time_column].integers;
  const auto ready = static_cast<std::size_t>(std::lower_bound(times.begin(), times.end(), until.ns) - times.begin());
  if (ready == 0) return out;
  out = rows.slice(0, ready);
  held_.drop_first(ready);
  fill(out);
  return out;
}

Result<Batch> Sequence::of_rows(const StreamSpec& stream, RowStore& rows) {
  auto alone = make(stream);
  if (!alone) return alone.error();
  Batch out = rows.rows();
  alone->fill(out);
  return out;
}

std::size_t Sequence::memory_bytes() const {
  std::size_t bytes = sizeof *this + held_.memory_bytes();
  for (const Step& step : steps_) bytes += step.last.size() * 96;
  return bytes;
}

void Sequence::write(ByteWriter& out) {
  out.put(static_cast<std::uint8_t>(held_.size() > 0));
  if (held_.size() > 0) held_.write(out);
  for (const Step& step : steps_) {
    out.put(static_cast<std::uint64_t>(step.last.size()));
    for (const auto& [series, last] : step.last) {
      out.text(series);
      out.put(last.value);
      out.put(last.at.ns);
    }
  }
}

bool Sequence::read(ByteReader& in) {
  held_ = RowStore(key_column_);
  if (in.get<std::uint8_t>() != 0 && !held_.read(in)) return false;
  for (Step& step : steps_) {
    step.last.clear();
    for (std::size_t i = in.count(20); i > 0 && in.good(); --i) {
      const std::string series = in.text();
      Last& last = step.last[series];
      last.value = in.get<double>();
      last.at.ns = in.nanoseconds();
    }
  }
  return in.good();
}

}  // namespace tidewatch
