// Bounded inflation of request bodies: a kilobyte can unfold into gigabytes, so the limit is on what comes out.
// Streaming it through the decoder was decided against while decoders take whole bodies.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidewatch {

// One or more gzip members (RFC 1952). Error `full` when more than `most` bytes would come out, or more than a megabyte
// that is over `most_ratio` times what went in so far (0 = any ratio); `invalid` when the bytes are not gzip, are cut
// off or fail their checksum.
Result<std::string> gunzip(std::string_view in, std::size_t most, std::size_t most_ratio = 0);
// For tests and clients.
std::string gzip(std::string_view in);

}  // namespace tidewatch
