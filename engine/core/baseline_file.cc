// See baseline_file.h.
#include "core/baseline_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/gzip.h"
#include "base/text.h"
#include "records/decode.h"

namespace tidewatch {
namespace {

constexpr std::size_t largest = std::size_t{1} << 30;  // bytes, unpacked

Result<std::string> whole_file(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return io_error("cannot read " + path.string() + ": it is a folder");
  std::ifstream in(path, std::ios::binary);
  if (!in) return io_error("cannot read " + path.string() + ": " + std::strerror(errno));
  std::ostringstream out;
  out << in.rdbuf();
  std::string bytes = out.str();
  if (bytes.rfind("\x1f\x8b", 0) != 0) return bytes;
  auto unpacked = gunzip(bytes, largest);
  if (!unpacked) return unpacked.error().within(path.string());
  return unpacked;
}

// "5 of 6 rows were refused, the first in line 3: bad_time: ts: expected ..."
std::string refused_text(const Batch& batch, std::uint64_t refused) {
  std::string out = with_thousands(refused) + " of " + with_thousands(batch.received) +
                    (batch.received == 1 ? " row" : " rows") + (refused == 1 ? " was refused" : " were refused");
  if (batch.rejected.empty()) return out;
  const Rejected& first = batch.rejected.front();
  return out + ", the first in line " + std::to_string(first.line) + ": " + first.reason + ": " + first.detail;
}

}  // namespace

Result<std::string> give_baseline_file(Core& core, const BaselineSpec& baseline) {
  const std::string name = "baseline \"" + baseline.name + "\"";
  const PackSpec& pack = core.pack();
  const auto stream = std::find_if(pack.streams.begin(), pack.streams.end(),
                                   [&](const StreamSpec& each) { return each.name == baseline.stream; });
  if (stream == pack.streams.end()) return not_found(name + ": no stream \"" + baseline.stream + "\"");
  const std::filesystem::path path = std::filesystem::path(pack.folder) / baseline.file;
  const auto body = whole_file(path);
  if (!body) return body.error().within(name);
  auto decoder = Decoder::create(*stream);
  if (!decoder) return decoder.error().within(name);
  const auto batch = decoder->decode(*body, format_of(*body));
  if (!batch) return batch.error().within(name + ": " + path.string());
  std::uint64_t refused = 0;
  for (const auto& [reason, count] : batch->rejected_counts) refused += count;
  if (batch->rows == 0)
    return invalid(name + ": expected rows of stream \"" + stream->name + "\" in " + path.string() + ", got " +
                   (refused > 0 ? "none that can be used: " + refused_text(*batch, refused) : std::string("none")));
  core.baseline_rows(baseline.name, *batch);
  core.baseline_seal(baseline.name);
  if (const std::string problem = core.metrics().baseline_problem(baseline.name); !problem.empty())
    return invalid(problem + " in " + path.string());
  return refused > 0 ? name + ": " + path.string() + ": " + refused_text(*batch, refused) : std::string();
}

}  // namespace tidewatch
