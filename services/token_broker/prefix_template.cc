// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/prefix_template.h"

#include <algorithm>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "services/token_broker/claim_text.h"

namespace sluice::broker {
namespace {

constexpr size_t kHashDigits = 4;

Failure Invalid(const std::string& what) {
  return Fail(absl::StatusCode::kInvalidArgument, "PREFIX_INVALID", what);
}

bool OnlyOf(std::string_view text, std::string_view extra) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           extra.find(c) != std::string_view::npos;
  });
}

}  // namespace

absl::StatusOr<PrefixTemplate> PrefixTemplate::Parse(std::string_view text) {
  if (!text.ends_with('/')) return Invalid("a prefix ends in /, so that it never covers a sibling");
  PrefixTemplate out;
  out.text_ = text;
  bool first = true;
  while (!text.empty()) {
    const std::string segment(text.substr(0, text.find('/')));
    text.remove_prefix(segment.size() + 1);
    if (segment.empty() || segment == "." || segment == "..")
      return Invalid("a prefix has no segment that is empty, `.` or `..`, and does not begin with /");
    const size_t open = segment.find('{');
    const size_t close = segment.find('}');
    const std::string before = segment.substr(0, open);
    const bool has_claim = open != std::string::npos;
    if (has_claim && (close == std::string::npos || close < open + 2))
      return Invalid("a claim is written {name}");
    const std::string after = has_claim ? segment.substr(close + 1) : "";
    if (!OnlyOf(before, "._@-") || !OnlyOf(after, "._@-"))
      return Invalid("a segment is made of letters, digits, . _ @ - and at most one {claim}");
    if (first && has_claim) return Invalid("the first segment is literal, so that no claim chooses it");
    if (!before.empty()) out.pieces_.push_back({Kind::kLiteral, before});
    if (has_claim) {
      const std::string name = segment.substr(open + 1, close - open - 1);
      if (!OnlyOf(name, "_-")) return Invalid("a claim's name is made of letters, digits, _ and -");
      if (name == "hash" && (!before.empty() || !after.empty()))
        return Invalid("{hash} stands alone in its segment");
      out.pieces_.push_back({name == "hash" ? Kind::kHash : Kind::kClaim, name});
    }
    out.pieces_.push_back({Kind::kLiteral, after + "/"});
    first = false;
  }
  const auto hashes = std::count_if(out.pieces_.begin(), out.pieces_.end(),
                                    [](const Piece& piece) { return piece.kind == Kind::kHash; });
  if (hashes > 1 || (hashes == 1 && !out.has_claims()))
    return Invalid("{hash} appears once, and only beside a claim such as {subject}");
  if (out.pieces_.empty() || out.WorstCase().size() > 512)
    return Invalid("a prefix needs at most 512 bytes when each claim takes its longest, 128");
  return out;
}

absl::StatusOr<std::string> PrefixTemplate::Expand(std::string_view subject,
                                                   const boost::json::object& claims) const {
  std::vector<std::string> texts;
  // With the length of each, so that no two sets of claims are hashed as the same text.
  std::string hashed;
  for (const Piece& piece : pieces_) {
    if (piece.kind != Kind::kClaim) {
      texts.push_back(piece.text);
      continue;
    }
    auto encoded = EncodeClaim(piece.text == "subject" ? subject : JsonText(claims, piece.text));
    if (!encoded.ok()) {
      return Fail(encoded.status().code(), Reason(encoded.status()),
                  "{" + piece.text + "}: " + std::string(FromAbsl(encoded.status().message())))
          .With("claim", piece.text);
    }
    hashed += std::to_string(encoded->size()) + ":" + *encoded;
    texts.push_back(*std::move(encoded));
  }
  std::string out;
  for (size_t i = 0; i < pieces_.size(); ++i)
    out += pieces_[i].kind == Kind::kHash ? crypto::HexLower(crypto::Sha256(hashed)).substr(0, kHashDigits)
                                          : texts[i];
  return out;
}

bool PrefixTemplate::has_claims() const {
  return std::any_of(pieces_.begin(), pieces_.end(),
                     [](const Piece& piece) { return piece.kind == Kind::kClaim; });
}

std::vector<std::string> PrefixTemplate::claim_names() const {
  std::vector<std::string> out;
  for (const Piece& piece : pieces_) {
    if (piece.kind == Kind::kClaim && piece.text != "subject") out.push_back(piece.text);
  }
  return out;
}

std::string PrefixTemplate::LiteralStart() const {
  std::string out;
  for (const Piece& piece : pieces_) {
    if (piece.kind != Kind::kLiteral) break;
    out += piece.text;
  }
  return out.substr(0, out.rfind('/') + 1);
}

std::string PrefixTemplate::WorstCase() const {
  std::string out;
  for (const Piece& piece : pieces_) {
    out += piece.kind == Kind::kLiteral ? piece.text
                                        : std::string(piece.kind == Kind::kClaim ? 128 : kHashDigits, 'x');
  }
  return out;
}

}  // namespace sluice::broker
