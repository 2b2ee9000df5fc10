// SPDX-License-Identifier: Apache-2.0
#include "common/http/tls_files.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificate.h"

namespace sluice::http {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using sluice::testing::TempDir;
using sluice::testing::TestCertificate;
using ::testing::HasSubstr;

class TlsFilesTest : public ::testing::Test {
 protected:
  absl::StatusOr<TlsTexts> Read(const std::string& certificates, const std::string& key,
                                const std::string& authorities = "") {
    TlsFiles files{dir_.Write("crt", certificates), dir_.Write("key", key), ""};
    if (!authorities.empty()) files.client_ca_file = dir_.Write("ca", authorities);
    return ReadTlsFiles(files);
  }
  void Refused(const absl::StatusOr<TlsTexts>& result, const std::string& why) {
    EXPECT_THAT(result, FailsWith(absl::StatusCode::kInvalidArgument, "TLS_FILES_INVALID"));
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(why));
  }

  const TempDir dir_;
  const TestCertificate own_;
  const TestCertificate other_;
};

TEST_F(TlsFilesTest, PairChainAndAuthoritiesAreRead) {
  const TestCertificate leaf("DNS:localhost", 3600, &own_);
  const auto texts =
      Read(leaf.certificate + own_.certificate, leaf.key, own_.certificate + other_.certificate);

  ASSERT_THAT(texts, IsOk());
  EXPECT_EQ(texts->certificates, leaf.certificate + own_.certificate);
  EXPECT_EQ(texts->key.Reveal(), leaf.key);
  EXPECT_EQ(texts->client_authorities, own_.certificate + other_.certificate);
}

TEST_F(TlsFilesTest, WhatIsNoPairIsRefusedAndSaysWhy) {
  Refused(ReadTlsFiles({dir_.Path("absent"), dir_.Write("k", own_.key), ""}), "cannot be read");
  Refused(Read("", own_.key), "cannot be read");
  Refused(Read("hello", own_.key), "holds no PEM certificate");
  Refused(Read(own_.certificate, "hello"), "no PEM private key");
  Refused(Read(own_.certificate, own_.certificate), "no PEM private key");
  Refused(Read(own_.certificate, other_.key), "does not belong");
  Refused(Read(own_.certificate, own_.key, "hello"), "holds no PEM certificate");
}

TEST_F(TlsFilesTest, HalfWrittenFilesAreRefused) {
  const std::string& whole = own_.certificate;
  for (const size_t size : {whole.size() / 4, whole.size() / 2, whole.size() - 10})
    EXPECT_FALSE(Read(whole.substr(0, size), own_.key).ok()) << size;
  for (const size_t size : {own_.key.size() / 2, own_.key.size() - 10})
    EXPECT_FALSE(Read(whole, own_.key.substr(0, size)).ok()) << size;
  Refused(Read(whole + other_.certificate.substr(0, 200), own_.key), "broken after 1");
  Refused(Read(whole, own_.key, whole + other_.certificate.substr(0, 200)), "broken after 1");
}

TEST_F(TlsFilesTest, TheOwnCertificateComesFirst) {
  Refused(Read(other_.certificate + own_.certificate, own_.key), "must begin with");
}

TEST_F(TlsFilesTest, AnExpiredCertificateIsRefused) {
  const TestCertificate old("DNS:localhost", -5);
  Refused(Read(old.certificate, old.key), "has expired");
}

TEST_F(TlsFilesTest, AKeyWithAPasswordIsRefusedAndNobodyIsAskedForIt) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  unsigned char password[] = "secret";
  ASSERT_EQ(PEM_write_bio_PrivateKey(bio.get(), key.get(), EVP_aes_128_cbc(), password, 6, nullptr, nullptr),
            1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);

  Refused(Read(own_.certificate, std::string(data, static_cast<size_t>(size))), "without a password");
}

}  // namespace
}  // namespace sluice::http
