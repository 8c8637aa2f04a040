// What a simulator's `each` function reaches while one step runs: the step's time, the faults in force, a seeded
// generator and the records it emits. Its state lives in Lua locals, so steps go in order.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "bindings/script_pack.h"

namespace tidewatch {

// splitmix64: small, seeded, the same numbers on every machine. source: Steele, Lea, Flood, OOPSLA 2014.
class SimulationRandom {
 public:
  explicit SimulationRandom(std::uint64_t seed) : state_(seed) {}
  double uniform() {  // [0, 1)
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
  }
  // Standard normal by Box and Muller (1958); one of the pair is used, so each call costs two uniforms.
  double normal() {
    const double u = 1.0 - uniform(), v = uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * 3.14159265358979323846 * v);
  }

 private:
  std::uint64_t state_;
};

struct SimulationRun {
  explicit SimulationRun(std::uint64_t seed) : random(seed) {}

  Instant at{};
  std::uint64_t number = 0;  // of the step, from 1
  SimulationRandom random;
  std::vector<Simulator::Fault> faults;
  std::vector<std::string> known_faults;
  std::vector<std::string> only;  // streams somebody listens to; empty = all
  std::vector<Simulator::Emitted> emitted;

  bool wants(const std::string& stream) const {
    return only.empty() || std::find(only.begin(), only.end(), stream) != only.end();
  }
};

}  // namespace tidewatch
