#include "app/data_files.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "records/decode.h"

namespace tidewatch {

Result<std::string> read_file(const std::string& path) {
  gzFile file = gzopen(path.c_str(), "rb");  // reads plain files as they are
  if (!file) return io_error(path + ": " + std::strerror(errno));
  gzbuffer(file, 1 << 18);
  std::string out;
  char buffer[1 << 16];
  for (;;) {
    const int n = gzread(file, buffer, sizeof buffer);
    if (n < 0) {
      int code = 0;
      const std::string why = gzerror(file, &code);
      gzclose(file);
      return io_error(path + ": cannot decompress: " + why);
    }
    if (n == 0) break;
    out.append(buffer, static_cast<std::size_t>(n));
  }
  gzclose(file);
  return out;
}

namespace {

BodyFormat format_of(const std::string& body) {
  const auto first = body.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first == std::string::npos) return BodyFormat::ndjson;
  return body[first] == '{' ? BodyFormat::ndjson : body[first] == '[' ? BodyFormat::json_array : BodyFormat::csv;
}

void count_rejects(History& history, const Batch& batch, std::uint64_t first_line) {
  for (const auto& [reason, n] : batch.rejected_counts) {
    history.rejected += n;
    auto it = std::find_if(history.rejected_by.begin(), history.rejected_by.end(),
                           [&](const auto& p) { return p.first == reason; });
    if (it == history.rejected_by.end())
      history.rejected_by.emplace_back(reason, n);
    else
      it->second += n;
  }
  for (auto r : batch.rejected) {
    if (history.first_rejects.size() >= 20) break;
    r.line += first_line;
    history.first_rejects.push_back(std::move(r));
  }
}

}  // namespace

Result<History> read_history(const StreamSpec& stream, const std::vector<std::string>& files,
                             const Progress& progress) {
  auto decoder = Decoder::create(stream);
  if (!decoder) return decoder.error();
  History history;
  for (const auto& path : files) {
    auto body = read_file(path);
    if (!body) return body.error();
    const BodyFormat format = format_of(*body);
    // NDJSON is decoded in pieces that end at a line, so that a long file shows progress and bounds its buffers.
    std::size_t at = 0;
    std::uint64_t line = 0;
    while (at < body->size()) {
      std::size_t end = body->size();
      if (format == BodyFormat::ndjson && end - at > (4u << 20)) {
        end = body->rfind('\n', at + (4u << 20));
        end = end == std::string::npos || end <= at ? body->size() : end + 1;
      }
      const std::string_view piece = std::string_view(*body).substr(at, end - at);
      auto batch = decoder->decode(piece, format);
      if (!batch) return batch.error().within(path);
      history.received += batch->received;
      count_rejects(history, *batch, line);
      if (format == BodyFormat::ndjson)
        line += static_cast<std::uint64_t>(std::count(piece.begin(), piece.end(), '\n'));
      history.batches.push_back(std::move(*batch));
      at = end;
      if (progress) progress(at, body->size());
    }
  }
  for (std::uint32_t b = 0; b < history.batches.size(); ++b)
    for (std::uint32_t r = 0; r < history.batches[b].rows; ++r)
      history.order.push_back({history.batches[b].time(r), b, r});
  const auto earlier = [](const History::Row& a, const History::Row& b) { return a.at < b.at; };
  if (!std::is_sorted(history.order.begin(), history.order.end(), earlier))
    std::stable_sort(history.order.begin(), history.order.end(), earlier);
  return history;
}

Batch History::take(std::size_t from, std::size_t to) const {
  // Nearly always one decoded batch in its own order; else pieces joined through the first batch's columns.
  const std::uint32_t b = order[from].batch;
  bool is_one = true, is_run = true;
  for (std::size_t i = from; i < to; ++i) {
    is_one &= order[i].batch == b;
    is_run &= order[i].row == order[from].row + (i - from);
  }
  Batch out;
  if (is_one && is_run) {
    out = batches[b].slice(order[from].row, order[from].row + (to - from));
  } else if (is_one) {
    std::vector<std::uint32_t> rows;
    for (std::size_t i = from; i < to; ++i) rows.push_back(order[i].row);
    out = batches[b].pick(rows);
  } else {
    for (std::size_t i = from; i < to; ++i) {
      const Batch one = batches[order[i].batch].slice(order[i].row, order[i].row + 1);
      if (out.columns.empty()) {
        out = one;
        continue;
      }
      for (std::size_t c = 0; c < out.columns.size(); ++c) {
        Column& into = out.columns[c];
        const Column& add = one.columns[c];
        into.null.push_back(add.null[0]);
        if (!add.numbers.empty()) into.numbers.push_back(add.numbers[0]);
        if (!add.integers.empty()) into.integers.push_back(add.integers[0]);
        if (!add.codes.empty()) into.codes.push_back(add.null[0] ? 0 : into.dictionary.add(add.text(0)));
      }
      ++out.rows;
    }
  }
  out.received = out.rows;
  out.rejected.clear();
  out.rejected_counts.clear();
  if (order[from].row == 0) out.facts = batches[b].facts;
  return out;
}

}  // namespace tidewatch
