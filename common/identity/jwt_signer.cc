// SPDX-License-Identifier: Apache-2.0
#include "common/identity/jwt_signer.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <cstdlib>

#include "common/crypto/encoding.h"

namespace sluice::identity {

struct JwtSigner::Key {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> pair{nullptr, EVP_PKEY_free};

  std::string Number(const char* name, int width) const {
    BIGNUM* number = nullptr;
    EVP_PKEY_get_bn_param(pair.get(), name, &number);
    std::string out(static_cast<size_t>(std::max(width, BN_num_bytes(number))), '\0');
    BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
    BN_free(number);
    return crypto::Base64UrlEncode(out);
  }

  std::string Sign(const std::string& text) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    std::string out(2048, '\0');
    size_t size = out.size();
    const bool made = EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, pair.get()) == 1 &&
                      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                                     reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
    if (!made) abort();  // only without memory or with a broken OpenSSL
    out.resize(size);
    return out;
  }
};

namespace {

// OpenSSL gives DER; JOSE wants r and s side by side.
std::string SideBySide(const std::string& der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* parts = d2i_ECDSA_SIG(nullptr, &bytes, static_cast<long>(der.size()));
  std::string out(64, '\0');
  BN_bn2binpad(ECDSA_SIG_get0_r(parts), reinterpret_cast<unsigned char*>(out.data()), 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(parts), reinterpret_cast<unsigned char*>(out.data()) + 32, 32);
  ECDSA_SIG_free(parts);
  return out;
}

}  // namespace

JwtSigner::JwtSigner(Algorithm algorithm, std::string kid, unsigned rsa_bits)
    : algorithm_(algorithm), kid_(std::move(kid)), key_(std::make_unique<Key>()) {
  key_->pair.reset(algorithm == Algorithm::kRs256 ? EVP_RSA_gen(rsa_bits) : EVP_EC_gen("P-256"));
  if (!key_->pair) abort();
}
JwtSigner::~JwtSigner() = default;

std::string_view JwtSigner::algorithm() const { return algorithm_ == Algorithm::kRs256 ? "RS256" : "ES256"; }

boost::json::object JwtSigner::Jwk() const {
  boost::json::object jwk{{"kid", kid_}, {"use", "sig"}, {"alg", std::string(algorithm())}};
  if (algorithm_ == Algorithm::kRs256) {
    jwk["kty"] = "RSA";
    jwk["n"] = key_->Number(OSSL_PKEY_PARAM_RSA_N, 0);
    jwk["e"] = key_->Number(OSSL_PKEY_PARAM_RSA_E, 0);
  } else {
    jwk["kty"] = "EC";
    jwk["crv"] = "P-256";
    jwk["x"] = key_->Number(OSSL_PKEY_PARAM_EC_PUB_X, 32);
    jwk["y"] = key_->Number(OSSL_PKEY_PARAM_EC_PUB_Y, 32);
  }
  return jwk;
}

std::string JwtSigner::Sign(const boost::json::object& claims) const {
  const boost::json::object header{{"alg", std::string(algorithm())}, {"typ", "JWT"}, {"kid", kid_}};
  return SignTexts(boost::json::serialize(header), boost::json::serialize(claims));
}

std::string JwtSigner::SignTexts(std::string_view header, std::string_view claims) const {
  const std::string text = crypto::Base64UrlEncode(header) + "." + crypto::Base64UrlEncode(claims);
  const std::string signature = key_->Sign(text);
  return text + "." +
         crypto::Base64UrlEncode(algorithm_ == Algorithm::kRs256 ? signature : SideBySide(signature));
}

}  // namespace sluice::identity
