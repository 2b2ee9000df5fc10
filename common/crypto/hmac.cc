// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>

namespace sluice::crypto {
namespace {

std::string Hmac(const EVP_MD* kind, std::string_view key, std::string_view text) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (HMAC(kind, key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, &size) == nullptr) {
    std::abort();  // only without memory or with a broken OpenSSL
  }
  return std::string(reinterpret_cast<char*>(out), size);
}

}  // namespace

std::string HmacSha256(std::string_view key, std::string_view text) { return Hmac(EVP_sha256(), key, text); }
std::string HmacSha1(std::string_view key, std::string_view text) { return Hmac(EVP_sha1(), key, text); }

}  // namespace sluice::crypto
