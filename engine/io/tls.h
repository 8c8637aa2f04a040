// TLS for the listener: OpenSSL over memory, so that all reading and writing of sockets stays in one place and a slow
// or broken handshake is nothing but bytes that have not come. Sessions are not cached here (tickets are the client's
// to keep), renegotiation, compression and early data are off, TLS 1.2 is the least.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct ssl_st;
struct ssl_ctx_st;

namespace tidewatch {

// A certificate chain and its key. Sessions keep the context they began with when a newer one replaces it.
class TlsContext {
 public:
  // PEM files. Errors: unreadable, not PEM, a key with a passphrase, a key of another certificate.
  static Result<std::shared_ptr<const TlsContext>> load(const std::string& certificate, const std::string& key);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // When the certificate ends, in seconds since 1970.
  std::int64_t not_after() const { return not_after_; }
  ssl_ctx_st* raw() const { return context_; }

 private:
  TlsContext() = default;
  ssl_ctx_st* context_ = nullptr;
  std::int64_t not_after_ = 0;
};

// The server's end of one connection.
class TlsSession {
 public:
  // What came and is not decrypted, what is encrypted and not sent.
  struct Bytes {
    std::string in, out;
    std::size_t from = 0;  // of `in`
  };
  enum class State { handshake, open, ended, failed };  // ended: the client said it sends no more

  explicit TlsSession(std::shared_ptr<const TlsContext> context);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Takes bytes from the socket and goes on with the handshake; plain bytes are then read().
  void feed(std::string_view cipher);
  // Plain bytes into `out`, at most `size`; 0 when more must come first, or at the end: see state().
  std::size_t read(char* out, std::size_t size);
  // Only in `open`: bytes for the client, encrypted into what drain() gives.
  void write(std::string_view plain);
  void say_goodbye();  // close_notify
  // Bytes for the socket; "" when there are none. Also to be sent after failed: they hold the alert.
  std::string drain();

  State state() const { return state_; }
  // Whether feed() left bytes that read() can go on with, so that the socket need not be waited for.
  bool has_kept() const;
  const std::string& problem() const { return problem_; }

 private:
  void handshake();
  void fail(int code);

  std::shared_ptr<const TlsContext> context_;
  Bytes bytes_;
  ssl_st* ssl_ = nullptr;
  State state_ = State::handshake;
  std::string problem_;
};

// Whether the first byte of a connection can begin a TLS record; anything else is another protocol.
inline bool is_tls_start(char first) { return first == '\x16'; }

}  // namespace tidewatch
