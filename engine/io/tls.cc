// See tls.h. OpenSSL keeps a queue of errors a thread: it is emptied before each call that is asked about afterwards.
// The bytes lie in strings of ours behind a BIO of ours: OpenSSL's memory BIO keeps its largest buffer for ever, which
// ten thousand idle connections would pay for.
#include "io/tls.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <utility>

#include "io/openssl_library.h"

// clang-format off
#define SSL_CTX_check_private_key ::tidewatch::openssl->of_SSL_CTX_check_private_key
#define SSL_CTX_ctrl ::tidewatch::openssl->of_SSL_CTX_ctrl
#define SSL_CTX_free ::tidewatch::openssl->of_SSL_CTX_free
#define SSL_CTX_get0_certificate ::tidewatch::openssl->of_SSL_CTX_get0_certificate
#define SSL_CTX_new ::tidewatch::openssl->of_SSL_CTX_new
#define SSL_CTX_set_alpn_select_cb ::tidewatch::openssl->of_SSL_CTX_set_alpn_select_cb
#define SSL_CTX_set_cipher_list ::tidewatch::openssl->of_SSL_CTX_set_cipher_list
#define SSL_CTX_set_default_passwd_cb ::tidewatch::openssl->of_SSL_CTX_set_default_passwd_cb
#define SSL_CTX_set_max_early_data ::tidewatch::openssl->of_SSL_CTX_set_max_early_data
#define SSL_CTX_set_options ::tidewatch::openssl->of_SSL_CTX_set_options
#define SSL_CTX_use_PrivateKey_file ::tidewatch::openssl->of_SSL_CTX_use_PrivateKey_file
#define SSL_CTX_use_certificate_chain_file ::tidewatch::openssl->of_SSL_CTX_use_certificate_chain_file
#define SSL_do_handshake ::tidewatch::openssl->of_SSL_do_handshake
#define SSL_free ::tidewatch::openssl->of_SSL_free
#define SSL_get_error ::tidewatch::openssl->of_SSL_get_error
#define SSL_has_pending ::tidewatch::openssl->of_SSL_has_pending
#define SSL_new ::tidewatch::openssl->of_SSL_new
#define SSL_read_ex ::tidewatch::openssl->of_SSL_read_ex
#define SSL_select_next_proto ::tidewatch::openssl->of_SSL_select_next_proto
#define SSL_set_accept_state ::tidewatch::openssl->of_SSL_set_accept_state
#define SSL_set_bio ::tidewatch::openssl->of_SSL_set_bio
#define SSL_shutdown ::tidewatch::openssl->of_SSL_shutdown
#define SSL_write_ex ::tidewatch::openssl->of_SSL_write_ex
#define TLS_server_method ::tidewatch::openssl->of_TLS_server_method
#define ASN1_TIME_to_tm ::tidewatch::openssl->of_ASN1_TIME_to_tm
#define BIO_clear_flags ::tidewatch::openssl->of_BIO_clear_flags
#define BIO_free ::tidewatch::openssl->of_BIO_free
#define BIO_get_data ::tidewatch::openssl->of_BIO_get_data
#define BIO_get_new_index ::tidewatch::openssl->of_BIO_get_new_index
#define BIO_meth_new ::tidewatch::openssl->of_BIO_meth_new
#define BIO_meth_set_create ::tidewatch::openssl->of_BIO_meth_set_create
#define BIO_meth_set_ctrl ::tidewatch::openssl->of_BIO_meth_set_ctrl
#define BIO_meth_set_read ::tidewatch::openssl->of_BIO_meth_set_read
#define BIO_meth_set_write ::tidewatch::openssl->of_BIO_meth_set_write
#define BIO_new ::tidewatch::openssl->of_BIO_new
#define BIO_set_data ::tidewatch::openssl->of_BIO_set_data
#define BIO_set_flags ::tidewatch::openssl->of_BIO_set_flags
#define BIO_set_init ::tidewatch::openssl->of_BIO_set_init
#define ERR_clear_error ::tidewatch::openssl->of_ERR_clear_error
#define ERR_peek_last_error ::tidewatch::openssl->of_ERR_peek_last_error
#define ERR_reason_error_string ::tidewatch::openssl->of_ERR_reason_error_string
#define X509_get0_notAfter ::tidewatch::openssl->of_X509_get0_notAfter
// clang-format on

