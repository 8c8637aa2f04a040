// Baselines: reference rows for drift families and states for metrics read at a baseline. They respect a handle's
// `where` and not its `by`: the reference is one population, whoever is compared with it.
#include <numeric>

#include "base/text.h"
#include "metrics/engine_state.h"

namespace tidewatch {

namespace {

// What every reference writes first.
bool is_sealed(const Family& family) {
  ByteWriter reference;
  family.write_reference(reference);
  return !reference.bytes().empty() && reference.bytes()[0] != 0;
}

}  // namespace

std::string definition_of(const BaselineState& baseline, const StreamState& owner) {
  const BaselineSpec& spec = baseline.spec;
  return owner.spec.name + "|" + spec.file + "|" + std::to_string(spec.from.ns) + "|" + std::to_string(spec.to.ns) +
         "|" + shape_of(owner.spec);
}

void MetricEngine::State::baseline_add(BaselineState& baseline, const Batch& batch) {
  StreamState* const owner = stream(baseline.spec.stream);
  if (!owner) return;
  baseline.rows = baseline.is_sealed ? batch.rows : baseline.rows + batch.rows;
  std::vector<std::vector<std::uint32_t>> chosen(owner->selections.size());
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    Selection& selection = *owner->selections[i];
    selection.test(batch, predicates);
    if (!selection.failure.empty()) continue;
    for (std::uint32_t row = 0; row < batch.rows; ++row)
      if (selection.truth.empty() || selection.truth[row] == truth_true) chosen[i].push_back(row);
  }
  std::map<const Family*, bool> done;  // leaves share families; each takes the rows once
  for (auto& leaf : leaves) {
    if (leaf->baseline != &baseline || leaf->stream != owner) continue;
    for (Leaf::Part& part : leaf->parts) {
      const std::vector<std::uint32_t>& rows = chosen[part.selection];
      if (leaf->kind == Leaf::Kind::baseline) {
        if (baseline.is_sealed && part.is_given) continue;
        part.is_given = true;
        part.family->prepare(batch);
        part.family->add(*part.state, batch, rows);
        if (!part.spec.is_calibrated || (baseline.kept && baseline.kept->is_sample())) continue;
        if (!part.windows) part.windows = BaselineWindows::make(leaf->spec.window, *part.family);
        if (part.windows) part.windows->add(*part.family, batch, rows);
        continue;
      }
      if (!leaf->ring) continue;
      Family& family = *leaf->ring->slots()[part.slot].family;
      // A family that came with an edit has no reference yet, and the others have theirs.
      const bool has_it = baseline.is_sealed && is_sealed(family);
      if (family.needs_baseline() && !done[&family] && !has_it) family.reference_rows(batch, rows);
      done[&family] = true;
    }
  }
}

void MetricEngine::State::baseline_take(BaselineState& baseline, const Batch& batch,
                                        std::span<const std::uint32_t> rows) {
  const StreamState* const owner = stream(baseline.spec.stream);
  if (!owner || baseline.is_sealed) return;
  const std::size_t declared = owner->spec.schema.columns.size();
  if (baseline.spec.has_span && !baseline.kept) baseline.kept = std::make_unique<KeptRows>(declared);
  for (const std::uint32_t row : rows) {
    const auto digest = row_digest(batch, row, declared);
    baseline.digest.add(digest);
    baseline.oldest = std::min(baseline.oldest, batch.time(row));
    baseline.newest = std::max(baseline.newest, batch.time(row));
    if (baseline.kept) baseline.kept->add(batch, row, digest);
  }
  if (baseline.kept) return;
  if (rows.size() == batch.rows)
    baseline_add(baseline, batch);
  else
    baseline_add(baseline, batch.pick({rows.begin(), rows.end()}));
}

