// SPDX-License-Identifier: Apache-2.0
#include "common/identity/jwt_signer.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <cstdlib>

#include "common/crypto/encoding.h"

namespace sluice::identity {
namespace {

using Family = JwsAlgorithm::Family;

// Without memory or with a broken OpenSSL there is nothing to go on with.
template <typename T>
T OrAbort(T made) {
  if (!made) abort();
  return made;
}

KeyHandle NewKey(const JwsAlgorithm& algorithm, unsigned rsa_bits) {
  EVP_PKEY* key = nullptr;
  switch (algorithm.family) {
    case Family::kRsaPkcs1:
    case Family::kRsaPss:
      key = EVP_RSA_gen(rsa_bits);
      break;
    case Family::kEcdsa:
      key = EVP_EC_gen(algorithm.group);
      break;
    case Family::kEd25519:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
      break;
  }
  return KeyHandle(OrAbort(key));
}

std::string Number(EVP_PKEY* key, const char* name, size_t width) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key, name, &number);
  std::string out(std::max(width, static_cast<size_t>(BN_num_bytes(number))), '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
  BN_free(number);
  return crypto::Base64UrlEncode(out);
}

}  // namespace

JwtSigner::JwtSigner(std::string_view algorithm, std::string kid, unsigned rsa_bits)
    : algorithm_(*OrAbort(FindJwsAlgorithm(algorithm))),
      kid_(std::move(kid)),
      key_(NewKey(algorithm_, rsa_bits)) {}

boost::json::object JwtSigner::Jwk() const {
  boost::json::object jwk{{"kid", kid_}, {"use", "sig"}, {"alg", std::string(algorithm())}};
  switch (algorithm_.family) {
    case Family::kRsaPkcs1:
    case Family::kRsaPss:
      jwk["kty"] = "RSA";
      jwk["n"] = Number(key_.get(), OSSL_PKEY_PARAM_RSA_N, 0);
      jwk["e"] = Number(key_.get(), OSSL_PKEY_PARAM_RSA_E, 0);
      break;
    case Family::kEcdsa:
      jwk["kty"] = "EC";
      jwk["crv"] = std::string(algorithm_.curve);
      jwk["x"] = Number(key_.get(), OSSL_PKEY_PARAM_EC_PUB_X, algorithm_.width);
      jwk["y"] = Number(key_.get(), OSSL_PKEY_PARAM_EC_PUB_Y, algorithm_.width);
      break;
    case Family::kEd25519: {
      std::string raw(32, '\0');
      size_t size = raw.size();
      EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
      jwk["kty"] = "OKP";
      jwk["crv"] = "Ed25519";
      jwk["x"] = crypto::Base64UrlEncode(raw);
      break;
    }
  }
  return jwk;
}

std::string JwtSigner::Sign(const boost::json::object& claims) const {
  const boost::json::object header{{"alg", std::string(algorithm())}, {"typ", "JWT"}, {"kid", kid_}};
  return SignTexts(boost::json::serialize(header), boost::json::serialize(claims));
}

std::string JwtSigner::SignTexts(std::string_view header, std::string_view claims) const {
  const std::string text = crypto::Base64UrlEncode(header) + "." + crypto::Base64UrlEncode(claims);
  return text + "." + crypto::Base64UrlEncode(*OrAbort(JwsSign(algorithm_, *key_, text)));
}

}  // namespace sluice::identity
