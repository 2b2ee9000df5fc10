// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/credential_profile.h"

#include <charconv>
#include <functional>
#include <map>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "common/aliyun/credential_answer.h"
#include "common/base/json.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace sluice::aliyun {
namespace {

using Section = std::map<std::string, std::string, std::less<>>;
// The text of a setting; empty where it is absent.
using Lookup = std::function<std::string(const char*)>;

absl::StatusOr<Credentials> ReadKey(const Lookup& at, const char* id, const char* secret, const char* token) {
  Credentials out{at(id), SecretString(at(secret)),
                  SecretString(token == nullptr ? std::string() : at(token)), std::nullopt};
  const auto broken = [](const std::string& field) {
    return CredentialsInvalid(field + " must be one word of visible ASCII");
  };
  if (!IsCredentialWord(out.access_key_id)) return broken(id);
  if (!IsCredentialWord(out.access_key_secret.Reveal())) return broken(secret);
  if (token != nullptr && !IsCredentialWord(out.security_token.Reveal())) return broken(token);
  return out;
}

// The vendor writes 0 or nothing for its default.
absl::StatusOr<std::chrono::seconds> ReadLife(const std::string& text) {
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (!text.empty() && (error != std::errc() || end != text.data() + text.size() || seconds < 0))
    return CredentialsInvalid("the life of a session is a whole number of seconds");
  return std::chrono::seconds(seconds == 0 ? 3600 : seconds);
}

absl::StatusOr<std::map<std::string, Section, std::less<>>> ParseSections(std::string_view text) {
  std::map<std::string, Section, std::less<>> out;
  Section* current = nullptr;
  int number = 0;
  for (std::string line : Split(text, '\n')) {
    ++number;
    const auto wrong = [&](const std::string& what) {
      return CredentialsInvalid("line " + std::to_string(number) + ": " + what);
    };
    if (line.ends_with('\r')) line.pop_back();
    if (line.find('\0') != std::string::npos) return wrong("a byte of zero");
    for (size_t i = 0; i < line.size(); ++i) {
      if ((line[i] == '#' || line[i] == ';') && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t'))
        line.resize(i);
    }
    const std::string trimmed(absl::StripAsciiWhitespace(line));
    if (trimmed.empty()) continue;
    if (trimmed.starts_with('[')) {
      const std::string name(
          absl::StripAsciiWhitespace(ToAbsl(std::string_view(trimmed).substr(1, trimmed.find(']') - 1))));
      if (trimmed.find(']') != trimmed.size() - 1 || name.empty())
        return wrong("a section is written [name]");
      const auto [place, added] = out.try_emplace(name);
      if (!added) return wrong("a section stands twice");
      current = &place->second;
      continue;
    }
    const size_t equals = trimmed.find('=');
    if (equals == std::string::npos || equals == 0) return wrong("a setting is written name = value");
    if (current == nullptr) return wrong("a setting stands before any section");
    const std::string name(absl::StripTrailingAsciiWhitespace(trimmed.substr(0, equals)));
    const std::string value(absl::StripLeadingAsciiWhitespace(trimmed.substr(equals + 1)));
    if (!current->emplace(name, value).second) return wrong("a setting stands twice");
  }
  return out;
}

}  // namespace

absl::StatusOr<CredentialProfile> ParseCredentialsIni(std::string_view text, std::string_view name) {
  ASSIGN_OR_RETURN(const auto sections, ParseSections(text));
  const auto found = sections.find(name);
  if (found == sections.end()) return CredentialsMissing("it has no section [" + std::string(name) + "]");
  const Lookup at = [&](const char* setting) {
    const auto value = found->second.find(setting);
    return value == found->second.end() ? std::string() : value->second;
  };
  if (absl::EqualsIgnoreCase(at("enable"), "false"))
    return CredentialsMissing("its section [" + std::string(name) + "] says enable = false");

  SessionOptions session{at("role_arn"), at("role_session_name"), at("policy"), at("external_id"), {}};
  ASSIGN_OR_RETURN(session.life, ReadLife(at("duration_seconds")));
  const std::string type = at("type");
  if (type == "access_key") return ReadKey(at, "access_key_id", "access_key_secret", nullptr);
  if (type == "sts") return ReadKey(at, "access_key_id", "access_key_secret", "security_token");
  if (type == "ecs_ram_role") return InstanceProfile{at("role_name")};
  if (type == "credentials_uri") return UriProfile{at("credentials_uri")};
  if (type == "ram_role_arn") {
    RETURN_IF_ERROR(CheckSession(session));
    ASSIGN_OR_RETURN(auto key, ReadKey(at, "access_key_id", "access_key_secret", nullptr));
    return RoleProfile{std::move(key), std::move(session)};
  }
  if (type == "oidc_role_arn") {
    RETURN_IF_ERROR(CheckSession(session));
    const std::string file = at("oidc_token_file_path");
    return OidcSession{std::move(session), at("oidc_provider_arn"),
                       file.empty() ? at("oidc_token_file") : file};
  }
  return CredentialsInvalid(
      "its type is not one of access_key, sts, ram_role_arn, ecs_ram_role, oidc_role_arn, credentials_uri; "
      "others are not supported");
}

absl::StatusOr<CredentialProfile> ParseCliConfig(std::string_view text, std::string_view name) {
  const auto document = ParseJson(text);
  if (!document.ok() || !document->is_object()) return CredentialsInvalid("it is not a JSON object");
  const auto& root = document->get_object();
  const std::string wanted(name.empty() ? JsonText(root, "current") : name);
  const auto* profiles = root.if_contains("profiles");
  if (profiles == nullptr || !profiles->is_array() || wanted.empty())
    return CredentialsInvalid("it has no list `profiles`, or no name as `current`");
  const boost::json::object* profile = nullptr;
  for (const auto& each : profiles->get_array()) {
    if (!each.is_object() || JsonText(each.get_object(), "name") != wanted) continue;
    if (profile != nullptr) return CredentialsInvalid("two profiles have the same name");
    profile = &each.get_object();
  }
  if (profile == nullptr) return CredentialsMissing("it has no profile of that name");
  const Lookup at = [&](const char* member) { return std::string(JsonText(*profile, member)); };

  SessionOptions session{at("ram_role_arn"), at("ram_session_name"), at("policy"), at("external_id"), {}};
  const auto* life = profile->if_contains("expired_seconds");
  if (life != nullptr && !life->is_int64()) return CredentialsInvalid("expired_seconds is a whole number");
  ASSIGN_OR_RETURN(session.life, ReadLife(life == nullptr ? "" : std::to_string(life->get_int64())));
  const std::string mode = at("mode");
  if (mode == "AK") return ReadKey(at, "access_key_id", "access_key_secret", nullptr);
  if (mode == "StsToken") return ReadKey(at, "access_key_id", "access_key_secret", "sts_token");
  if (mode == "EcsRamRole") return InstanceProfile{at("ram_role_name")};
  if (mode == "CredentialsURI") return UriProfile{at("credentials_uri")};
  if (mode == "RamRoleArn") {
    RETURN_IF_ERROR(CheckSession(session));
    const bool of_session = !at("sts_token").empty();
    ASSIGN_OR_RETURN(auto key,
                     ReadKey(at, "access_key_id", "access_key_secret", of_session ? "sts_token" : nullptr));
    return RoleProfile{std::move(key), std::move(session)};
  }
  if (mode == "OIDC") {
    RETURN_IF_ERROR(CheckSession(session));
    return OidcSession{std::move(session), at("oidc_provider_arn"), at("oidc_token_file")};
  }
  return CredentialsInvalid(
      "its mode is not one of AK, StsToken, RamRoleArn, EcsRamRole, OIDC, CredentialsURI; others are not "
      "supported");
}

}  // namespace sluice::aliyun
