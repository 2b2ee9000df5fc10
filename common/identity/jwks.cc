// SPDX-License-Identifier: Apache-2.0
#include "common/identity/jwks.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <set>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/crypto/encoding.h"
#include "common/identity/jws.h"

namespace sluice::identity {
namespace {

struct Release {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* params) const { OSSL_PARAM_free(params); }
  void operator()(BIGNUM* number) const { BN_free(number); }
};
template <typename T>
using Owned = std::unique_ptr<T, Release>;

Failure Invalid(std::string_view what) {
  return Fail(absl::StatusCode::kInvalidArgument, "JWKS_INVALID", what);
}

Owned<BIGNUM> Number(std::string_view big_endian) {
  return Owned<BIGNUM>(BN_bin2bn(reinterpret_cast<const unsigned char*>(big_endian.data()),
                                 static_cast<int>(big_endian.size()), nullptr));
}

class EvpKey final : public VerificationKey {
 public:
  EvpKey(std::string kid, const JwsAlgorithm& algorithm, KeyHandle key)
      : kid_(std::move(kid)), name_(algorithm.name), algorithm_(algorithm), key_(std::move(key)) {}
  const std::string& kid() const override { return kid_; }
  const std::string& algorithm() const override { return name_; }
  bool Verifies(std::string_view text, std::string_view signature) const override {
    return JwsVerify(algorithm_, *key_, text, signature);
  }

 private:
  const std::string kid_;
  const std::string name_;
  const JwsAlgorithm& algorithm_;
  const KeyHandle key_;
};

KeyHandle BuildKey(const char* type, OSSL_PARAM_BLD* builder) {
  Owned<OSSL_PARAM> params(OSSL_PARAM_BLD_to_param(builder));
  Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  KeyHandle out(key);
  Owned<EVP_PKEY_CTX> check(EVP_PKEY_CTX_new(out.get(), nullptr));
  if (!check || EVP_PKEY_public_check(check.get()) != 1) return nullptr;
  return out;
}

// Whether a modulus comes from the flawed generator of CVE-2017-15361 (ROCA), whose keys can be factored: its
// remainders by all small primes are powers of 65537.
bool IsRoca(const BIGNUM* modulus) {
  for (unsigned prime = 3; prime <= 167; prime += 2) {
    bool is_prime = true;
    for (unsigned d = 3; d * d <= prime; d += 2) is_prime = is_prime && prime % d != 0;
    if (!is_prime) continue;
    const auto wanted = static_cast<unsigned>(BN_mod_word(modulus, prime));
    unsigned power = 1;
    bool found = false;
    for (unsigned i = 0; i < prime; ++i, power = power * (65537 % prime) % prime)
      found = found || power == wanted;
    if (!found) return false;
  }
  return true;
}

absl::StatusOr<KeyHandle> RsaKey(const boost::json::object& jwk) {
  const auto n = crypto::Base64UrlDecode(JsonText(jwk, "n"));
  const auto e = crypto::Base64UrlDecode(JsonText(jwk, "e"));
  if (!n || !e || n->empty() || e->empty()) return Invalid("an RSA key needs n and e in base64url");
  if (n->size() > 1024 || e->size() > 8) return Invalid("an RSA key is larger than 8192 bits");
  const auto modulus = Number(*n);
  const auto exponent = Number(*e);
  if (BN_num_bits(modulus.get()) < 2048) return Invalid("an RSA key has less than 2048 bits");
  if (BN_is_odd(exponent.get()) != 1 || BN_is_one(exponent.get()) == 1)
    return Invalid("an RSA key has a bad exponent");
  if (IsRoca(modulus.get())) return Invalid("an RSA key is of the weak kind of CVE-2017-15361");
  Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1)
    return Invalid("an RSA key cannot be read");
  auto key = BuildKey("RSA", builder.get());
  if (!key) return Invalid("an RSA key is not valid");
  return key;
}

absl::StatusOr<KeyHandle> EcKey(const boost::json::object& jwk, const JwsAlgorithm& algorithm) {
  const auto x = crypto::Base64UrlDecode(JsonText(jwk, "x"));
  const auto y = crypto::Base64UrlDecode(JsonText(jwk, "y"));
  if (!x || !y || x->size() != algorithm.width || y->size() != algorithm.width)
    return Invalid("an elliptic key needs x and y of its curve's length in base64url");
  const std::string point = "\x04" + *x + *y;
  const Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, algorithm.group, 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) !=
          1)
    return Invalid("an elliptic key cannot be read");
  auto key = BuildKey("EC", builder.get());
  if (!key) return Invalid("an elliptic key is not a point of its curve");
  return key;
}

