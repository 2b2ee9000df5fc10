// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/uri_credentials.h"

#include "common/aliyun/credential_answer.h"
#include "common/base/host.h"
#include "common/http/wait.h"

namespace sluice::aliyun {
namespace {

constexpr std::chrono::milliseconds kPatience{3000};

// Whether what comes back cannot be read on the way.
bool IsPrivate(std::string_view uri) {
  const bool https = uri.starts_with("https://");
  if (!https && !uri.starts_with("http://")) return false;
  uri.remove_prefix(https ? 8 : 7);
  const std::string_view authority = uri.substr(0, uri.find_first_of("/?#"));
  // A user name before the host would make the host another one than it seems.
  if (authority.empty() || authority.find_first_of("@\\") != std::string_view::npos) return false;
  const size_t end = authority.starts_with('[') ? authority.find(']') + 1 : authority.find(':');
  return https || IsLoopbackHost(authority.substr(0, end));
}

}  // namespace

absl::StatusOr<Credentials> FetchUriKey(const std::string& uri, http::Client& client, const Clock& clock,
                                        Deadline deadline, const CancelToken& cancel) {
  if (!IsCredentialWord(uri) || uri.size() > 4096 || !IsPrivate(uri))
    return CredentialsInvalid("a credentials URI begins with https://, or with http:// and this machine");
  auto answer = http::SendAndWait(client, {"GET", uri, {}, "", nullptr, nullptr},
                                  deadline.Sooner(Deadline::After(kPatience)), cancel);
  if (!answer.ok()) return CredentialsUnavailable("the credentials URI does not answer");
  return ReadCredentialAnswer(*answer, clock.Now(), "the credentials URI");
}

absl::StatusOr<Credentials> UriCredentials::Fetch(Deadline deadline, CancelToken cancel) {
  const std::string uri = environment_("ALIBABA_CLOUD_CREDENTIALS_URI").value_or("");
  if (uri.empty()) return CredentialsMissing("ALIBABA_CLOUD_CREDENTIALS_URI is not set");
  return FetchUriKey(uri, client_, clock_, deadline, cancel);
}

}  // namespace sluice::aliyun
