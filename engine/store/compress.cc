// See compress.h. A frame always states its size (one-shot compression), so a frame that does not is not ours.
#include "store/compress.h"

#include <zstd.h>

#include <memory>

namespace tidewatch {
namespace {
constexpr unsigned long long most_bytes = 1ull << 30;
}

std::string compress(std::string_view plain) {
  if (plain.empty()) return {};
  // Kept by the thread: making one costs as much as compressing a small batch.
  thread_local const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, -1);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  // Cannot fail: the room is the bound zstd asked for.
  out.resize(ZSTD_compress2(context.get(), out.data(), out.size(), plain.data(), plain.size()));
  return out;
}

Result<std::string> decompress(std::string_view compressed) {
  if (compressed.empty()) return std::string();
  const unsigned long long size = ZSTD_getFrameContentSize(compressed.data(), compressed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > most_bytes) {
    return io_error("a stored body is damaged: expected a zstd frame of known size, got " +
                    std::to_string(compressed.size()) + " other bytes");
  }
  std::string out(size, '\0');
  const std::size_t got = ZSTD_decompress(out.data(), out.size(), compressed.data(), compressed.size());
  if (ZSTD_isError(got)) return io_error(std::string("a stored body is damaged: ") + ZSTD_getErrorName(got));
  if (got != size) return io_error("a stored body is damaged: it ends early");
  return out;
}

}  // namespace tidewatch