absl::StatusOr<KeyHandle> Ed25519Key(const boost::json::object& jwk) {
  const auto x = crypto::Base64UrlDecode(JsonText(jwk, "x"));
  KeyHandle key;
  if (x && x->size() == 32)
    key.reset(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr,
                                             reinterpret_cast<const unsigned char*>(x->data()), x->size()));
  if (!key) return Invalid("an Ed25519 key needs x of 32 bytes in base64url");
  return key;
}

// The algorithm that a key is pinned to; null for a key that is of no use here.
const JwsAlgorithm* AlgorithmOf(const boost::json::object& jwk) {
  using Family = JwsAlgorithm::Family;
  const std::string_view kty = JsonText(jwk, "kty");
  const std::string_view pinned = JsonText(jwk, "alg");
  if (kty == "RSA") {
    const JwsAlgorithm* named = FindJwsAlgorithm(pinned.empty() ? "RS256" : pinned);
    const bool rsa =
        named != nullptr && (named->family == Family::kRsaPkcs1 || named->family == Family::kRsaPss);
    return rsa ? named : nullptr;
  }
  const JwsAlgorithm* curve = FindJwsCurve(JsonText(jwk, "crv"));
  if (curve == nullptr || kty != (curve->family == Family::kEcdsa ? "EC" : "OKP")) return nullptr;
  return pinned.empty() || pinned == curve->name ? curve : nullptr;
}

bool IsForVerifying(const boost::json::object& jwk) {
  const std::string_view use = JsonText(jwk, "use");
  if (!use.empty() && use != "sig") return false;
  const auto* operations = jwk.if_contains("key_ops");
  if (operations == nullptr) return true;
  if (!operations->is_array()) return false;
  const auto& list = operations->get_array();
  return std::any_of(list.begin(), list.end(), [](const auto& item) { return item == "verify"; });
}

absl::StatusOr<KeyHandle> ReadKey(const boost::json::object& jwk, const JwsAlgorithm& algorithm) {
  switch (algorithm.family) {
    case JwsAlgorithm::Family::kEcdsa:
      return EcKey(jwk, algorithm);
    case JwsAlgorithm::Family::kEd25519:
      return Ed25519Key(jwk);
    default:
      return RsaKey(jwk);
  }
}

}  // namespace

const VerificationKey* Jwks::Find(std::string_view kid, std::string_view algorithm) const {
  const VerificationKey* found = nullptr;
  for (const auto& key : keys_) {
    if (kid.empty() ? key->algorithm() != algorithm : key->kid() != kid) continue;
    if (found != nullptr) return nullptr;
    found = key.get();
  }
  return found != nullptr && found->algorithm() == algorithm ? found : nullptr;
}

absl::StatusOr<std::shared_ptr<const Jwks>> ParseJwks(std::string_view text) {
  if (text.size() > 1024 * 1024) return Invalid("the JWKS is larger than 1 MiB");
  auto document = ParseJson(text);
  if (!document.ok() || !document->is_object()) return Invalid("the JWKS is not a JSON object");
  const auto* list = document->get_object().if_contains("keys");
  if (list == nullptr || !list->is_array()) return Invalid("the JWKS has no list named keys");
  if (list->get_array().size() > 64) return Invalid("the JWKS has more than 64 keys");
  std::vector<std::unique_ptr<VerificationKey>> keys;
  std::set<std::string> kids;
  for (const auto& item : list->get_array()) {
    if (!item.is_object()) return Invalid("a key is not an object");
    const auto& jwk = item.get_object();
    if (jwk.contains("d") || jwk.contains("k"))
      return Invalid("the JWKS holds a private or symmetric key; publish public keys only");
    const JwsAlgorithm* algorithm = AlgorithmOf(jwk);
    if (algorithm == nullptr || !IsForVerifying(jwk)) continue;
    std::string kid(JsonText(jwk, "kid"));
    if (!kid.empty() && !kids.insert(kid).second) return Invalid("two keys have the same kid");
    ASSIGN_OR_RETURN(auto key, ReadKey(jwk, *algorithm));
    keys.push_back(std::make_unique<EvpKey>(std::move(kid), *algorithm, std::move(key)));
  }
  if (keys.empty()) return Invalid("the JWKS holds no public key for signatures of a kind known here");
  return std::make_shared<const Jwks>(std::move(keys));
}

}  // namespace sluice::identity
