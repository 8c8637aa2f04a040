#include "app/data_files.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "records/decode.h"

namespace tidewatch {

namespace {

constexpr std::size_t piece_bytes = 4 << 20;

// A file in pieces, through one buffer: a long history is never in memory as text.
class FileReader {
 public:
  explicit FileReader(const std::string& path) : path_(path), file_(gzopen(path.c_str(), "rb")) {
    if (!file_) problem_ = path + ": " + std::strerror(errno);
    if (file_) gzbuffer(file_, 1 << 17);  // plain files are read past it
  }
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;
  ~FileReader() {
    if (file_) gzclose(file_);
  }
  // Appends up to `most` bytes; 0 at the end. Fails with the file's name.
  Result<std::size_t> more(std::string& to, std::size_t most) {
    if (!file_) return io_error(problem_);
    const std::size_t had = to.size();
    to.resize(had + most);
    const int n = gzread(file_, to.data() + had, static_cast<unsigned>(most));
    if (n < 0) {
      int code = 0;
      return io_error(path_ + ": cannot decompress: " + gzerror(file_, &code));
    }
    to.resize(had + static_cast<std::size_t>(n));
    return static_cast<std::size_t>(n);
  }
  std::uint64_t done() const { return static_cast<std::uint64_t>(std::max<z_off_t>(gzoffset(file_), 0)); }

 private:
  std::string path_, problem_;
  gzFile file_;
};

BodyFormat format_of(const std::string& body) {
  const auto first = body.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first == std::string::npos) return BodyFormat::ndjson;
  return body[first] == '{' ? BodyFormat::ndjson : body[first] == '[' ? BodyFormat::json_array : BodyFormat::csv;
}

std::uint64_t lines_in(std::string_view text) {
  std::uint64_t lines = 0;
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) ++lines;
  return lines;
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

Result<std::string> read_file(const std::string& path) {
  FileReader file(path);
  std::string out;
  for (;;) {
    const auto got = file.more(out, std::max<std::size_t>(1 << 16, out.size()));
    if (!got) return got.error();
    if (*got == 0) return out;
  }
}

Result<History> read_history(const StreamSpec& stream, const std::vector<std::string>& files,
                             const Progress& progress) {
  auto decoder = Decoder::create(stream);
  if (!decoder) return decoder.error();
  History history;
  for (const auto& path : files) {
    FileReader file(path);
    struct stat facts {};
    const std::uint64_t size = stat(path.c_str(), &facts) == 0 ? static_cast<std::uint64_t>(facts.st_size) : 0;
    std::string body;
    BodyFormat format = BodyFormat::ndjson;
    std::uint64_t line = 0;
    bool is_first = true, is_over = false;
    // NDJSON is decoded in pieces that end at a line; other formats need the whole.
    while (!is_over) {
      const std::size_t most = format == BodyFormat::ndjson ? piece_bytes : std::max(piece_bytes, body.size());
      const auto got = file.more(body, most);
      if (!got) return got.error();
      is_over = *got == 0;
      if (is_first) format = format_of(body);
      is_first = false;
      std::size_t end = body.size();
      if (!is_over) {
        if (format != BodyFormat::ndjson) continue;
        end = body.rfind('\n');
        if (end == std::string::npos) continue;
        ++end;
      }
      if (end == 0) continue;
      const std::string_view piece = std::string_view(body).substr(0, end);
      auto batch = decoder->decode(piece, format);
      if (!batch) return batch.error().within(path);
      history.received += batch->received;
      count_rejects(history, *batch, line);
      if (format == BodyFormat::ndjson) line += lines_in(piece);
      history.batches.push_back(std::move(*batch));
      body.erase(0, end);
      if (progress) progress(std::min(file.done(), size), size);
    }
  }
  std::size_t rows = 0;
  for (const Batch& batch : history.batches) rows += batch.rows;
  history.order.reserve(rows);
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
