#include "io/tokens.h"

#include <catch2/catch.hpp>

#include "base/text.h"

using namespace tidewatch;

TEST_CASE("a token file gives each token its scopes, hashed or in the clear") {
  const auto tokens =
      Tokens::parse("# comment\n\n  ingest  first-token  collector\r\nread,admin sha256:" + sha256_hex("second-token") +
                    " people\nthird-token");
  REQUIRE(tokens);
  CHECK(tokens->size() == 3);
  CHECK(tokens->has_plain());
  const auto scopes = [&](const std::string& header) {
    const AccessToken* t = tokens->find(header);
    return t == nullptr ? scope::none : t->scopes;
  };
  CHECK(scopes("Bearer first-token") == scope::ingest);
  CHECK(scopes("bearer  second-token") == (scope::read | scope::admin));
  CHECK(scopes("BEARER third-token") == scope::all);
  for (const std::string header :
       {"", "Bearer", "Bearer ", "first-token", "Basic first-token", "Bearer first-toke", "Bearer first-token2",
        "Bearer first-token ", "Bearer ingest", "Bearer\tfirst-token"})
    CHECK(scopes(header) == scope::none);
  CHECK(scopes("Bearer " + sha256_hex("second-token")) == scope::none);
  CHECK(scopes("Bearer sha256:" + sha256_hex("second-token")) == scope::none);
  CHECK(tokens->find("Bearer first-token")->name == "collector");
}

TEST_CASE("a token file with a mistake is refused by line, and never quoted") {
  for (const std::string line : {"write some-secret", "read", "ingest,read", "read, some-secret", "read short", "tiny",
                                 "read sha256:abc", "read some-secret name some-more", ",read some-secret"}) {
    const auto tokens = Tokens::parse("read good-token\n" + line + "\n");
    INFO(line);
    REQUIRE_FALSE(tokens);
    CHECK(tokens.error().text.find("line 2: ") == 0);
    CHECK(tokens.error().text.find("secret") == std::string::npos);
  }
  CHECK_FALSE(Tokens::parse(""));
  CHECK_FALSE(Tokens::parse("# nothing\n"));
  CHECK_FALSE(Tokens::parse("read twice-twice\nadmin twice-twice\n"));
}

TEST_CASE("what nobody thought of needs the admin scope") {
  const auto needed = [](const std::string& method, const std::string& path) {
    HttpRequest request;
    request.method = method;
    request.path = path;
    return scope_needed(request);
  };
  CHECK(needed("GET", "/-/healthy") == scope::none);
  CHECK(needed("GET", "/-/ready") == scope::none);
  CHECK(needed("POST", "/api/v1/records/s") == scope::ingest);
  CHECK(needed("GET", "/metrics") == scope::read);
  CHECK(needed("HEAD", "/") == scope::read);
  CHECK(needed("POST", "/-/reload") == scope::admin);
  CHECK(needed("DELETE", "/api/v1/alerts") == scope::admin);
  CHECK(needed("POST", "/-/healthy/") == scope::admin);
}
