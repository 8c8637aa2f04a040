// Makes the leaves of an engine out of metric specs: what create() checks and what it shares. Every problem is
// collected, so an author sees all mistakes of a pack at once; one object a create().
#pragma once

#include "metrics/engine_state.h"

namespace tidewatch {

class MetricEngine::State::LeafBuilder {
 public:
  LeafBuilder(State& state, std::vector<Problem>& problems) : state_(state), problems_(problems) {}

  // The leaf of a metric handle; what is wrong with it is a problem of that handle.
  void add(HandleId id);
  // Rings know how long to keep panes only when every handle has been seen.
  void size(Leaf& leaf);
  void at(HandleId id) { id_ = id; }  // whose problems follow

 private:
  bool problem(std::string text);
  bool fill(Leaf& leaf);
  // A past that moves must be of the window's own kind: time before a window of time, rows before a window of rows.
  bool past(const MetricSpec& spec);
  // The window must have a slot in each period, of whole panes.
  bool seasons(const MetricSpec& spec);
  // What only joined streams have, and what they have not.
  bool joined(Leaf& leaf);
  // The panes that count the predictions this leaf's windows wait for.
  bool coverage(Leaf& leaf);
  // Step, panes and lateness.
  bool pace(Leaf& leaf);
  bool select(StreamState& stream, const MetricSpec& spec, std::size_t& selection);
  Ring* ring(Leaf& leaf, std::size_t selection);
  bool families(Leaf& leaf, std::size_t selection);
  std::size_t past_reader(const Leaf& leaf, std::size_t slot);
  std::size_t reader(const Leaf& leaf, std::size_t slot);

  State& state_;
  std::vector<MetricEngine::Problem>& problems_;
  HandleId id_ = 0;
  std::map<const Ring*, std::map<std::string, std::size_t>> readers_;
  // What is there already: a pack may have a hundred thousand handles, so nothing is looked for by walking.
  std::unordered_map<std::string, Leaf*> leaves_;
  std::unordered_map<std::string, std::size_t> selections_;
  std::unordered_map<std::string, Ring*> rings_;
};

}  // namespace tidewatch
