// A ring in a checkpoint: panes, rows and recorded windows. Merged windows are not saved: they are made again from the
// panes, and merging gives the same bits.
#include "metrics/windows/window.h"

namespace tidewatch {

bool Ring::write_pane(Pane& pane, ByteWriter& out) {
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    ByteWriter state;
    if (!slots_[s].is_sequential) slots_[s].family->write(pane.states.state(slots_[s].offset), state);
    out.text(state.bytes());
  }
  out.put(static_cast<std::uint8_t>(!pane.ordered ? 0 : pane.ordered->is_settled ? 2 : 1));
  if (!pane.ordered) return true;
  if (!pane.ordered->is_settled) {
    pane.ordered->rows.write(out);
    return true;
  }
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    ByteWriter state;
    slots_[s].family->write(*pane.ordered->states[s], state);
    out.text(state.bytes());
  }
  return true;
}

void Ring::write(ByteWriter& out) {
  out.put(static_cast<std::uint64_t>(slots_.size()));
  for (const Slot& slot : slots_) {
    out.text(slot.key);
    ByteWriter reference;
    slot.family->write_reference(reference);
    out.text(reference.bytes());
  }
  out.put(static_cast<std::uint64_t>(recorder_keys.size()));
  for (const std::string& name : recorder_keys) out.text(name);
  out.put(static_cast<std::uint8_t>(has_past_));
  for (const std::uint64_t v : {landed_version_, closed_version_, mark_version_, overflowed_}) out.put(v);
  out.put(read_end_);
  out.put(read_as_of_.ns);
  out.put(swept_);
  out.put(settled_);
  out.put(static_cast<std::uint64_t>(marks_.size()));
  for (const auto& [index, mark] : marks_) {
    out.put(index);
    out.put(mark.rows);
    out.text(mark.undefined);
  }
  out.put(static_cast<std::uint64_t>(series_.size()));
  for (auto& [labels, series] : series_) {
    labels.write(out);
    out.put(static_cast<std::uint8_t>(series.get() == other_));
    out.put(series->version);
    out.put(series->last_row.ns);
    if (has_past_) out.put(series->first_row.ns);
    out.put(static_cast<std::uint64_t>(series->panes.size()));
    for (auto& [index, pane] : series->panes) {
      out.put(index);
      write_pane(pane, out);
    }
    out.put(static_cast<std::uint8_t>(series->rows != nullptr && series->rows->size() > 0));
    if (series->rows && series->rows->size() > 0) series->rows->write(out);
    // One list a recorder, also where nothing was recorded yet: the bytes say what is known, not how it came to lie in
    // memory, so a checkpoint restored and saved again is the same.
    static const std::vector<RecordedWindow> none;
    out.put(static_cast<std::uint64_t>(recorder_keys.size()));
    for (std::size_t r = 0; r < recorder_keys.size(); ++r) {
      const std::vector<RecordedWindow>& windows = r < series->recorded.size() ? series->recorded[r] : none;
      out.put(static_cast<std::uint64_t>(windows.size()));
      for (const RecordedWindow& window : windows) {
        write_reading(out, window.reading);
        out.put(window.series_version);
        out.put(window.mark_version);
        out.put(window.first_rows);
        out.put(window.next_row.ns);
      }
      if (!has_past_) continue;
      ByteWriter cuts;
      static const TrailingCuts no_cuts;
      (r < series->cuts.size() ? series->cuts[r] : no_cuts).write(*slots_[slot_of_recorder_[r]].family, cuts);
      out.text(cuts.bytes());
    }
  }
}

// States only; a family that was not there when the pane settled has seen nothing of it.
void Ring::read_settled(Pane& pane, const std::vector<std::size_t>& slot_of, ByteReader& in) {
  std::vector<std::unique_ptr<FamilyState>> states(slots_.size());
  for (const std::size_t slot : slot_of) {
    const std::string bytes = in.text();
    if (slot >= slots_.size()) continue;
    ByteReader reader(bytes);
    states[slot] = slots_[slot].family->read_state(reader);
    if (!states[slot]) in.fail();
  }
  if (!pane.ordered) return;
  for (std::size_t s = 0; s < slots_.size(); ++s)
    if (!states[s]) states[s] = slots_[s].family->make();
  pane.ordered->states = std::move(states);
  pane.ordered->is_stale = false;
  pane.ordered->is_settled = true;
}

