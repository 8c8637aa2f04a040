// What tls.cc uses of OpenSSL, found when the first certificate is loaded: linked, libssl and libcrypto would be 1.7 MB
// of every engine, most of which listen on loopback or behind a proxy. Include it after OpenSSL's own headers: the
// macros below turn their names, also those inside OpenSSL's macros, into what was found.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/result.h"

namespace tidewatch {

// clang-format off
#define TIDEWATCH_OPENSSL(of_ssl, of_crypto) \
  of_ssl(SSL_CTX_check_private_key) of_ssl(SSL_CTX_ctrl) of_ssl(SSL_CTX_free) of_ssl(SSL_CTX_get0_certificate) \
  of_ssl(SSL_CTX_new) of_ssl(SSL_CTX_set_alpn_select_cb) of_ssl(SSL_CTX_set_cipher_list) \
  of_ssl(SSL_CTX_set_default_passwd_cb) of_ssl(SSL_CTX_set_max_early_data) of_ssl(SSL_CTX_set_options) \
  of_ssl(SSL_CTX_use_PrivateKey_file) of_ssl(SSL_CTX_use_certificate_chain_file) of_ssl(SSL_do_handshake) \
  of_ssl(SSL_free) of_ssl(SSL_get_error) of_ssl(SSL_has_pending) of_ssl(SSL_new) of_ssl(SSL_read_ex) \
  of_ssl(SSL_select_next_proto) of_ssl(SSL_set_accept_state) of_ssl(SSL_set_bio) of_ssl(SSL_shutdown) \
  of_ssl(SSL_write_ex) of_ssl(TLS_server_method) \
  of_crypto(ASN1_TIME_to_tm) of_crypto(BIO_clear_flags) of_crypto(BIO_free) of_crypto(BIO_get_data) \
  of_crypto(BIO_get_new_index) of_crypto(BIO_meth_new) of_crypto(BIO_meth_set_create) of_crypto(BIO_meth_set_ctrl) \
  of_crypto(BIO_meth_set_read) of_crypto(BIO_meth_set_write) of_crypto(BIO_new) of_crypto(BIO_set_data) \
  of_crypto(BIO_set_flags) of_crypto(BIO_set_init) of_crypto(ERR_clear_error) of_crypto(ERR_peek_last_error) \
  of_crypto(ERR_reason_error_string) of_crypto(X509_get0_notAfter)
// clang-format on

struct OpenSslLibrary {
#define TIDEWATCH_MEMBER(name) decltype(&::name) of_##name = nullptr;
  TIDEWATCH_OPENSSL(TIDEWATCH_MEMBER, TIDEWATCH_MEMBER)
#undef TIDEWATCH_MEMBER
};

// Once a process. The error names the package that lacks.
Result<const OpenSslLibrary*> load_openssl();
// What load_openssl() found; nothing else may be called before it has worked.
extern const OpenSslLibrary* openssl;

}  // namespace tidewatch