Batch MetricEngine::State::baseline_seal(BaselineState& baseline) {
  if (baseline.is_sealed) return {};
  baseline.is_sealed = true;
  Batch rows;
  if (baseline.kept && baseline.kept->holds_rows()) {
    rows = baseline.kept->take();
    baseline_add(baseline, rows);
  }
  auto evidence = std::make_shared<BaselineEvidence>(*baseline.evidence);
  if (baseline.spec.has_span) {
    evidence->from = baseline.spec.from;
    evidence->to = baseline.spec.to;
  } else if (baseline.digest.rows() > 0) {
    evidence->from = baseline.oldest;
    evidence->to = baseline.newest + nanoseconds(1);
  }
  evidence->hash = baseline.digest.text();
  baseline.evidence = std::move(evidence);
  std::map<const Family*, bool> done;
  for (auto& leaf : leaves) {
    if (leaf->baseline != &baseline) continue;
    for (Leaf::Part& part : leaf->parts) {
      if (leaf->kind != Leaf::Kind::baseline || !part.windows) continue;
      Reading whole;
      whole.chance = std::make_shared<Chance>();
      part.family->read(*part.state, part.spec, {}, whole);
      part.inflation = part.windows->inflation(*part.family, part.spec, whole);
      part.windows.reset();
    }
    if (leaf->kind == Leaf::Kind::baseline || !leaf->ring) continue;
    for (Leaf::Part& part : leaf->parts) {
      Family& family = *leaf->ring->slots()[part.slot].family;
      if (family.needs_baseline() && !done[&family] && !is_sealed(family)) family.reference_seal();
      done[&family] = true;
    }
  }
  return rows;
}

void MetricEngine::State::learn(const StreamState& from, const Batch& batch, std::span<const std::uint32_t> rows) {
  for (auto& baseline : baselines) {
    if (baseline->is_sealed || !baseline->spec.has_span || baseline->spec.stream != from.spec.name) continue;
    std::vector<std::uint32_t> inside;
    for (const std::uint32_t row : rows)
      if (batch.time(row) >= baseline->spec.from && batch.time(row) < baseline->spec.to) inside.push_back(row);
    if (!inside.empty()) baseline_take(*baseline, batch, inside);
  }
}

// Not as soon as a row lies behind the span: rows within it may still come as late as the stream allows.
void MetricEngine::State::seal_learnt(const StreamState& from) {
  for (auto& baseline : baselines) {
    if (baseline->is_sealed || !baseline->kept || baseline->spec.stream != from.spec.name ||
        from.watermark.value() < baseline->spec.to)
      continue;
    LearntBaseline out;
    out.name = baseline->spec.name;
    out.definition = definition_of(*baseline, from);
    out.total = baseline->kept->total();
    out.from = baseline->spec.from;
    out.to = baseline->spec.to;
    out.rows = baseline_seal(*baseline);
    out.hash = baseline->evidence->hash;
    learnt.push_back(std::move(out));
  }
}

std::vector<MetricEngine::LearntBaseline> MetricEngine::take_learnt() { return std::exchange(state_->learnt, {}); }

bool MetricEngine::baseline_learnt(const LearntBaseline& given) {
  BaselineState* const baseline = state_->baseline(given.name);
  if (!baseline || !baseline->spec.has_span || given.rows.rows == 0) return false;
  const StreamState* const owner = state_->stream(baseline->spec.stream);
  if (!owner || definition_of(*baseline, *owner) != given.definition) return false;
  // What is restored unsealed goes on learning, as it did before: rows and instants then give the same verdicts.
  if (baseline->is_restored && !baseline->is_sealed) return false;
  baseline->kept = std::make_unique<KeptRows>(owner->spec.schema.columns.size());
  baseline->kept->put_back(given.rows.rows, given.total);
  state_->baseline_add(*baseline, given.rows);
  baseline->is_sealed = false;
  state_->baseline_seal(*baseline);
  auto evidence = std::make_shared<BaselineEvidence>(*baseline->evidence);
  evidence->hash = given.hash;
  baseline->evidence = std::move(evidence);
  return true;
}

bool MetricEngine::State::needs_all_rows(const Leaf& leaf) {
  const std::string& metric = leaf.spec.metric;
  return leaf.baseline->kept && leaf.baseline->kept->is_sample() &&
         (leaf.is_extensive || metric == "duplicates" || metric == "max_error" || metric == "min" || metric == "max");
}

