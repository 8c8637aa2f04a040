// For tests of drift against a past that moves: rows that drift, a plain recount of them, and every reading on the way.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "engine_fixture.h"
#include "metrics/statistics/binning.h"

namespace moving_past {

using namespace engine_fixture;

inline std::vector<Row> drifting(std::uint64_t seed, double seconds, double every, bool has_masses = true) {
  std::mt19937_64 random(seed);
  std::vector<Row> rows;
  for (double t = 37; t < seconds; t += every * (0.5 + static_cast<double>(random() % 1000) / 1000)) {
    const double noise = static_cast<double>(random() % 10'000) / 10'000;
    const bool is_mass = has_masses && random() % 5 == 0;
    rows.push_back({std::floor(t * 1000) / 1000, is_mass ? 0 : noise + t / seconds, t < seconds / 2 ? "a" : "b",
                    random() % 40 == 0});
  }
  return rows;
}

inline std::vector<double> values_in(const std::vector<Row>& rows, double from, double to) {
  std::vector<double> out;
  for (const Row& r : rows)
    if (!r.is_null && r.at >= from && r.at < to) out.push_back(r.value);
  std::sort(out.begin(), out.end());
  return out;
}

inline double psi_of(const std::vector<double>& reference, const std::vector<double>& current, const NumberBins& bins) {
  std::vector<double> a(bins.size()), b(bins.size());
  for (const double v : reference) ++a[bins.of(v)];
  for (const double v : current) ++b[bins.of(v)];
  double used = 0, value = 0;
  for (std::size_t i = 0; i < a.size(); ++i) used += a[i] + b[i] > 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] + b[i] == 0) continue;
    const double p = (a[i] + .5) / (static_cast<double>(reference.size()) + used / 2),
                 q = (b[i] + .5) / (static_cast<double>(current.size()) + used / 2);
    value += (q - p) * std::log(q / p);
  }
  return value;
}

// Every reading of the window ends from `from` on, by the batch: fed a few rows at a time, read at each minute.
inline std::map<int, Reading> run(const HandleSpec& handle, const std::vector<Row>& rows, double seconds,
                                  double step = 60, int restart_every = 0, std::size_t a_batch = 5) {
  auto engine = engine_of({handle});
  std::map<int, Reading> out;
  std::size_t fed = 0;
  int batches = 0;
  double reached = 0;
  while (fed < rows.size()) {
    const std::size_t end = std::min(rows.size(), fed + a_batch);
    engine->feed(
        "api", "s",
        batch_of({rows.begin() + static_cast<std::ptrdiff_t>(fed), rows.begin() + static_cast<std::ptrdiff_t>(end)}),
        at(seconds), false);
    fed = end;
    for (std::size_t i = 0; i < fed; ++i) reached = std::max(reached, rows[i].at);
    engine->read_one(0, LabelSet(), at(reached));
    if (restart_every > 0 && ++batches % restart_every == 0) {
      ByteWriter saved;
      engine->save(saved);
      engine = engine_of({handle});
      ByteReader in(saved.bytes());
      REQUIRE(engine->restore(in));
      ByteWriter again;
      engine->save(again);
      REQUIRE((again.bytes() == saved.bytes()));
    }
    const Reading now = engine->read_one(0, LabelSet(), at(reached));
    if (now.to > Instant{0}) out[static_cast<int>(now.to.ns / 1'000'000'000)] = now;
  }
  // Final values of the windows still within reach.
  for (double e = std::floor(reached / step) * step; e > reached - 300; e -= step)
    out[static_cast<int>(e)] = engine->read_at(0, LabelSet(), at(e), at(reached));
  return out;
}
}  // namespace moving_past
