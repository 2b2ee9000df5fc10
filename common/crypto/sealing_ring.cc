// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/sealing_ring.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "common/crypto/hmac.h"
#include "common/crypto/random.h"

namespace sluice::crypto {
namespace {

// Version, name of the key, salt, text, tag.
constexpr char kVersion = 1;
constexpr size_t kNameBytes = 4;
constexpr size_t kSaltBytes = 32;
constexpr size_t kTagBytes = 16;
constexpr size_t kHeadBytes = 1 + kNameBytes + kSaltBytes;
constexpr size_t kKeyBytes = 32;
// Each key seals one text, so the nonce need not change.
constexpr unsigned char kNonce[12] = {};

Failure Invalid(const std::string& what) {
  return Fail(absl::StatusCode::kInvalidArgument, "SEALING_KEYS_INVALID", what);
}

bool IsId(std::string_view id) {
  return !id.empty() && id.size() <= 64 &&
         id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
             std::string_view::npos;
}

std::string NameOf(const SealingKey& key) { return Sha256(key.id).substr(0, kNameBytes); }

// Fails only without memory or with a broken OpenSSL: nothing a caller could handle.
void Must(int done) {
  if (done != 1) std::abort();
}

unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

SecretString Derive(const SecretString& key, std::string_view salt, std::string_view purpose) {
  static EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(EVP_KDF_CTX_new(kdf),
                                                                          EVP_KDF_CTX_free);
  // OpenSSL takes what it only reads as if it wrote.
  const auto octets = [](const char* name, std::string_view text) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(text.data()), text.size());
  };
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                               octets(OSSL_KDF_PARAM_KEY, key.Reveal()), octets(OSSL_KDF_PARAM_SALT, salt),
                               octets(OSSL_KDF_PARAM_INFO, purpose), OSSL_PARAM_construct_end()};
  unsigned char out[kKeyBytes];
  Must(EVP_KDF_derive(context.get(), out, sizeof out, params));
  SecretString derived(std::string_view(reinterpret_cast<const char*>(out), sizeof out));
  OPENSSL_cleanse(out, sizeof out);
  return derived;
}

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

}  // namespace

absl::StatusOr<std::shared_ptr<const SealingRing>> SealingRing::Make(std::vector<SealingKey> keys) {
  if (keys.empty()) return Invalid("a ring has at least one key");
  std::set<std::string> names;
  for (const SealingKey& key : keys) {
    if (!IsId(key.id)) return Invalid("the name of a key has 1 to 64 of A-Z, a-z, 0-9, `.`, `_`, `-`");
    if (key.bytes.Reveal().size() != kKeyBytes)
      return Invalid("the key " + key.id + " has not 32 bytes; make one with `openssl rand 32`");
    if (!names.insert(NameOf(key)).second) return Invalid("two keys have the name " + key.id);
  }
  return std::shared_ptr<const SealingRing>(new SealingRing(std::move(keys)));
}

std::shared_ptr<const SealingRing> SealingRing::Ephemeral() {
  return std::shared_ptr<const SealingRing>(
      new SealingRing({{"ephemeral", SecretString(RandomBytes(kKeyBytes))}}));
}

std::string SealingRing::Seal(std::string_view text, std::string_view purpose) const {
  const SealingKey& key = keys_.front();
  const std::string salt = RandomBytes(kSaltBytes);
  const SecretString derived = Derive(key.bytes, salt, purpose);
  std::string out = kVersion + NameOf(key) + salt;
  out.resize(kHeadBytes + text.size() + kTagBytes);
  const CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int done = 0;
  Must(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(derived.Reveal()), kNonce));
  Must(EVP_EncryptUpdate(context.get(), nullptr, &done, Bytes(std::string_view(out)), kHeadBytes));
  Must(EVP_EncryptUpdate(context.get(), Bytes(out) + kHeadBytes, &done, Bytes(text),
                         static_cast<int>(text.size())));
  Must(EVP_EncryptFinal_ex(context.get(), Bytes(out) + kHeadBytes + text.size(), &done));
  Must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes,
                           Bytes(out) + kHeadBytes + text.size()));
  return Base64UrlEncode(out);
}

std::optional<std::string> SealingRing::Open(std::string_view sealed, std::string_view purpose) const {
  const auto bytes = Base64UrlDecode(sealed);
  if (!bytes || bytes->size() < kHeadBytes + kTagBytes || bytes->front() != kVersion) return std::nullopt;
  const std::string_view all = *bytes;
  const auto key = std::find_if(keys_.begin(), keys_.end(), [&](const SealingKey& one) {
    return NameOf(one) == all.substr(1, kNameBytes);
  });
  if (key == keys_.end()) return std::nullopt;
  const SecretString derived = Derive(key->bytes, all.substr(1 + kNameBytes, kSaltBytes), purpose);
  const std::string_view text = all.substr(kHeadBytes, all.size() - kHeadBytes - kTagBytes);
  std::string tag(all.substr(all.size() - kTagBytes));
  std::string out(text.size(), '\0');
  const CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int done = 0;
  Must(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, Bytes(derived.Reveal()), kNonce));
  Must(EVP_DecryptUpdate(context.get(), nullptr, &done, Bytes(all), kHeadBytes));
  Must(EVP_DecryptUpdate(context.get(), Bytes(out), &done, Bytes(text), static_cast<int>(text.size())));
  Must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()));
  unsigned char rest[16];
  if (EVP_DecryptFinal_ex(context.get(), rest, &done) != 1) return std::nullopt;
  return out;
}

std::string SealingRing::Mac(std::string_view text, std::string_view purpose) const {
  return HmacSha256(Derive(keys_.front().bytes, "", purpose).Reveal(), text);
}

std::vector<std::string> SealingRing::Macs(std::string_view text, std::string_view purpose) const {
  std::vector<std::string> out;
  for (const SealingKey& key : keys_)
    out.push_back(HmacSha256(Derive(key.bytes, "", purpose).Reveal(), text));
  return out;
}

}  // namespace sluice::crypto
