// SPDX-License-Identifier: Apache-2.0
#include "common/http/tls_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <memory>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"

namespace sluice::http {
namespace {

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

Failure Invalid(const std::string& what) {
  return Fail(absl::StatusCode::kInvalidArgument, "TLS_FILES_INVALID", what);
}

absl::StatusOr<std::string> ReadPem(const std::string& path) {
  auto text = ReadFile(path);
  if (!text || text->empty()) return Invalid("the TLS file " + path + " cannot be read");
  return *std::move(text);
}

Bio Wrap(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
}

// Instead of OpenSSL's own, which would ask at the terminal.
int NoPassword(char*, int, int, void*) { return -1; }

// All that the text holds, at least one.
absl::StatusOr<std::vector<Certificate>> ReadCertificates(const std::string& path, const std::string& pem) {
  std::vector<Certificate> out;
  const Bio bio = Wrap(pem);
  ERR_clear_error();
  while (true) {
    Certificate one(PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr), X509_free);
    if (!one) break;
    out.push_back(std::move(one));
  }
  const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (out.empty()) return Invalid(path + " holds no PEM certificate");
  if (!ended) return Invalid(path + " is broken after " + std::to_string(out.size()) + " certificates");
  return out;
}

}  // namespace

absl::StatusOr<TlsTexts> ReadTlsFiles(const TlsFiles& files) {
  // What is left in OpenSSL's queue would be taken for a fault of the next connection on this thread.
  const absl::Cleanup clear = [] { ERR_clear_error(); };
  TlsTexts out;
  ASSIGN_OR_RETURN(out.certificates, ReadPem(files.cert_file));
  ASSIGN_OR_RETURN(const auto key_text, ReadPem(files.key_file));
  out.key = SecretString(key_text);
  ASSIGN_OR_RETURN(const auto certificates, ReadCertificates(files.cert_file, out.certificates));
  const Key key(PEM_read_bio_PrivateKey(Wrap(out.key.Reveal()).get(), nullptr, NoPassword, nullptr),
                EVP_PKEY_free);
  if (!key) return Invalid(files.key_file + " holds no PEM private key without a password");
  X509* const leaf = certificates.front().get();
  if (X509_check_private_key(leaf, key.get()) != 1) {
    for (const Certificate& other : certificates) {
      if (X509_check_private_key(other.get(), key.get()) == 1)
        return Invalid(files.cert_file + " must begin with the listener's own certificate");
    }
    return Invalid("the key " + files.key_file + " does not belong to the certificate " + files.cert_file);
  }
  if (X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0)
    return Invalid("the certificate " + files.cert_file + " has expired");
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> trial(SSL_CTX_new(TLS_server_method()),
                                                                SSL_CTX_free);
  if (SSL_CTX_use_certificate(trial.get(), leaf) != 1 || SSL_CTX_use_PrivateKey(trial.get(), key.get()) != 1)
    return Invalid("OpenSSL does not serve with " + files.cert_file +
                   ": its key or signature is too weak or of an unknown kind");
  if (!files.client_ca_file.empty()) {
    ASSIGN_OR_RETURN(out.client_authorities, ReadPem(files.client_ca_file));
    RETURN_IF_ERROR(ReadCertificates(files.client_ca_file, out.client_authorities).status());
  }
  return out;
}

}  // namespace sluice::http