void MetricEngine::baseline_rows(std::string_view name, const Batch& batch) {
  BaselineState* const baseline = state_->baseline(name);
  if (!baseline || baseline->is_sealed) return;
  if (const StreamState* const owner = state_->stream(baseline->spec.stream); owner && owner->sequence) {
    for (std::uint32_t row = 0; row < batch.rows; ++row) baseline->waiting.add(batch, row);
    return;
  }
  std::vector<std::uint32_t> rows(batch.rows);
  std::iota(rows.begin(), rows.end(), 0u);
  state_->baseline_take(*baseline, batch, rows);
}

void MetricEngine::baseline_seal(std::string_view name) {
  BaselineState* const baseline = state_->baseline(name);
  if (!baseline) return;
  if (baseline->waiting.size() > 0) {  // by themselves: the first row has none before it
    const StreamState& owner = *state_->stream(baseline->spec.stream);
    auto batch = Sequence::of_rows(owner.spec, baseline->waiting);
    baseline->waiting = RowStore();
    if (batch) {
      std::vector<std::uint32_t> rows(batch->rows);
      std::iota(rows.begin(), rows.end(), 0u);
      state_->baseline_take(*baseline, *batch, rows);
    }
  }
  state_->baseline_seal(*baseline);
}

std::vector<MetricEngine::BaselineView> MetricEngine::baselines() const {
  std::vector<BaselineView> out;
  for (const auto& baseline : state_->baselines) {
    BaselineView view;
    view.spec = &baseline->spec;
    if (const StreamState* const owner = state_->stream(baseline->spec.stream))
      view.definition = definition_of(*baseline, *owner);
    view.is_sealed = baseline->is_sealed;
    view.evidence = baseline->evidence;
    view.rows = baseline->kept ? baseline->kept->total() : baseline->digest.rows();
    view.memory_bytes = baseline->kept ? baseline->kept->memory_bytes() : 0;
    out.push_back(view);
  }
  return out;
}

std::string MetricEngine::baseline_problem(std::string_view name) const {
  const BaselineState* const baseline = state_->baseline(name);
  for (const auto& leaf : state_->leaves) {
    if (leaf->baseline != baseline || leaf->kind == Leaf::Kind::baseline || !leaf->ring) continue;
    for (const Leaf::Part& part : leaf->parts)
      if (const std::string text = leaf->ring->slots()[part.slot].family->reference_problem(); !text.empty())
        return "baseline \"" + std::string(name) + "\" for " + leaf->spec.metric + ": " + text;
  }
  return "";
}

Reading MetricEngine::State::read_baseline(Leaf& leaf, Leaf::Part& part, Instant now) {
  Reading r;
  r.as_of = now;
  r.baseline = leaf.baseline->evidence;
  r.baseline_n = leaf.baseline->rows;
  r.is_final = leaf.baseline->is_sealed;
  if (!leaf.baseline->is_sealed || leaf.baseline->rows == 0) {
    r.status = Status::insufficient;
    r.reason = "baseline \"" + leaf.spec.against + "\" has no rows";
    return r;
  }
  if (needs_all_rows(leaf)) {
    r.status = Status::insufficient;
    r.reason = "baseline \"" + leaf.spec.against + "\" keeps " + with_thousands(leaf.baseline->kept->kept()) +
               " of its " + with_thousands(leaf.baseline->kept->total()) + " rows, " + leaf.spec.metric +
               " needs them all: give them as a file";
    return r;
  }
  ReadContext context;
  context.now = now;
  if (leaf.baseline->spec.has_span) {
    context.from = r.from = leaf.baseline->spec.from;
    context.to = r.to = leaf.baseline->spec.to;
  }
  if (part.spec.is_calibrated) r.chance = std::make_shared<Chance>();
  part.family->read(*part.state, part.spec, context, r);
  if (r.chance) {
    r.chance->inflation = part.inflation.value_or(1);
    r.chance->is_inflation_measured = part.inflation.has_value();
  }
  return r;
}

}  // namespace tidewatch
