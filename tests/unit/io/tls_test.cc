// The server's end of TLS against OpenSSL's client over memory: any fragments, any damage.
#include "io/tls.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "../temporary_folder.h"

using namespace tidewatch;

namespace {

std::string written(const TemporaryFolder& folder, const std::string& name, const std::function<void(FILE*)>& write) {
  const std::string path = folder / name;
  FILE* file = std::fopen(path.c_str(), "w");
  write(file);
  std::fclose(file);
  return path;
}

struct Files {
  std::string certificate, key;
};

// A certificate for "test" that signs itself.
Files make_certificate(const TemporaryFolder& folder, const std::string& name) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86'400);
  X509_set_pubkey(certificate, key);
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate, subject);
  X509_sign(certificate, key, EVP_sha256());
  Files out;
  out.certificate = written(folder, name + ".pem", [&](FILE* f) { PEM_write_X509(f, certificate); });
  out.key = written(folder, name + ".key",
                    [&](FILE* f) { PEM_write_PrivateKey(f, key, nullptr, nullptr, 0, nullptr, nullptr); });
  X509_free(certificate);
  EVP_PKEY_free(key);
  return out;
}

// The other end: trusts everything, which is not what is tested here.
class Client {
 public:
  explicit Client(int newest = 0) : context_(SSL_CTX_new(TLS_client_method())) {
    if (newest != 0) SSL_CTX_set_max_proto_version(context_, newest);
    ssl_ = SSL_new(context_);
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_);
  }
  ~Client() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  Client(const Client&) = delete;

  void go_on() { SSL_do_handshake(ssl_); }
  void take(std::string_view s) { BIO_write(SSL_get_rbio(ssl_), s.data(), static_cast<int>(s.size())); }
  std::string give() {
    std::string out(BIO_ctrl_pending(SSL_get_wbio(ssl_)), '\0');
    if (!out.empty()) BIO_read(SSL_get_wbio(ssl_), out.data(), static_cast<int>(out.size()));
    return out;
  }
  void write(const std::string& s) { SSL_write(ssl_, s.data(), static_cast<int>(s.size())); }
  std::string read() {
    std::string out;
    char buffer[4096];
    for (int n = 0; (n = SSL_read(ssl_, buffer, sizeof buffer)) > 0;) out.append(buffer, static_cast<std::size_t>(n));
    return out;
  }
  void say_goodbye() { SSL_shutdown(ssl_); }

 private:
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
};

std::string read_all(TlsSession& session) {
  std::string out;
  char buffer[777];
  while (const std::size_t n = session.read(buffer, sizeof buffer)) out.append(buffer, n);
  return out;
}

}  // namespace

TEST_CASE("a session works in any fragments, both ways, in TLS 1.2 and 1.3") {
  TemporaryFolder folder;
  const Files files = make_certificate(folder, "one");
  const auto context = TlsContext::load(files.certificate, files.key);
  REQUIRE(context);
  const std::string question(100'000, 'q'), answer(200'000, 'a');
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{1000}, std::size_t{1} << 20}) {
      Client client(version);
      TlsSession server(*context);
      std::string got;
      const auto exchange = [&] {
        for (int turn = 0; turn < 8; ++turn) {
          const std::string bytes = client.give();
          for (std::size_t at = 0; at < bytes.size(); at += piece) {
            server.feed(std::string_view(bytes).substr(at, piece));
            got += read_all(server);
          }
          client.take(server.drain());
          if (server.state() == TlsSession::State::handshake || turn == 0) client.go_on();
        }
      };
      client.go_on();
      exchange();
      REQUIRE(server.state() == TlsSession::State::open);
      client.write(question);
      exchange();
      CHECK(got == question);
      server.write(answer);
      client.take(server.drain());
      CHECK(client.read() == answer);
      CHECK(server.drain().empty());
      client.say_goodbye();
      exchange();
      CHECK(server.state() == TlsSession::State::ended);
      // A half-closed client still gets what is left to say.
      server.write("rest");
      CHECK_FALSE(server.drain().empty());
    }
}

TEST_CASE("damaged bytes end a session and never become plain ones") {
  TemporaryFolder folder;
  const Files files = make_certificate(folder, "one");
  const auto context = TlsContext::load(files.certificate, files.key);
  REQUIRE(context);
  const unsigned seed = 20260108;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  int failed = 0;
  for (int round = 0; round < 300; ++round) {
    Client client;
    TlsSession server(*context);
    client.go_on();
    std::string plain;
    const int damaged_turn = static_cast<int>(random() % 4);
    for (int turn = 0; turn < 5; ++turn) {
      std::string bytes = client.give();
      if (turn == damaged_turn && !bytes.empty())
        bytes[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
      server.feed(bytes);
      plain += read_all(server);
      client.take(server.drain());
      client.go_on();
      if (turn == 2) client.write("secret");
    }
    CHECK((plain.empty() || plain == "secret"));
    failed += server.state() == TlsSession::State::failed;
    if (server.state() == TlsSession::State::failed) CHECK_FALSE(server.problem().empty());
    server.feed("more");
    server.write("more");
    CHECK(read_all(server).empty());
  }
  CHECK(failed > 100);
}

TEST_CASE("a certificate is refused with the reason: unreadable, not PEM, another's key, a key with a passphrase") {
  TemporaryFolder folder;
  const Files one = make_certificate(folder, "one"), other = make_certificate(folder, "other");
  const auto problem = [](const std::string& certificate, const std::string& key) {
    const auto context = TlsContext::load(certificate, key);
    return context ? std::string() : context.error().text;
  };
  CHECK(problem(one.certificate, one.key).empty());
  CHECK(problem("/nothing/here", one.key).find("expected a certificate chain as PEM") == 0);
  CHECK(problem(one.key, one.key).find("expected a certificate chain as PEM") == 0);
  CHECK(problem(one.certificate, one.certificate).find("expected the certificate's key as PEM") == 0);
  CHECK(problem(one.certificate, other.key).find("is not that of the certificate") != std::string::npos);
  const std::string locked = written(folder, "locked.key", [](FILE* f) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    unsigned char word[] = "passphrase";
    PEM_write_PrivateKey(f, key, EVP_aes_128_cbc(), word, sizeof word - 1, nullptr, nullptr);
    EVP_PKEY_free(key);
  });
  CHECK(problem(one.certificate, locked).find("without a passphrase") != std::string::npos);
}
