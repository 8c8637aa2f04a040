#include "app/data_files.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "records/decode.h"

namespace tidewatch {

namespace {

// Large enough that a piece costs little, small enough that its text and its columns stay in the processor's cache.
constexpr std::size_t piece_bytes = 1 << 20;

// Bytes that grow at the end and go at the front. A std::string would fill the room with zeros before it is read into.
class Text {
 public:
  char* room(std::size_t most) {
    if (size_ + most > capacity_) {
      capacity_ = std::max(size_ + most, capacity_ * 2);
      std::unique_ptr<char[]> wider(new char[capacity_]);
      std::copy_n(bytes_.get(), size_, wider.get());
      bytes_ = std::move(wider);
    }
    return bytes_.get() + size_;
  }
  void add(std::size_t count) { size_ += count; }
  void drop_first(std::size_t count) {
    std::memmove(bytes_.get(), bytes_.get() + count, size_ - count);
    size_ -= count;
  }
  std::string_view view() const { return {bytes_.get(), size_}; }
  std::size_t size() const { return size_; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0, capacity_ = 0;
};

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
  Result<std::size_t> more(Text& to, std::size_t most) {
    if (!file_) return io_error(problem_);
    const int n = gzread(file_, to.room(most), static_cast<unsigned>(most));
    if (n < 0) {
      int code = 0;
      return io_error(path_ + ": cannot decompress: " + gzerror(file_, &code));
    }
    // A gzip file that was cut off ends like a whole one; only the state afterwards tells.
    int state = Z_OK;
    gzerror(file_, &state);
    if (n == 0 && state == Z_BUF_ERROR)
      return io_error(path_ + ": expected a whole gzip file, got one that is cut off");
    to.add(static_cast<std::size_t>(n));
    return static_cast<std::size_t>(n);
  }
  std::uint64_t done() const { return static_cast<std::uint64_t>(std::max<z_off_t>(gzoffset(file_), 0)); }

 private:
  std::string path_, problem_;
  gzFile file_;
};

// Takes what was refused out of the batch, which is then rows alone.
void take_rejects(History& history, Batch& batch, std::uint64_t first_line) {
  for (const auto& [reason, n] : batch.rejected_counts) {
    history.rejected += n;
    auto it = std::find_if(history.rejected_by.begin(), history.rejected_by.end(),
                           [&why = reason](const auto& p) { return p.first == why; });
    if (it == history.rejected_by.end())
      history.rejected_by.emplace_back(reason, n);
    else
      it->second += n;
  }
  for (auto& r : batch.rejected) {
    if (history.first_rejects.size() >= 20) break;
    r.line += first_line;
    history.first_rejects.push_back(std::move(r));
  }
  batch.received = batch.rows;
  batch.rejected.clear();
  batch.rejected_counts.clear();
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  FileReader file(path);
  Text out;
  for (;;) {
    const auto got = file.more(out, std::max<std::size_t>(1 << 16, out.size()));
    if (!got) return got.error();
    if (*got == 0) return std::string(out.view());
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
    Text body;
    BodyFormat format = BodyFormat::ndjson;
    std::uint64_t line = 0;
    bool is_first = true, is_over = false;
    // NDJSON is decoded in pieces that end at a line; other formats need the whole.
    while (!is_over) {
      const std::size_t most = format == BodyFormat::ndjson ? piece_bytes : std::max(piece_bytes, body.size());
      const auto got = file.more(body, most);
      if (!got) return got.error();
      is_over = *got == 0;
      if (is_first) format = format_of(body.view());
      is_first = false;
      std::size_t end = body.size();
      if (!is_over) {
        if (format != BodyFormat::ndjson) continue;
        end = body.view().rfind('\n');
        if (end == std::string_view::npos) continue;
        ++end;
      }
      if (end == 0) continue;
      auto batch = decoder->decode(body.view().substr(0, end), format);
      if (!batch) return batch.error().within(path);
      history.received += batch->received;
      take_rejects(history, *batch, line);
      line += decoder->lines();
      history.batches.push_back(std::move(*batch));
      body.drop_first(end);
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
  if (order[from].row == 0) out.facts = batches[b].facts;
  return out;
}

const Batch& History::part(std::size_t from, std::size_t to, Batch& made) const {
  const Batch& first = batches[order[from].batch];
  bool is_whole = to - from == first.rows;
  for (std::size_t i = from; is_whole && i < to; ++i)
    is_whole = order[i].batch == order[from].batch && order[i].row == i - from;
  if (is_whole) return first;
  return made = take(from, to);
}

}  // namespace tidewatch
