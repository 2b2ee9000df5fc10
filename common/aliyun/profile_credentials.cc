// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/profile_credentials.h"

#include <filesystem>

#include "absl/strings/match.h"
#include "common/aliyun/api_signer.h"
#include "common/aliyun/credential_answer.h"
#include "common/aliyun/instance_credentials.h"
#include "common/aliyun/uri_credentials.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/crypto/encoding.h"
#include "common/crypto/random.h"

namespace sluice::aliyun {
namespace {

constexpr size_t kLargestFile = 64 * 1024;

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

// A link that leads nowhere is there too: a mount that is late must not make another source count.
bool IsThere(const std::string& path) {
  std::error_code error;
  return std::filesystem::symlink_status(path, error).type() != std::filesystem::file_type::not_found;
}

}  // namespace

absl::StatusOr<ProfileCredentials::File> ProfileCredentials::Find() const {
  if (const auto named = environment_("ALIBABA_CLOUD_CREDENTIALS_FILE"); named && !named->empty())
    return File{*named, true};
  if (const auto named = environment_("ALIBABA_CLOUD_CONFIG_FILE"); named && !named->empty())
    return File{*named, false};
  const std::string home = environment_("HOME").value_or("");
  if (home.empty()) return CredentialsMissing("HOME is not set, so there is no file of profiles");
  const std::string cli = home + "/.aliyun/config.json";
  const std::string ini = home + "/.alibabacloud/credentials";
  if (!absl::EqualsIgnoreCase(environment_("ALIBABA_CLOUD_CLI_PROFILE_DISABLED").value_or(""), "true") &&
      IsThere(cli))
    return File{cli, false};
  if (IsThere(ini)) return File{ini, true};
  return CredentialsMissing("there is neither " + cli + " nor " + ini);
}

absl::StatusOr<Credentials> ProfileCredentials::Follow(const CredentialProfile& profile, Deadline deadline,
                                                       const CancelToken& cancel) {
  using Key = absl::StatusOr<Credentials>;
  return std::visit(
      Overloaded{
          [](const Credentials& key) -> Key { return key; },
          [&](const RoleProfile& of) -> Key {
            const auto request = [&](const std::string& endpoint) {
              return SignApiCall({endpoint, "AssumeRole", "2015-04-01", SessionParameters(of.session)},
                                 of.key, clock_.Now(), crypto::HexLower(crypto::RandomBytes(16)));
            };
            return FetchSession(client_, servers_.sts_endpoints, request, clock_, deadline, cancel);
          },
          [&](const InstanceProfile& of) -> Key {
            return FetchInstanceKey(
                {servers_.metadata_endpoint, of.role_name,
                 !absl::EqualsIgnoreCase(environment_("ALIBABA_CLOUD_IMDSV1_DISABLED").value_or(""), "true")},
                client_, clock_, deadline, cancel);
          },
          [&](const OidcSession& of) -> Key {
            return FetchOidcSession(of, client_, servers_.sts_endpoints, clock_, deadline, cancel);
          },
          [&](const UriProfile& of) -> Key { return FetchUriKey(of.uri, client_, clock_, deadline, cancel); },
      },
      profile);
}

absl::StatusOr<Credentials> ProfileCredentials::Fetch(Deadline deadline, CancelToken cancel) {
  ASSIGN_OR_RETURN(const File file, Find());
  const std::string named = environment_("ALIBABA_CLOUD_PROFILE").value_or("");
  description_ = file.path + (named.empty() ? "" : ", profile " + named);
  const auto text = ReadFile(file.path, kLargestFile);
  if (!text) return CredentialsInvalid(file.path + " cannot be read, or has more than 64 KiB");
  auto profile = file.is_ini ? ParseCredentialsIni(*text, named.empty() ? "default" : named)
                             : ParseCliConfig(*text, named);
  absl::StatusOr<Credentials> key =
      profile.ok() ? Follow(*profile, deadline, cancel) : absl::StatusOr<Credentials>(profile.status());
  if (key.ok()) return key;
  // A file that was named, or a profile that was, is set up whatever it lacks; and so is one that leads on.
  const absl::Status& status = key.status();
  const std::string what = description_ + ": " + std::string(FromAbsl(status.message()));
  if (!absl::IsNotFound(status)) return Fail(status.code(), Reason(status), what);
  const bool meant = profile.ok() || !named.empty() ||
                     !environment_("ALIBABA_CLOUD_CREDENTIALS_FILE").value_or("").empty() ||
                     !environment_("ALIBABA_CLOUD_CONFIG_FILE").value_or("").empty();
  if (!meant) return CredentialsMissing(what);
  return profile.ok() ? CredentialsUnavailable(what) : CredentialsInvalid(what);
}

}  // namespace sluice::aliyun
