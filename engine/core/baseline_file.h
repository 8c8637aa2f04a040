// The rows of a baseline's file. One reader for `run`, `test`, `backtest`, `check` and `baseline pin`: each having its
// own was decided against after a gzipped file was read by three of them and a CSV named .txt by two.
#pragma once

#include <string>

#include "core/core.h"

namespace tidewatch {

// Reads the file (relative to the pack; NDJSON, a JSON array or CSV, told apart by its first bytes; plain or gzip, at
// most 1 GiB unpacked), gives its rows to the baseline and seals it. The value is a sentence about rows that were
// refused and so are no part of it, "" when all were taken. Errors, each with the baseline, the file and the cure: a
// file that cannot be read or unpacked, one without a usable row, rows a metric cannot compare with.
Result<std::string> give_baseline_file(Core& core, const BaselineSpec& baseline);

}  // namespace tidewatch
