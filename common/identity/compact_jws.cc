// SPDX-License-Identifier: Apache-2.0
#include "common/identity/compact_jws.h"

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/crypto/encoding.h"

namespace sluice::identity {
namespace {

Failure Malformed(std::string_view what) {
  return Fail(absl::StatusCode::kUnauthenticated, "TOKEN_MALFORMED", what);
}

}  // namespace

absl::StatusOr<CompactJws> ParseCompactJws(std::string_view text, size_t limit) {
  if (text.size() > limit) return Malformed("it is longer than " + std::to_string(limit / 1024) + " KiB");
  const size_t first = text.find('.');
  const size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos)
    return Malformed("it does not have three parts");
  const auto header = crypto::Base64UrlDecode(text.substr(0, first));
  auto payload = crypto::Base64UrlDecode(text.substr(first + 1, second - first - 1));
  auto signature = crypto::Base64UrlDecode(text.substr(second + 1));
  if (!header || header->empty()) return Malformed("its header is not base64url");
  if (!payload) return Malformed("its claims are not base64url");
  if (!signature) return Malformed("its signature is not base64url");
  auto parsed = ParseJson(*header);
  if (!parsed.ok() || !parsed->is_object()) return Malformed("its header is not one JSON object");
  CompactJws out;
  out.header = std::move(parsed->get_object());
  if (out.header.contains("crit") || out.header.contains("b64"))
    return Malformed("its header holds crit, which is not understood here");
  const auto* kid = out.header.if_contains("kid");
  if (kid != nullptr && (!kid->is_string() || kid->get_string().empty()))
    return Malformed("its kid is not text");
  out.algorithm = JsonText(out.header, "alg");
  out.kid = JsonText(out.header, "kid");
  out.payload = *std::move(payload);
  out.signed_text = text.substr(0, second);
  out.signature = *std::move(signature);
  return out;
}

}  // namespace sluice::identity
