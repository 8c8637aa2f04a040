// See openssl_library.h.
#include "io/openssl_library.h"

#include <dlfcn.h>

#include <string>

namespace tidewatch {

const OpenSslLibrary* openssl = nullptr;

Result<const OpenSslLibrary*> load_openssl() {
  static const Result<const OpenSslLibrary*> loaded = []() -> Result<const OpenSslLibrary*> {
    void* crypto = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
    void* ssl = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
    if (crypto == nullptr || ssl == nullptr) {
      const char* why = dlerror();
      return not_found(std::string("OpenSSL cannot be loaded (") + (why == nullptr ? "?" : why) +
                       "): install libssl3, or end TLS in a proxy in front and listen on loopback");
    }
    static OpenSslLibrary library;
    const char* missing = nullptr;
    const auto find = [&](auto& to, void* in, const char* name) {
      to = reinterpret_cast<std::remove_reference_t<decltype(to)>>(dlsym(in, name));
      if (to == nullptr) missing = name;
    };
#define TIDEWATCH_OF_SSL(name) find(library.of_##name, ssl, #name);
#define TIDEWATCH_OF_CRYPTO(name) find(library.of_##name, crypto, #name);
    TIDEWATCH_OPENSSL(TIDEWATCH_OF_SSL, TIDEWATCH_OF_CRYPTO)
#undef TIDEWATCH_OF_SSL
#undef TIDEWATCH_OF_CRYPTO
    if (missing != nullptr) return invalid(std::string("libssl.so.3 lacks ") + missing + ": install libssl3 anew");
    openssl = &library;
    return &library;
  }();
  return loaded;
}

}  // namespace tidewatch
