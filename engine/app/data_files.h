// History files for backtests and baselines: NDJSON or CSV, plain or gzip, told apart by name and first bytes. Rows
// come out in event order; what could not be read is returned beside them, never dropped in silence.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "records/batch.h"

namespace tidewatch {

struct History {
  std::vector<Batch> batches;  // as decoded, in file order, without what was refused
  struct Row {
    Instant at;
    std::uint32_t batch, row;
  };
  std::vector<Row> order;  // every row, by event time, then by place in the files
  std::uint64_t received = 0, rejected = 0;
  std::vector<Rejected> first_rejects;
  std::vector<std::pair<std::string, std::uint64_t>> rejected_by;

  // Rows order[from, to) as one batch; facts of a decoded body ride with its first row.
  Batch take(std::size_t from, std::size_t to) const;
  // The same without a copy when they are a whole decoded batch; else it is put into `made`.
  const Batch& part(std::size_t from, std::size_t to, Batch& made) const;
};

using Progress = std::function<void(std::uint64_t bytes_done, std::uint64_t bytes_all)>;

// The whole file, decompressed. io_error names the file.
Result<std::string> read_file(const std::string& path);
Result<History> read_history(const StreamSpec& stream, const std::vector<std::string>& files,
                             const Progress& progress = {});

}  // namespace tidewatch
