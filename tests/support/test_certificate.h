// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "gtest/gtest.h"

namespace sluice::testing {

// A certificate, for 127.0.0.1 and localhost unless told otherwise, and its key, as PEM; good for an hour,
// and signed by itself or by another.
struct TestCertificate {
  std::string certificate;
  std::string key;

  explicit TestCertificate(const char* names = "DNS:localhost,IP:127.0.0.1", long seconds = 3600,
                           const TestCertificate* issuer = nullptr) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> pair(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> x509(X509_new(), X509_free);
    X509_set_version(x509.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509.get()), seconds);
    X509_set_pubkey(x509.get(), pair.get());
    X509_NAME* name = X509_get_subject_name(x509.get());
    // Each its own: where several are trusted, one is found by its name.
    const std::string common_name = std::string(names).substr(0, 64);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
    const auto signer =
        issuer == nullptr ? nullptr : Parse<X509>(issuer->certificate, PEM_read_bio_X509, X509_free);
    const auto signing_key =
        issuer == nullptr ? nullptr : Parse<EVP_PKEY>(issuer->key, PEM_read_bio_PrivateKey, EVP_PKEY_free);
    X509_set_issuer_name(x509.get(), signer ? X509_get_subject_name(signer.get()) : name);
    Extend(x509.get(), NID_basic_constraints, "critical,CA:TRUE");
    Extend(x509.get(), NID_subject_alt_name, names);
    EXPECT_GT(X509_sign(x509.get(), signing_key ? signing_key.get() : pair.get(), EVP_sha256()), 0);
    certificate = Pem([&](BIO* to) { PEM_write_bio_X509(to, x509.get()); });
    key = Pem(
        [&](BIO* to) { PEM_write_bio_PrivateKey(to, pair.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  }

 private:
  template <typename T, typename Read>
  static std::shared_ptr<T> Parse(const std::string& pem, Read read, void (*free)(T*)) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    return std::shared_ptr<T>(read(bio.get(), nullptr, nullptr, nullptr), free);
  }
  static void Extend(X509* x509, int nid, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
  }
  template <typename Write>
  static std::string Pem(Write write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
    write(bio.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<size_t>(size)};
  }
};

}  // namespace sluice::testing
