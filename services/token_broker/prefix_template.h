// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "boost/json.hpp"

namespace sluice::broker {

// A grant's prefix such as `uploads/{subject}/`: literal text, claims, and perhaps a segment `{hash}`, four
// hex digits of the claims that spread keys over OSS's partitions. Unchanging, pure.
class PrefixTemplate {
 public:
  // `INVALID_ARGUMENT` `PREFIX_INVALID` unless: it ends in `/`; no segment is empty, `.` or `..`; the first
  // is literal; each of the others holds at most one `{claim}` (two could be cut in several ways, and two
  // callers meet); `{hash}` stands alone in its segment, once, beside a claim; literals are of
  // `[A-Za-z0-9._@-]`; claim names of `[A-Za-z0-9_-]`; the worst case has at most 512 bytes.
  static absl::StatusOr<PrefixTemplate> Parse(std::string_view text);

  // The caller's own prefix. `{subject}` is its subject, any other name a claim that must be text.
  // `CLAIM_UNUSABLE` when one is missing or EncodeClaim refuses it.
  absl::StatusOr<std::string> Expand(std::string_view subject, const boost::json::object& claims) const;

  bool has_claims() const;
  // The names of the claims but `subject`.
  std::vector<std::string> claim_names() const;
  // The text before the first claim or hash; ends in `/`. What every caller's prefix has in common.
  std::string LiteralStart() const;
  const std::string& text() const { return text_; }
  // The longest prefix that Expand can give.
  std::string WorstCase() const;

 private:
  enum class Kind { kLiteral, kClaim, kHash };
  struct Piece {
    Kind kind = Kind::kLiteral;
    std::string text;
  };
  std::string text_;
  std::vector<Piece> pieces_;
};

}  // namespace sluice::broker
