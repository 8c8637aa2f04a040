// Baselines: reference rows for drift families and states for metrics read at a baseline. They respect a handle's
// `where` and not its `by`: the reference is one population, whoever is compared with it.
#include "metrics/engine_state.h"

namespace tidewatch {

void MetricEngine::State::baseline_add(BaselineState& baseline, const Batch& batch) {
  StreamState* const owner = stream(baseline.spec.stream);
  if (!owner) return;
  baseline.rows += batch.rows;
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
        part.family->prepare(batch);
        part.family->add(*part.state, batch, rows);
        continue;
      }
      if (!leaf->ring) continue;
      Family& family = *leaf->ring->slots()[part.slot].family;
      if (family.needs_baseline() && !done[&family]) family.reference_rows(batch, rows);
      done[&family] = true;
    }
  }
}

void MetricEngine::baseline_seal(std::string_view name) {
  BaselineState* const baseline = state_->baseline(name);
  if (!baseline || baseline->is_sealed) return;
  baseline->is_sealed = true;
  std::map<const Family*, bool> done;
  for (auto& leaf : state_->leaves) {
    if (leaf->baseline != baseline || leaf->kind == Leaf::Kind::baseline || !leaf->ring) continue;
    for (Leaf::Part& part : leaf->parts) {
      Family& family = *leaf->ring->slots()[part.slot].family;
      if (family.needs_baseline() && !done[&family]) family.reference_seal();
      done[&family] = true;
    }
  }
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
  r.baseline = leaf.spec.against;
  r.baseline_n = leaf.baseline->rows;
  r.is_final = leaf.baseline->is_sealed;
  if (!leaf.baseline->is_sealed || leaf.baseline->rows == 0) {
    r.status = Status::insufficient;
    r.reason = "baseline \"" + leaf.spec.against + "\" has no rows";
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
  return r;
}

}  // namespace tidewatch