namespace tidewatch {

namespace {

std::string newest_problem() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  const char* reason = ERR_reason_error_string(code);
  return reason == nullptr ? "error " + std::to_string(code) : reason;
}

// Only what is spoken here may be agreed on; a client that names other protocols alone is told so in the handshake.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
                    void*) {
  static const unsigned char ours[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, ours, sizeof ours - 1, in, in_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

using Bytes = TlsSession::Bytes;

Bytes& bytes_of(BIO* bio) { return *static_cast<Bytes*>(BIO_get_data(bio)); }

BIO_METHOD* string_bio() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tidewatch bytes");
    BIO_meth_set_create(m, [](BIO* bio) {
      BIO_set_init(bio, 1);
      return 1;
    });
    BIO_meth_set_read(m, [](BIO* bio, char* out, int size) {
      Bytes& b = bytes_of(bio);
      BIO_clear_retry_flags(bio);
      if (b.from == b.in.size()) {
        BIO_set_retry_read(bio);
        return -1;
      }
      const std::size_t n = std::min(static_cast<std::size_t>(size), b.in.size() - b.from);
      std::memcpy(out, b.in.data() + b.from, n);
      b.from += n;
      if (b.from == b.in.size()) {
        std::string().swap(b.in);
        b.from = 0;
      }
      return static_cast<int>(n);
    });
    BIO_meth_set_write(m, [](BIO* bio, const char* in, int size) {
      BIO_clear_retry_flags(bio);
      bytes_of(bio).out.append(in, static_cast<std::size_t>(size));
      return size;
    });
    BIO_meth_set_ctrl(m, [](BIO* bio, int what, long, void*) -> long {
      if (what == BIO_CTRL_FLUSH) return 1;
      if (what == BIO_CTRL_PENDING) return static_cast<long>(bytes_of(bio).in.size() - bytes_of(bio).from);
      if (what == BIO_CTRL_WPENDING) return static_cast<long>(bytes_of(bio).out.size());
      return 0;
    });
    return m;
  }();
  return method;
}

std::int64_t end_of(const X509* certificate) {
  std::tm end{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) return 0;
  return static_cast<std::int64_t>(timegm(&end));
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const std::string& certificate, const std::string& key) {
  if (const auto loaded = load_openssl(); !loaded) return loaded.error();
  ERR_clear_error();
  const std::shared_ptr<TlsContext> out(new TlsContext);
  out->context_ = SSL_CTX_new(TLS_server_method());
  SSL_CTX* c = out->context_;
  if (c == nullptr) return Error{ErrorCode::internal, "TLS cannot start: " + newest_problem()};
  SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(c, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_early_data(c, 0);
  SSL_CTX_set_alpn_select_cb(c, choose_protocol, nullptr);
  // Without this a key with a passphrase would ask for it on the terminal.
  SSL_CTX_set_default_passwd_cb(c, [](char*, int, int, void*) { return 0; });
  if (SSL_CTX_use_certificate_chain_file(c, certificate.c_str()) != 1)
    return invalid("expected a certificate chain as PEM in " + certificate + ": " + newest_problem());
  if (SSL_CTX_use_PrivateKey_file(c, key.c_str(), SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(c) != 1) {
    const int reason = ERR_GET_REASON(ERR_peek_last_error());
    const std::string problem = newest_problem();
    if (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH)
      return invalid("the key in " + key + " is not that of the certificate in " + certificate + ": " + problem);
    return invalid("expected the certificate's key as PEM, without a passphrase, in " + key + ": " + problem);
  }
  out->not_after_ = end_of(SSL_CTX_get0_certificate(c));
  return std::shared_ptr<const TlsContext>(out);
}

TlsContext::~TlsContext() {
  if (context_ != nullptr) SSL_CTX_free(context_);
}

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context)
    : context_(std::move(context)), ssl_(SSL_new(context_->raw())) {
  BIO* bio = BIO_new(string_bio());
  if (ssl_ == nullptr || bio == nullptr) {
    BIO_free(bio);
    state_ = State::failed;
    problem_ = "out of memory";
    return;
  }
  BIO_set_data(bio, &bytes_);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_accept_state(ssl_);
}

TlsSession::~TlsSession() {
  if (ssl_ != nullptr) SSL_free(ssl_);
}

void TlsSession::fail(int code) {
  state_ = State::failed;
  problem_ = code == SSL_ERROR_SSL ? newest_problem() : "the connection cannot go on";
}

void TlsSession::feed(std::string_view cipher) {
  if (state_ == State::failed || state_ == State::ended) return;
  bytes_.in.append(cipher);
  if (state_ == State::handshake) handshake();
}

void TlsSession::handshake() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_);
  if (done == 1) {
    state_ = State::open;
    return;
  }
  const int code = SSL_get_error(ssl_, done);
  if (code != SSL_ERROR_WANT_READ && code != SSL_ERROR_WANT_WRITE) fail(code);
}

std::size_t TlsSession::read(char* out, std::size_t size) {
  if (state_ != State::open) return 0;
  ERR_clear_error();
  std::size_t got = 0;
  const int done = SSL_read_ex(ssl_, out, size, &got);
  if (done == 1) return got;
  const int code = SSL_get_error(ssl_, done);
  if (code == SSL_ERROR_ZERO_RETURN) {
    state_ = State::ended;
  } else if (code != SSL_ERROR_WANT_READ && code != SSL_ERROR_WANT_WRITE) {
    fail(code);
  }
  return 0;
}

void TlsSession::write(std::string_view plain) {
  while (!plain.empty() && (state_ == State::open || state_ == State::ended)) {
    ERR_clear_error();
    std::size_t put = 0;
    const int done = SSL_write_ex(ssl_, plain.data(), plain.size(), &put);
    if (done != 1) return fail(SSL_get_error(ssl_, done));
    plain.remove_prefix(put);
  }
}

void TlsSession::say_goodbye() {
  if (state_ != State::open && state_ != State::ended) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
}

std::string TlsSession::drain() { return std::exchange(bytes_.out, {}); }

bool TlsSession::has_kept() const {
  return state_ == State::open && (SSL_has_pending(ssl_) == 1 || bytes_.from < bytes_.in.size());
}

}  // namespace tidewatch
