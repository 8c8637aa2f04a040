// What a metric answers: never a bare number. Value, the rows behind it, and a status that names the cure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "metrics/chance.h"

namespace tidewatch {

// The first that applies wins: wait for rows, for labels, for more rows, never.
enum class Status : std::uint8_t { ok, no_data, immature, insufficient, undefined };
std::string_view name_of(Status status);

struct ErrorBound {
  enum class Kind : std::uint8_t { exact, relative, absolute, standard } kind = Kind::exact;
  double bound = 0;
};

struct CalibrationBin {
  double low, high;
  std::uint64_t n;
  double score, positive;  // mean score, share of positives
};

// What a value was compared with. One object is shared by all readings that compare with the same rows.
struct BaselineEvidence {
  std::string name;      // as declared: `train`; of a past that moves: `trailing 28 days`, `1 week ago`
  Instant from{}, to{};  // event time of its rows, half open
  std::string hash;      // SHA-256 of its rows; "" of a past that moves
};

struct Reading {
  std::optional<double>
      value;  // set exactly when status is ok, insufficient or immature and the formula had a value; never NaN or inf
  std::string text;  // hashes, names, lists: for metrics whose answer is a text
  Status status = Status::no_data;
  std::string reason;                                              // a short sentence; empty when ok
  std::uint64_t n = 0, nulls = 0, excluded = 0;                    // rows that passed `where` = n + nulls + excluded
  std::vector<std::pair<std::string, std::uint64_t>> excluded_by;  // nan inf domain zero_target no_move overflow
  Instant from{}, to{};                                            // the window, half open, event time
  Instant as_of{};                                                 // engine time of the read
  std::uint32_t revision = 0;
  bool is_final = false;
  std::uint64_t late = 0;  // rows that landed after the first read
  ErrorBound error;
  std::optional<double> low, high, p_value;          // 95 % interval; p
  std::shared_ptr<const BaselineEvidence> baseline;  // null when compared with nothing
  std::uint64_t baseline_n = 0;                      // usable rows of it; windows of a past that moves
  std::vector<CalibrationBin> bins;
  std::optional<double> coverage;  // joined streams: share of the window's predictions whose label is known
  std::uint64_t pending = 0, leaked = 0, relabelled = 0;
  // What chance does to the value: only where a rule asked for false_alarms. Never changed once read.
  std::shared_ptr<Chance> chance;
  std::vector<ThresholdInForce> thresholds;  // of the rules that judged it, where they asked for false_alarms

  bool is_ok() const { return status == Status::ok && (value.has_value() || !text.empty()); }
};

// A reading in a checkpoint. A damaged one turns the reader bad.
void write_reading(ByteWriter& out, const Reading& reading);
Reading read_reading(ByteReader& in);

// `{"name":"train","n":100,"from":...,"to":...,"hash":...}` of a reading that has a baseline.
std::string baseline_json(const Reading& reading);

}  // namespace tidewatch
