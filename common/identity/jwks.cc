// SPDX-License-Identifier: Apache-2.0
#include "common/identity/jwks.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <set>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/crypto/encoding.h"

namespace sluice::identity {
namespace {

struct Release {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(OSSL_PARAM_BLD* builder) const { OSSL_PARAM_BLD_free(builder); }
  void operator()(OSSL_PARAM* params) const { OSSL_PARAM_free(params); }
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};
template <typename T>
using Owned = std::unique_ptr<T, Release>;

Failure Invalid(std::string_view what) {
  return Fail(absl::StatusCode::kInvalidArgument, "JWKS_INVALID", what);
}

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Owned<BIGNUM> Number(std::string_view big_endian) {
  return Owned<BIGNUM>(BN_bin2bn(Bytes(big_endian), static_cast<int>(big_endian.size()), nullptr));
}

// JOSE writes r and s side by side; OpenSSL wants them as DER.
std::optional<std::string> EcdsaDer(std::string_view signature) {
  if (signature.size() != 64) return std::nullopt;
  Owned<ECDSA_SIG> parts(ECDSA_SIG_new());
  auto r = Number(signature.substr(0, 32));
  auto s = Number(signature.substr(32));
  if (!parts || !r || !s || ECDSA_SIG_set0(parts.get(), r.get(), s.get()) != 1) return std::nullopt;
  (void)r.release();
  (void)s.release();
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(parts.get(), &der);
  if (size <= 0) return std::nullopt;
  std::string out(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return out;
}

class EvpKey final : public VerificationKey {
 public:
  EvpKey(std::string kid, std::string algorithm, Owned<EVP_PKEY> key)
      : kid_(std::move(kid)), algorithm_(std::move(algorithm)), key_(std::move(key)) {}
  const std::string& kid() const override { return kid_; }
  const std::string& algorithm() const override { return algorithm_; }

  bool Verifies(std::string_view text, std::string_view signature) const override {
    std::string der;
    if (algorithm_ == "ES256") {
      auto converted = EcdsaDer(signature);
      if (!converted) return false;
      der = *std::move(converted);
      signature = der;
    }
    Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
    return context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
           EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(text), text.size()) == 1;
  }

 private:
  const std::string kid_;
  const std::string algorithm_;
  const Owned<EVP_PKEY> key_;
};

Owned<EVP_PKEY> BuildKey(const char* type, OSSL_PARAM_BLD* builder) {
  Owned<OSSL_PARAM> params(OSSL_PARAM_BLD_to_param(builder));
  Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  Owned<EVP_PKEY> out(key);
  Owned<EVP_PKEY_CTX> check(EVP_PKEY_CTX_new(out.get(), nullptr));
  if (!check || EVP_PKEY_public_check(check.get()) != 1) return nullptr;
  return out;
}

absl::StatusOr<Owned<EVP_PKEY>> RsaKey(const boost::json::object& jwk) {
  const auto n = crypto::Base64UrlDecode(JsonText(jwk, "n"));
  const auto e = crypto::Base64UrlDecode(JsonText(jwk, "e"));
  if (!n || !e || n->empty() || e->empty()) return Invalid("an RSA key needs n and e in base64url");
  if (n->size() > 1024 || e->size() > 8) return Invalid("an RSA key is larger than 8192 bits");
  const auto modulus = Number(*n);
  const auto exponent = Number(*e);
  if (BN_num_bits(modulus.get()) < 2048) return Invalid("an RSA key has less than 2048 bits");
  if (BN_is_odd(exponent.get()) != 1 || BN_is_one(exponent.get()) == 1)
    return Invalid("an RSA key has a bad exponent");
  Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1)
    return Invalid("an RSA key cannot be read");
  auto key = BuildKey("RSA", builder.get());
  if (!key) return Invalid("an RSA key is not valid");
  return key;
}

absl::StatusOr<Owned<EVP_PKEY>> EcKey(const boost::json::object& jwk) {
  const auto x = crypto::Base64UrlDecode(JsonText(jwk, "x"));
  const auto y = crypto::Base64UrlDecode(JsonText(jwk, "y"));
  if (!x || !y || x->size() != 32 || y->size() != 32)
    return Invalid("a P-256 key needs x and y of 32 bytes in base64url");
  const std::string point = "\x04" + *x + *y;
  Owned<OSSL_PARAM_BLD> builder(OSSL_PARAM_BLD_new());
  if (!builder ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) !=
          1)
    return Invalid("a P-256 key cannot be read");
  auto key = BuildKey("EC", builder.get());
  if (!key) return Invalid("a P-256 key is not a point of the curve");
  return key;
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
    const std::string kty(JsonText(jwk, "kty"));
    const std::string algorithm = kty == "RSA"                                     ? "RS256"
                                  : kty == "EC" && JsonText(jwk, "crv") == "P-256" ? "ES256"
                                                                                   : "";
    const std::string_view use = JsonText(jwk, "use");
    const std::string_view pinned = JsonText(jwk, "alg");
    if (algorithm.empty() || (!use.empty() && use != "sig") || (!pinned.empty() && pinned != algorithm))
      continue;
    std::string kid(JsonText(jwk, "kid"));
    if (!kid.empty() && !kids.insert(kid).second) return Invalid("two keys have the same kid");
    ASSIGN_OR_RETURN(auto key, kty == "RSA" ? RsaKey(jwk) : EcKey(jwk));
    keys.push_back(std::make_unique<EvpKey>(std::move(kid), algorithm, std::move(key)));
  }
  if (keys.empty()) return Invalid("the JWKS holds no RSA or P-256 key for signatures");
  return std::make_shared<const Jwks>(std::move(keys));
}

}  // namespace sluice::identity
