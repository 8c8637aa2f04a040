// Who may do what at the listener: bearer tokens with scopes, kept as hashes, so that neither a core dump nor a log can
// give one away. Users and passwords were decided against: what calls here are programs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/http_message.h"

namespace tidewatch {

namespace scope {
inline constexpr unsigned none = 0, ingest = 1, read = 2, admin = 4, all = 7;
}

struct AccessToken {
  std::string hash;  // SHA-256 of the token, lower-case hex
  unsigned scopes = scope::none;
  std::string name;  // for people; may be ""
};

// A set of tokens; empty when none are asked for.
class Tokens {
 public:
  // One token a line: `SCOPE[,SCOPE...] SECRET [NAME]` with scopes ingest, read and admin, or a SECRET alone, which may
  // do everything. SECRET is the token itself or sha256:HEX of it. Blank lines and lines that begin with # are skipped.
  // Errors name the line, never its text.
  static Result<Tokens> parse(std::string_view text);

  bool empty() const { return tokens_.empty(); }
  std::size_t size() const { return tokens_.size(); }
  // Whether some token was written out instead of hashed: its file should be its owner's alone.
  bool has_plain() const { return has_plain_; }

  // The scopes of `Authorization: Bearer TOKEN`, or null when the header is none of these. Takes the same time whatever
  // token comes: all hashes are compared to the end.
  const AccessToken* find(std::string_view authorization) const;

 private:
  std::vector<AccessToken> tokens_;
  bool has_plain_ = false;
};

// What a request needs: none for health and readiness, ingest to deliver records, read to look, admin for the rest, so
// that an endpoint nobody thought of here is closed rather than open.
unsigned scope_needed(const HttpRequest& head);
std::string scope_name(unsigned scope);  // "ingest"

}  // namespace tidewatch
