// See label_join.h. Two queues, by prediction time and by label time, hold an item a row; an item whose row has gone is
// skipped when its turn comes, which is cheaper than finding it earlier.
#include "metrics/joins/label_join.h"

#include <algorithm>

namespace tidewatch {
namespace {

// Rows kept of one key and side; further ones are refused as `evicted`, so that no single key can fill the buffer.
constexpr std::size_t most_of_a_key = 64;

Batch joined_batch(const LabelJoin::Shape& shape) {
  Batch batch;
  for (const std::vector<ColumnType>* side : {&shape.predicted, &shape.actual})
    for (const ColumnType type : *side) {
      batch.columns.emplace_back();
      batch.columns.back().type = type;
    }
  batch.time_column = shape.is_over_label_time ? shape.predicted.size() + shape.actual_time : shape.predicted_time;
  return batch;
}

void clear_rows(Batch& batch) {
  for (Column& column : batch.columns) column.clear();
  batch.rows = 0;
}

}  // namespace

struct LabelJoin::Entry {
  JoinRows predictions, labels;
  std::uint32_t queued = 0;  // items of both queues that name this entry
};

struct LabelJoin::Outcome {
  const JoinRow* prediction = nullptr;
  const JoinRow* label = nullptr;  // the winner
  std::int64_t first_label = 0;
  std::uint32_t relabelled = 0, leaked = 0;
  bool operator==(const Outcome&) const = default;
};

struct LabelJoin::Resolved {
  std::vector<Outcome> standing;  // by time
  std::uint64_t rescored = 0, relabelled = 0, leaked = 0, matched = 0;
  void clear() {
    standing.clear();
    rescored = relabelled = leaked = matched = 0;
  }
  // Forgets the first, whose counts stand, and the rescored ones, which went with it or stay as they are.
  void drop_first(const Resolved& after) {
    standing.erase(standing.begin());
    rescored = after.rescored;
    relabelled = matched = leaked = 0;
    for (const Outcome& one : standing) {
      relabelled += one.relabelled;
      leaked += one.leaked;
      matched += one.label != nullptr;
    }
  }
};

LabelJoin::LabelJoin(Shape shape)
    : shape_(std::move(shape)), before_(std::make_unique<Resolved>()), after_(std::make_unique<Resolved>()) {
  is_payload_.assign(shape_.actual.size(), 1);
  is_payload_[shape_.actual_time] = 0;
  for (const std::size_t c : shape_.actual_key) is_payload_[c] = 0;
  if (std::find(is_payload_.begin(), is_payload_.end(), 1) == is_payload_.end()) is_payload_.clear();
}

LabelJoin::~LabelJoin() = default;

JoinChanges LabelJoin::changes() const {
  JoinChanges out;
  out.removed = joined_batch(shape_);
  out.added = joined_batch(shape_);
  return out;
}

// Pure: what holds for this key, given its rows.
void LabelJoin::resolve(const Entry& entry, Resolved& out) const {
  out.clear();
  const std::int64_t reach = shape_.within.ns + shape_.early.ns;
  for (const JoinRow* row = entry.predictions.first(); row; row = row->next()) {
    if (!out.standing.empty() && row->time() - out.standing.back().prediction->time() <= reach) {
      ++out.rescored;
      continue;
    }
    Outcome outcome;
    outcome.prediction = row;
    out.standing.push_back(outcome);
  }
  if (out.standing.empty()) return;
  for (const JoinRow* row = entry.labels.first(); row; row = row->next()) {
    Outcome* met = nullptr;
    for (Outcome& one : out.standing) {
      const std::int64_t delay = row->time() - one.prediction->time();
      if (delay >= -shape_.early.ns && delay <= shape_.within.ns) met = &one;
    }
    if (met) {
      if (met->label) {
        ++met->relabelled;
        ++out.relabelled;
      } else {
        met->first_label = row->time();
        ++out.matched;
      }
      met->label = row;
    } else if (row->time() < out.standing.front().prediction->time() - shape_.early.ns) {
      ++out.standing.front().leaked;
      ++out.leaked;
    }
  }
}

bool LabelJoin::is_blank(std::string_view label) const { return label.back() == '\1'; }

void LabelJoin::append(Batch& into, const JoinRow* prediction, const JoinRow* label) const {
  decode_row(prediction->bytes(), into, 0, shape_.predicted.size());
  if (label) {
    std::string_view bytes = label->bytes();
    bytes.remove_suffix(1);  // the mark of a blank label
    decode_row(bytes, into, shape_.predicted.size(), shape_.actual.size());
  } else {
    append_nulls(into, shape_.predicted.size(), shape_.actual.size());
  }
  ++into.rows;
}

void LabelJoin::emit(const Resolved& before, const Resolved& after, JoinChanges& out) {
  const auto add = [&](const Outcome& one, bool is_same_pair, Batch& rows, std::vector<JoinFacts>& facts) {
    append(rows, one.prediction, one.label);
    JoinFacts fact;
    fact.is_same_pair = is_same_pair;
    fact.predicted_ns = one.prediction->time();
    fact.relabelled = one.relabelled;
    fact.leaked = one.leaked;
    if (one.label) {
      fact.kind = is_blank(one.label->bytes()) ? JoinFacts::Kind::blank : JoinFacts::Kind::matched;
      fact.delay_ns = std::max<std::int64_t>(0, one.first_label - one.prediction->time());
    }
    facts.push_back(fact);
  };
  const auto same_prediction = [](const Resolved& in, const Outcome& one) -> const Outcome* {
    for (const Outcome& other : in.standing)
      if (other.prediction == one.prediction) return &other;
    return nullptr;
  };
  for (const Outcome& one : before.standing) {
    const Outcome* const now = same_prediction(after, one);
    if (!now || !(*now == one)) add(one, now && now->label == one.label, out.removed, out.removed_facts);
  }
  for (const Outcome& one : after.standing) {
    const Outcome* const then = same_prediction(before, one);
    if (!then || !(*then == one)) add(one, then && then->label == one.label, out.added, out.added_facts);
  }
  counters_.predictions += after.standing.size() - before.standing.size();
  counters_.matched += after.matched - before.matched;
  counters_.rescored += after.rescored - before.rescored;
  counters_.relabelled += after.relabelled - before.relabelled;
  counters_.leaked += after.leaked - before.leaked;
}

void LabelJoin::push(std::vector<Due>& queue, std::int64_t time, Place& place) {
  const auto later = [](const Due& a, const Due& b) {
    return a.time != b.time ? a.time > b.time : a.place->first > b.place->first;
  };
  queue.push_back({time, &place});
  std::push_heap(queue.begin(), queue.end(), later);
  ++place.second.queued;
}

LabelJoin::Place* LabelJoin::pop(std::vector<Due>& queue) {
  const auto later = [](const Due& a, const Due& b) {
    return a.time != b.time ? a.time > b.time : a.place->first > b.place->first;
  };
  std::pop_heap(queue.begin(), queue.end(), later);
  Place* const place = queue.back().place;
  queue.pop_back();
  --place->second.queued;
  return place;
}

void LabelJoin::let_go(Place& place) {
  const Entry& entry = place.second;
  if (entry.queued > 0 || !entry.predictions.empty() || !entry.labels.empty()) return;
  entries_.erase(entries_.find(place.first));
}

void LabelJoin::put_prediction(Place& place, std::int64_t time, std::string_view bytes, JoinChanges& out) {
  Entry& entry = place.second;
  resolve(entry, *before_);
  if (entry.predictions.size() >= most_of_a_key) {
    ++counters_.evicted;
    return;
  }
  if (!entry.predictions.insert(time, bytes)) {
    ++counters_.rescored;
    return;
  }
  ++prediction_rows_;
  row_bytes_ += JoinRows::memory_of(bytes);
  push(predictions_due_, time, place);
  resolve(entry, *after_);
  emit(*before_, *after_, out);
}

void LabelJoin::put_label(Place& place, std::int64_t time, std::string_view bytes, JoinChanges& out) {
  Entry& entry = place.second;
  if (entry.labels.contains(time, bytes)) {
    ++counters_.duplicates;
    return;
  }
  if (is_blank(bytes)) ++counters_.no_key;
  resolve(entry, *before_);
  for (const Outcome& one : before_->standing) {
    const std::int64_t delay = time - one.prediction->time();
    if (one.prediction->time() >= settled_.ns || delay > shape_.within.ns) continue;
    if (delay >= -shape_.early.ns)
      ++counters_.too_late;
    else if (&one == before_->standing.data())
      ++counters_.leaked;
    else
      continue;
    return;
  }
  if (entry.labels.size() >= most_of_a_key) {
    ++counters_.evicted;
    return;
  }
  entry.labels.insert(time, bytes);
  ++label_rows_;
  row_bytes_ += JoinRows::memory_of(bytes);
  push(labels_due_, time, place);
  resolve(entry, *after_);
  emit(*before_, *after_, out);
}

void LabelJoin::predictions(const Batch& batch, std::span<const std::uint32_t> rows, JoinChanges& out) {
  ++version_;
  for (const std::uint32_t row : rows) {
    const std::int64_t time = batch.time(row).ns;
    if (time < settled_.ns) {
      ++counters_.too_late;
      continue;
    }
    key_.clear();
    bytes_.clear();
    encode_row(batch, row, bytes_);
    if (!encode_key(batch, row, shape_.predicted_key, key_)) {
      ++counters_.no_key;
      ++counters_.predictions;
      decode_row(bytes_, out.added, 0, shape_.predicted.size());
      append_nulls(out.added, shape_.predicted.size(), shape_.actual.size());
      ++out.added.rows;
      JoinFacts fact;
      fact.kind = JoinFacts::Kind::blank;
      fact.has_key = false;
      fact.predicted_ns = time;
      out.added_facts.push_back(fact);
      continue;
    }
    Place& place = *entries_.try_emplace(key_).first;
    put_prediction(place, time, bytes_, out);
    if (prediction_rows_ > shape_.most_pending) evict_predictions(shape_.most_pending, out);
  }
}

void LabelJoin::labels(const Batch& batch, std::span<const std::uint32_t> rows, JoinChanges& out) {
  ++version_;
  for (const std::uint32_t row : rows) {
    ++counters_.labels;
    key_.clear();
    if (!encode_key(batch, row, shape_.actual_key, key_)) {
      ++counters_.no_key;
      continue;
    }
    bool has_payload = is_payload_.empty();
    for (std::size_t c = 0; c < is_payload_.size(); ++c) has_payload |= is_payload_[c] && !batch.columns[c].null[row];
    bytes_.clear();
    encode_row(batch, row, bytes_);
    bytes_.push_back(has_payload ? '\0' : '\1');
    Place& place = *entries_.try_emplace(key_).first;
    put_label(place, batch.time(row).ns, bytes_, out);
    let_go(place);
    if (label_rows_ > shape_.most_pending) evict_labels(out);
  }
}

std::int64_t LabelJoin::held_until() const {
  if (predicted_watermark_ == far_past) return INT64_MIN;
  return (predicted_watermark_ - shape_.early - shape_.lateness).ns;
}

// The first standing prediction of the entry leaves with all that belongs to it. A label between it and the next one,
// so far of no account, then is older than every prediction there is: a leak of the next.
void LabelJoin::settle_prediction(Place& place, std::int64_t time, JoinChanges& out) {
  Entry& entry = place.second;
  resolve(entry, *before_);
  const auto drop = [&](JoinRows& rows, const JoinRow* row, std::uint64_t& count) {
    row_bytes_ -= JoinRows::memory_of(row->bytes());
    rows.erase(row);
    --count;
  };
  const std::int64_t reach = time + shape_.within.ns + shape_.early.ns;
  while (!entry.predictions.empty() && entry.predictions.first()->time() <= reach)
    drop(entry.predictions, entry.predictions.first(), prediction_rows_);
  while (!entry.labels.empty() && entry.labels.first()->time() <= time + shape_.within.ns)
    drop(entry.labels, entry.labels.first(), label_rows_);
  if (entry.predictions.empty()) {
    settle_labels(place);
    for (const JoinRow* row = entry.labels.first(); row; row = row->next()) push(labels_due_, row->time(), place);
    return;
  }
  resolve(entry, *after_);
  before_->drop_first(*after_);
  emit(*before_, *after_, out);
}

void LabelJoin::settle_labels(Place& place) {
  Entry& entry = place.second;
  const std::int64_t until = held_until();
  while (!entry.labels.empty() && entry.labels.first()->time() < until) {
    ++version_;
    ++counters_.orphan;
    row_bytes_ -= JoinRows::memory_of(entry.labels.first()->bytes());
    entry.labels.erase(entry.labels.first());
    --label_rows_;
  }
}

void LabelJoin::watermarks(Instant predicted, Instant actual, JoinChanges& out) {
  predicted_watermark_ = std::max(predicted_watermark_, predicted);
  actual_watermark_ = std::max(actual_watermark_, actual);
  if (predicted_watermark_ == far_past) return;
  const Duration reach = shape_.within + shape_.early;
  if (actual_watermark_ != far_past) {
    const Instant labelled = actual_watermark_ - shape_.within - shape_.lateness;
    settled_ = std::max(settled_, std::min(predicted_watermark_ - shape_.lateness, labelled));
    const Instant until = std::min(predicted_watermark_ - reach - shape_.lateness, labelled);
    while (!predictions_due_.empty() && predictions_due_.front().time < until.ns) {
      const std::int64_t time = predictions_due_.front().time;
      Place& place = *pop(predictions_due_);
      if (!place.second.predictions.empty() && place.second.predictions.first()->time() == time) {
        ++version_;
        resolve(place.second, *before_);
        if (!before_->standing.front().label) ++counters_.expired;
        settle_prediction(place, time, out);
      }
      let_go(place);
    }
  }
  const std::int64_t held = held_until();
  while (!labels_due_.empty() && labels_due_.front().time < held) {
    Place& place = *pop(labels_due_);
    if (place.second.predictions.empty()) settle_labels(place);
    let_go(place);
  }
}

void LabelJoin::evict_predictions(std::uint64_t most, JoinChanges& out) {
  while (prediction_rows_ > most && !predictions_due_.empty()) {
    const std::int64_t time = predictions_due_.front().time;
    Place& place = *pop(predictions_due_);
    if (!place.second.predictions.empty() && place.second.predictions.first()->time() == time) {
      ++counters_.evicted;
      evicted_ = std::max(evicted_, Instant{time});
      settled_ = std::max(settled_, Instant{time});
      settle_prediction(place, time, out);
    }
    let_go(place);
  }
}

void LabelJoin::evict_labels(JoinChanges& out) {
  while (label_rows_ > shape_.most_pending && !labels_due_.empty()) {
    Place& place = *pop(labels_due_);
    Entry& entry = place.second;
    if (entry.predictions.empty() && !entry.labels.empty()) {
      ++counters_.evicted;
      ++counters_.orphan;
      row_bytes_ -= JoinRows::memory_of(entry.labels.first()->bytes());
      entry.labels.erase(entry.labels.first());
      --label_rows_;
    }
    let_go(place);
  }
  // All that is left belongs to predictions: the oldest of those take theirs with them.
  while (label_rows_ > shape_.most_pending && prediction_rows_ > 0) evict_predictions(prediction_rows_ - 1, out);
}

std::size_t LabelJoin::memory_bytes() const {
  std::size_t bytes = sizeof *this + row_bytes_ + entries_.bucket_count() * sizeof(void*);
  bytes += entries_.size() * (sizeof(Place) + 32);
  bytes += (predictions_due_.capacity() + labels_due_.capacity()) * sizeof(Due);
  return bytes;
}

void LabelJoin::write(ByteWriter& out) const {
  counters_.write(out);
  for (const Instant t : {predicted_watermark_, actual_watermark_, settled_, evicted_}) out.put(t.ns);
  out.put(version_);
  std::vector<const Place*> places;
  for (const Place& place : entries_)
    if (!place.second.predictions.empty() || !place.second.labels.empty()) places.push_back(&place);
  std::sort(places.begin(), places.end(), [](const Place* a, const Place* b) { return a->first < b->first; });
  out.put(static_cast<std::uint64_t>(places.size()));
  for (const Place* place : places) {
    out.text(place->first);
    place->second.predictions.write(out);
    place->second.labels.write(out);
  }
}

bool LabelJoin::read(ByteReader& in) {
  counters_.read(in);
  for (Instant* t : {&predicted_watermark_, &actual_watermark_, &settled_, &evicted_}) t->ns = in.nanoseconds();
  version_ = in.get<std::uint64_t>();
  Batch check = joined_batch(shape_);
  for (std::size_t i = in.count(20); i > 0 && in.good(); --i) {
    Place& place = *entries_.try_emplace(in.text()).first;
    if (!place.second.predictions.read(in) || !place.second.labels.read(in)) return false;
    clear_rows(check);
    for (const JoinRow* row = place.second.predictions.first(); row; row = row->next()) {
      if (!decode_row(row->bytes(), check, 0, shape_.predicted.size())) in.fail();
      push(predictions_due_, row->time(), place);
      ++prediction_rows_;
      row_bytes_ += JoinRows::memory_of(row->bytes());
    }
    for (const JoinRow* row = place.second.labels.first(); row; row = row->next()) {
      const std::string_view bytes = row->bytes();
      if (bytes.empty() ||
          !decode_row(bytes.substr(0, bytes.size() - 1), check, shape_.predicted.size(), shape_.actual.size()))
        in.fail();
      push(labels_due_, row->time(), place);
      ++label_rows_;
      row_bytes_ += JoinRows::memory_of(bytes);
    }
  }
  return in.good();
}

}  // namespace tidewatch