bool Ring::read(ByteReader& in, const std::vector<std::string>& our_recorders) {
  constexpr std::size_t gone = SIZE_MAX;
  std::vector<std::size_t> slot_of, recorder_of;
  for (std::size_t i = in.count(8); i > 0 && in.good(); --i) {
    const std::string saved = in.text();
    const std::string reference = in.text();
    std::size_t found = gone;
    for (std::size_t s = 0; s < slots_.size(); ++s)
      if (slots_[s].key == saved) found = s;
    if (found != gone && slots_[found].family->needs_baseline()) {
      // Its rows were given before restoring: a file, maybe edited since. Windows binned by another reference say
      // nothing beside the new one, so they start over. The first byte says whether a reference is sealed.
      ByteWriter ours;
      slots_[found].family->write_reference(ours);
      const bool is_given = !ours.bytes().empty() && ours.bytes()[0] != 0;
      ByteReader reader(reference);
      if (is_given && ours.bytes() != reference)
        found = gone;
      else if (!slots_[found].family->read_reference(reader))
        in.fail();
    }
    slot_of.push_back(found);
  }
  for (std::size_t i = in.count(4); i > 0 && in.good(); --i) {
    const std::string saved = in.text();
    std::size_t found = gone;
    for (std::size_t r = 0; r < our_recorders.size(); ++r)
      if (our_recorders[r] == saved) found = r;
    recorder_of.push_back(found);
  }
  const bool had_past = in.get<std::uint8_t>() != 0;
  for (std::uint64_t* v : {&landed_version_, &closed_version_, &mark_version_, &overflowed_})
    *v = in.get<std::uint64_t>();
  read_end_ = in.get<std::int64_t>();
  read_as_of_.ns = in.nanoseconds();
  swept_ = in.get<std::int64_t>();
  settled_ = in.get<std::int64_t>();
  marks_.clear();
  for (std::size_t i = in.count(20); i > 0 && in.good(); --i) {
    PaneMark& mark = marks_.at(in.get<std::int64_t>());
    mark.rows = in.get<std::uint64_t>();
    mark.undefined = in.text();
    has_undefined_ = has_undefined_ || !mark.undefined.empty();
  }
  for (std::size_t i = in.count(16); i > 0 && in.good(); --i) {
    LabelSet labels = LabelSet::read(in);
    const bool is_other = in.get<std::uint8_t>() != 0;
    Series* series = only_;
    if (labels_ && is_other) {
      series = other_ = &make_series(std::move(labels), UINT32_MAX);
    } else if (labels_) {
      const std::uint32_t id = labels_->id_of(labels);
      if (id >= by_label_.size()) by_label_.resize(id + 64);
      series = by_label_[id] = &make_series(std::move(labels), id);
    }
    series->version = in.get<std::uint64_t>();
    series->last_row.ns = in.nanoseconds();
    if (had_past) series->first_row.ns = in.nanoseconds();
    for (std::size_t j = in.count(9); j > 0 && in.good(); --j) {
      Pane& pane = pane_for(*series, in.get<std::int64_t>());
      make_fresh_states();
      for (const std::size_t slot : slot_of) {
        const std::string bytes = in.text();
        if (slot == gone || bytes.empty() || slots_[slot].is_sequential) continue;
        ByteReader reader(bytes);
        // Merged into the empty state in the block: by what families keep, the same bits.
        const auto saved = slots_[slot].family->read_state(reader);
        if (saved)
          slots_[slot].family->merge(pane.states.state(slots_[slot].offset), *saved);
        else
          in.fail();
      }
      const auto kept = in.get<std::uint8_t>();
      if (pane.ordered) pane.ordered->is_stale = true;  // also when an edited pack asks for rows that were not kept
      if (kept == 0) continue;
      if (kept == 2) {
        read_settled(pane, slot_of, in);
        continue;
      }
      RowStore rows(key_column_);
      if (!rows.read(in)) in.fail();
      if (!has_sequential_) continue;
      pane.ordered->rows = std::move(rows);
    }
    if (in.get<std::uint8_t>() != 0) {
      RowStore rows(key_column_);
      if (!rows.read(in)) in.fail();
      if (series->rows) *series->rows = std::move(rows);
      series->rows_caches.clear();
    }
    if (has_past_ && !had_past) {  // an edit asks for a past: what is known of it begins with what was kept
      if (!series->panes.empty()) series->first_row = clock_.start(series->panes.begin()->first);
      if (series->rows && series->rows->size() > 0) series->first_row = series->rows->rows().time(0);
    }
    series->recorded.assign(recorders_, {});
    std::size_t recorder = 0;
    for (std::size_t j = in.count(8); j > 0 && in.good(); --j, ++recorder) {
      for (std::size_t k = in.count(64); k > 0 && in.good(); --k) {
        RecordedWindow window;
        window.reading = SharedReading(read_reading(in));
        window.to = window.reading->to;
        window.is_final = window.reading->is_final;
        window.series_version = in.get<std::uint64_t>();
        window.mark_version = in.get<std::uint64_t>();
        window.first_rows = in.get<std::uint64_t>();
        window.next_row.ns = in.nanoseconds();
        if (recorder < recorder_of.size() && recorder_of[recorder] != gone)
          series->recorded[recorder_of[recorder]].push_back(std::move(window));
      }
      if (!had_past) continue;
      const std::string cut_bytes = in.text();
      const std::size_t ours = recorder < recorder_of.size() ? recorder_of[recorder] : gone;
      if (ours == gone || cut_bytes.empty()) continue;
      if (series->cuts.size() <= ours) series->cuts.resize(ours + 1);
      ByteReader cuts(cut_bytes);
      if (!series->cuts[ours].read(*slots_[slot_of_recorder_[ours]].family, cuts)) in.fail();
    }
  }
  return in.good();
}

}  // namespace tidewatch
