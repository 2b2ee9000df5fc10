// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <memory>
#include <string>

#include "boost/json.hpp"
#include "common/crypto/encoding.h"

namespace sluice::testing {

// An identity provider's key pair of one algorithm, fresh for each object. Makes tokens, good and bad.
class JwtMaker {
 public:
  enum class Kind { kRs256, kEs256 };
  explicit JwtMaker(Kind kind, std::string kid = "k1", unsigned rsa_bits = 2048)
      : kind_(kind),
        kid_(std::move(kid)),
        key_(kind == Kind::kRs256 ? EVP_RSA_gen(rsa_bits) : EVP_EC_gen("P-256"), EVP_PKEY_free) {}

  std::string algorithm() const { return kind_ == Kind::kRs256 ? "RS256" : "ES256"; }

  boost::json::object Jwk() const {
    boost::json::object jwk{{"kid", kid_}, {"use", "sig"}, {"alg", algorithm()}};
    if (kind_ == Kind::kRs256) {
      jwk["kty"] = "RSA";
      jwk["n"] = Number(OSSL_PKEY_PARAM_RSA_N);
      jwk["e"] = Number(OSSL_PKEY_PARAM_RSA_E);
    } else {
      jwk["kty"] = "EC";
      jwk["crv"] = "P-256";
      jwk["x"] = Number(OSSL_PKEY_PARAM_EC_PUB_X, 32);
      jwk["y"] = Number(OSSL_PKEY_PARAM_EC_PUB_Y, 32);
    }
    return jwk;
  }
  std::string Jwks() const {
    return boost::json::serialize(boost::json::object{{"keys", boost::json::array{Jwk()}}});
  }

  std::string Token(const boost::json::object& claims) const {
    return Token(boost::json::object{{"alg", algorithm()}, {"typ", "JWT"}, {"kid", kid_}},
                 boost::json::serialize(claims));
  }
  // With a header and claims of the test's own making.
  std::string Token(const boost::json::object& header, const std::string& claims) const {
    return TokenOfTexts(boost::json::serialize(header), claims);
  }
  std::string TokenOfTexts(const std::string& header, const std::string& claims) const {
    const std::string text = crypto::Base64UrlEncode(header) + "." + crypto::Base64UrlEncode(claims);
    return text + "." + crypto::Base64UrlEncode(Sign(text));
  }

 private:
  std::string Number(const char* name, int width = 0) const {
    BIGNUM* number = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), name, &number);
    std::string out(static_cast<size_t>(std::max(width, BN_num_bytes(number))), '\0');
    BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
    BN_free(number);
    return crypto::Base64UrlEncode(out);
  }
  std::string Sign(const std::string& text) const {
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get());
    std::string out(1024, '\0');
    size_t size = out.size();
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                   reinterpret_cast<const unsigned char*>(text.data()), text.size());
    out.resize(size);
    if (kind_ == Kind::kRs256) return out;
    const auto* der = reinterpret_cast<const unsigned char*>(out.data());
    ECDSA_SIG* parts = d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(size));
    std::string raw(64, '\0');
    BN_bn2binpad(ECDSA_SIG_get0_r(parts), reinterpret_cast<unsigned char*>(raw.data()), 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(parts), reinterpret_cast<unsigned char*>(raw.data()) + 32, 32);
    ECDSA_SIG_free(parts);
    return raw;
  }

  const Kind kind_;
  const std::string kid_;
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
};

}  // namespace sluice::testing
