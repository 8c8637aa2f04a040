// See gzip.h. zlib checks the CRC and the length of each member.
#include "base/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace tidewatch {

namespace {

constexpr std::size_t free_of_ratio = std::size_t{1} << 20;

}  // namespace

Result<std::string> gunzip(std::string_view in, std::size_t most, std::size_t most_ratio) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return Error{ErrorCode::internal, "zlib cannot start"};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  std::string out;
  std::vector<char> buffer(std::size_t{64} << 10);
  bool ended = false;
  while (true) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    const int code = inflate(&stream, Z_NO_FLUSH);
    const std::size_t got = buffer.size() - stream.avail_out;
    if (out.size() + got > most) {
      inflateEnd(&stream);
      return Error{ErrorCode::full, "the unpacked body is larger than " + with_thousands(most) + " bytes"};
    }
    const std::size_t used = in.size() - stream.avail_in;
    if (most_ratio > 0 && out.size() + got > free_of_ratio && (out.size() + got) / most_ratio > used) {
      inflateEnd(&stream);
      return Error{ErrorCode::full, "the body unpacks to more than " + with_thousands(most_ratio) + " times its size"};
    }
    out.append(buffer.data(), got);
    if (code == Z_STREAM_END) {
      ended = true;
      if (stream.avail_in == 0) break;
      ended = false;
      inflateReset(&stream);
      continue;
    }
    if (code != Z_OK && code != Z_BUF_ERROR) break;
    if (stream.avail_in == 0 && got == 0) break;
  }
  inflateEnd(&stream);
  if (!ended) return invalid("expected a gzip body, got bytes that are damaged or cut off");
  return out;
}

std::string gzip(std::string_view in) {
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, in.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace tidewatch
