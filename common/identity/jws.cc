// SPDX-License-Identifier: Apache-2.0
#include "common/identity/jws.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

namespace sluice::identity {
namespace {

using Family = JwsAlgorithm::Family;

constexpr std::array kAlgorithms = std::to_array<JwsAlgorithm>({
    {"RS256", Family::kRsaPkcs1, "SHA256", "", nullptr, 0},
    {"RS384", Family::kRsaPkcs1, "SHA384", "", nullptr, 0},
    {"RS512", Family::kRsaPkcs1, "SHA512", "", nullptr, 0},
    {"PS256", Family::kRsaPss, "SHA256", "", nullptr, 0},
    {"PS384", Family::kRsaPss, "SHA384", "", nullptr, 0},
    {"PS512", Family::kRsaPss, "SHA512", "", nullptr, 0},
    {"ES256", Family::kEcdsa, "SHA256", "P-256", "prime256v1", 32},
    {"ES384", Family::kEcdsa, "SHA384", "P-384", "secp384r1", 48},
    {"ES512", Family::kEcdsa, "SHA512", "P-521", "secp521r1", 66},
    {"EdDSA", Family::kEd25519, nullptr, "Ed25519", nullptr, 32},
});

struct Release {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};
template <typename T>
using Owned = std::unique_ptr<T, Release>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// JOSE writes r and s side by side; OpenSSL wants them as DER.
std::optional<std::string> EcdsaDer(std::string_view signature, size_t width) {
  if (signature.size() != 2 * width) return std::nullopt;
  const auto number = [](std::string_view bytes) {
    return Owned<BIGNUM>(BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr));
  };
  Owned<ECDSA_SIG> parts(ECDSA_SIG_new());
  auto r = number(signature.substr(0, width));
  auto s = number(signature.substr(width));
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

std::optional<std::string> SideBySide(const std::string& der, size_t width) {
  const auto* bytes = Bytes(der);
  const Owned<ECDSA_SIG> parts(d2i_ECDSA_SIG(nullptr, &bytes, static_cast<long>(der.size())));
  if (!parts) return std::nullopt;
  std::string out(2 * width, '\0');
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  const int half = static_cast<int>(width);
  if (BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), to, half) != half ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), to + width, half) != half)
    return std::nullopt;
  return out;
}

bool IsOfFamily(const JwsAlgorithm& algorithm, EVP_PKEY& key) {
  switch (algorithm.family) {
    case Family::kRsaPkcs1:
    case Family::kRsaPss:
      return EVP_PKEY_is_a(&key, "RSA") == 1;
    case Family::kEcdsa:
      return EVP_PKEY_is_a(&key, "EC") == 1 &&
             static_cast<size_t>(EVP_PKEY_get_bits(&key) + 7) / 8 == algorithm.width;
    case Family::kEd25519:
      return EVP_PKEY_is_a(&key, "ED25519") == 1;
  }
  return false;
}

// RFC 7518: the salt is as long as the hash.
bool SetPadding(const JwsAlgorithm& algorithm, EVP_PKEY_CTX* context) {
  return algorithm.family != Family::kRsaPss ||
         (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
          EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1);
}

}  // namespace

const JwsAlgorithm* FindJwsAlgorithm(std::string_view name) {
  const auto* found =
      std::find_if(kAlgorithms.begin(), kAlgorithms.end(), [&](const auto& one) { return one.name == name; });
  return found == kAlgorithms.end() ? nullptr : found;
}

const JwsAlgorithm* FindJwsCurve(std::string_view curve) {
  if (curve.empty()) return nullptr;
  const auto* found = std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                                   [&](const auto& one) { return one.curve == curve; });
  return found == kAlgorithms.end() ? nullptr : found;
}

bool JwsVerify(const JwsAlgorithm& algorithm, EVP_PKEY& key, std::string_view text,
               std::string_view signature) {
  if (!IsOfFamily(algorithm, key)) return false;
  std::string der;
  if (algorithm.family == Family::kEcdsa) {
    auto converted = EcdsaDer(signature, algorithm.width);
    if (!converted) return false;
    der = *std::move(converted);
    signature = der;
  }
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* inner = nullptr;
  return context &&
         EVP_DigestVerifyInit_ex(context.get(), &inner, algorithm.digest, nullptr, nullptr, &key, nullptr) ==
             1 &&
         SetPadding(algorithm, inner) &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(text), text.size()) == 1;
}

std::optional<std::string> JwsSign(const JwsAlgorithm& algorithm, EVP_PKEY& key, std::string_view text) {
  if (!IsOfFamily(algorithm, key)) return std::nullopt;
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* inner = nullptr;
  std::string out(2048, '\0');
  size_t size = out.size();
  const bool made =
      context &&
      EVP_DigestSignInit_ex(context.get(), &inner, algorithm.digest, nullptr, nullptr, &key, nullptr) == 1 &&
      SetPadding(algorithm, inner) &&
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, Bytes(text),
                     text.size()) == 1;
  if (!made) return std::nullopt;
  out.resize(size);
  return algorithm.family == Family::kEcdsa ? SideBySide(out, algorithm.width) : out;
}

}  // namespace sluice::identity
