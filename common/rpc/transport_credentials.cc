// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/transport_credentials.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"

namespace sluice::rpc {
namespace {

Failure Invalid(const std::string& what) {
  return Fail(absl::StatusCode::kInvalidArgument, "TLS_FILES_INVALID", what);
}

absl::StatusOr<std::string> ReadPem(const std::string& path) {
  auto text = ReadFile(path);
  if (!text || text->empty()) return Invalid("the TLS file " + path + " cannot be read");
  return *std::move(text);
}

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
Bio Wrap(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
}
Certificate FirstCertificate(const std::string& pem) {
  return Certificate(PEM_read_bio_X509(Wrap(pem).get(), nullptr, nullptr, nullptr), X509_free);
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const std::optional<http::TlsFiles>& files) {
  if (!files) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions::PemKeyCertPair pair;
  ASSIGN_OR_RETURN(pair.cert_chain, ReadPem(files->cert_file));
  ASSIGN_OR_RETURN(pair.private_key, ReadPem(files->key_file));
  const Certificate certificate = FirstCertificate(pair.cert_chain);
  if (!certificate) return Invalid(files->cert_file + " holds no PEM certificate");
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(Wrap(pair.private_key).get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  if (!key) return Invalid(files->key_file + " holds no PEM private key without a password");
  if (X509_check_private_key(certificate.get(), key.get()) != 1)
    return Invalid("the key " + files->key_file + " does not belong to the certificate " + files->cert_file);
  const bool ask = !files->client_ca_file.empty();
  grpc::SslServerCredentialsOptions options(ask ? GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY
                                                : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  options.pem_key_cert_pairs.push_back(std::move(pair));
  if (ask) {
    ASSIGN_OR_RETURN(options.pem_root_certs, ReadPem(files->client_ca_file));
    if (!FirstCertificate(options.pem_root_certs))
      return Invalid(files->client_ca_file + " holds no PEM certificate");
  }
  return grpc::SslServerCredentials(options);
}

}  // namespace sluice::rpc
