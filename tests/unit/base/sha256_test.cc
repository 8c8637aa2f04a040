// Both ways of SHA-256 against each other, the published vectors and OpenSSL's.
#include "base/sha256.h"

#include <openssl/evp.h>

#include <catch2/catch.hpp>
#include <random>

#include "base/text.h"

using namespace tidewatch;

namespace {

std::string oracle(const std::string& s) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  REQUIRE(EVP_Digest(s.data(), s.size(), digest, &size, EVP_sha256(), nullptr) == 1);
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += "0123456789abcdef"[digest[i] >> 4];
    out += "0123456789abcdef"[digest[i] & 15];
  }
  return out;
}

}  // namespace

TEST_CASE("SHA-256 gives what FIPS 180-4 prints") {
  const std::pair<std::string, const char*> vectors[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1'000'000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}};
  for (const auto& [text, hex] : vectors) {
    CHECK(sha256_hex(text) == hex);
    CHECK(sha256_hex_plain(text) == hex);
  }
}

TEST_CASE("at every length around a block, and at random ones, all ways agree with OpenSSL") {
  const unsigned seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (std::size_t i = 0; i < 400; ++i) {
    const std::size_t length = i < 300 ? i : random() % 100'000;
    std::string s(length + 1, 0);
    for (char& c : s) c = static_cast<char>(random());
    s.erase(0, 1);  // not aligned
    CAPTURE(length);
    const std::string expected = oracle(s);
    REQUIRE(sha256_hex(s) == expected);
    REQUIRE(sha256_hex_plain(s) == expected);
  }
}

TEST_CASE("the bytes of a digest are those its letters spell") {
  for (const std::size_t size : {0u, 3u, 63u, 64u, 200u}) {
    const std::string text(size, 'q');
    std::string spelled;
    for (const std::uint8_t byte : sha256(text)) {
      spelled += "0123456789abcdef"[byte >> 4];
      spelled += "0123456789abcdef"[byte & 15];
    }
    CHECK(spelled == sha256_hex(text));
  }
}
