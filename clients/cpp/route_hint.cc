// SPDX-License-Identifier: Apache-2.0
#include "clients/cpp/route_hint.h"

#include <algorithm>

#include "common/base/json.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"

namespace sluice::client {
namespace {

std::string SubjectOf(std::string_view proof) {
  const size_t first = proof.find('.');
  if (first == std::string_view::npos) return "";
  const std::string_view rest = proof.substr(first + 1);
  const auto payload = crypto::Base64UrlDecode(rest.substr(0, rest.find('.')));
  if (!payload) return "";
  const auto json = ParseJson(*payload);
  if (!json.ok() || !json->is_object()) return "";
  const auto* subject = json->as_object().if_contains("sub");
  return subject != nullptr && subject->is_string() ? std::string(subject->as_string()) : "";
}

}  // namespace

std::string RouteHint(std::string_view proof) {
  if (proof.empty()) return "";
  const std::string subject = SubjectOf(proof);
  // Hashed, since proxies log headers.
  return crypto::HexLower(crypto::Sha256(subject.empty() ? proof : std::string_view(subject))).substr(0, 16);
}

}  // namespace sluice::client
