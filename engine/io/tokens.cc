// See tokens.h.
#include "io/tokens.h"

#include <algorithm>

#include "base/text.h"

namespace tidewatch {

namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> out;
  while (true) {
    const auto from = line.find_first_not_of(" \t\r");
    if (from == std::string_view::npos) return out;
    line.remove_prefix(from);
    const auto end = line.find_first_of(" \t\r");
    out.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return out;
    line.remove_prefix(end);
  }
}

// scope::none when one of the words is not a scope.
unsigned scopes_of(std::string_view list) {
  unsigned out = scope::none;
  while (true) {
    const auto end = list.find(',');
    const std::string_view one = list.substr(0, end);
    if (one == "ingest") {
      out |= scope::ingest;
    } else if (one == "read") {
      out |= scope::read;
    } else if (one == "admin") {
      out |= scope::admin;
    } else {
      return scope::none;
    }
    if (end == std::string_view::npos) return out;
    list.remove_prefix(end + 1);
  }
}

bool is_hash(std::string_view s) {
  return s.size() == 64 && std::all_of(s.begin(), s.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_hash(std::string_view a, std::string_view b) {
  unsigned char different = 0;
  for (std::size_t i = 0; i < 64; ++i) different = static_cast<unsigned char>(different | (a[i] ^ b[i]));
  return different == 0;
}

}  // namespace

Result<Tokens> Tokens::parse(std::string_view text) {
  Tokens out;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto words = words_of(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    ++number;
    if (words.empty() || words[0].front() == '#') continue;
    const std::string place = "line " + std::to_string(number) + ": ";
    AccessToken token;
    token.scopes = words.size() == 1 ? scope::all : scopes_of(words[0]);
    if (token.scopes == scope::none || words.size() > 3)
      return invalid(place +
                     "expected SCOPE[,SCOPE...] TOKEN [NAME] with the scopes ingest, read and admin, or a token "
                     "alone");
    const std::string_view secret = words[words.size() == 1 ? 0 : 1];
    if (secret.substr(0, 7) == "sha256:") {
      if (!is_hash(secret.substr(7))) return invalid(place + "expected 64 hexadecimal digits after sha256:");
      token.hash = secret.substr(7);
      for (char& c : token.hash) c = lower(c);
    } else {
      if (words.size() == 1 && scopes_of(secret) != scope::none)
        return invalid(place + "a scope without a token behind it");
      if (secret.size() < 8) return invalid(place + "expected a token of at least 8 characters");
      token.hash = sha256_hex(secret);
      out.has_plain_ = true;
    }
    if (words.size() == 3) token.name = words[2];
    for (const auto& other : out.tokens_)
      if (other.hash == token.hash) return invalid(place + "the same token twice");
    out.tokens_.push_back(std::move(token));
  }
  if (out.tokens_.empty()) return invalid("expected at least one token, got none");
  return out;
}

const AccessToken* Tokens::find(std::string_view authorization) const {
  const auto blank = authorization.find(' ');
  std::string scheme(authorization.substr(0, blank));
  for (char& c : scheme) c = lower(c);
  if (scheme != "bearer" || blank == std::string_view::npos) return nullptr;
  const auto from = authorization.find_first_not_of(' ', blank);
  if (from == std::string_view::npos) return nullptr;
  const std::string hash = sha256_hex(authorization.substr(from));
  const AccessToken* found = nullptr;
  for (const auto& token : tokens_)
    if (same_hash(token.hash, hash)) found = &token;
  return found;
}

unsigned scope_needed(const HttpRequest& head) {
  if (head.path == "/-/healthy" || head.path == "/-/ready") return scope::none;
  if (head.path.rfind("/api/v1/records/", 0) == 0) return scope::ingest;
  if (head.method == "GET" || head.method == "HEAD") return scope::read;
  return scope::admin;
}

std::string scope_name(unsigned scope) {
  return scope == scope::ingest ? "ingest" : scope == scope::read ? "read" : scope == scope::admin ? "admin" : "none";
}

}  // namespace tidewatch
