// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

// The signatures of RFC 7518 and RFC 8037 over OpenSSL's keys. Pure.
namespace sluice::identity {

struct ReleaseKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using KeyHandle = std::unique_ptr<EVP_PKEY, ReleaseKey>;

// One algorithm: RS, PS and ES with 256, 384 and 512 bits, and EdDSA (Ed25519). There is no `none` and no
// HMAC, whose verification key would be a secret.
struct JwsAlgorithm {
  enum class Family { kRsaPkcs1, kRsaPss, kEcdsa, kEd25519 };
  std::string_view name;
  Family family;
  // OpenSSL's name of the hash; null for EdDSA, which hashes by itself.
  const char* digest;
  // `crv` of an ECDSA key, OpenSSL's name of that curve, and the bytes of one coordinate.
  std::string_view curve;
  const char* group;
  size_t width;
};

// Exactly by name; null for any other text.
const JwsAlgorithm* FindJwsAlgorithm(std::string_view name);
// The one algorithm of an elliptic curve; null for curves that JWS does not use.
const JwsAlgorithm* FindJwsCurve(std::string_view curve);

bool JwsVerify(const JwsAlgorithm& algorithm, EVP_PKEY& key, std::string_view text,
               std::string_view signature);
// Absent only when the key is not of the algorithm's kind.
std::optional<std::string> JwsSign(const JwsAlgorithm& algorithm, EVP_PKEY& key, std::string_view text);

}  // namespace sluice::identity
