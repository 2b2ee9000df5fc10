// SPDX-License-Identifier: Apache-2.0
#include "common/identity/client_certificate.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

#include "common/base/status.h"

namespace sluice::identity {
namespace {

struct Release {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

Failure Rejected(std::string_view why) {
  return Fail(absl::StatusCode::kUnauthenticated, "CERTIFICATE_REJECTED",
              "the client certificate is not accepted: " + std::string(why));
}

}  // namespace

absl::StatusOr<CertificateNames> ReadCertificateNames(std::string_view pem) {
  const std::unique_ptr<BIO, Release> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const std::unique_ptr<X509, Release> certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) return Rejected("it cannot be read");
  CertificateNames out;
  const std::unique_ptr<GENERAL_NAMES, Release> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI && name->type != GEN_DNS) continue;
    const auto* text = name->type == GEN_URI ? name->d.uniformResourceIdentifier : name->d.dNSName;
    std::string value(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                      static_cast<size_t>(ASN1_STRING_length(text)));
    const bool plain = !value.empty() && value.size() <= 2048 &&
                       std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    if (!plain) return Rejected("a name in it holds bytes that no URI or DNS name has");
    (name->type == GEN_URI ? out.uris : out.dns).push_back(std::move(value));
  }
  return out;
}

}  // namespace sluice::identity
