// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/token_access.h"

#include <utility>

#include "common/aliyun/oss_address.h"
#include "common/base/proto_time.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/crypto/encoding.h"

namespace sluice::gateway {
namespace {

// What the request of a verb is, before it is signed. Tags and metadata as the broker would bind them.
aliyun::OssRequest RequestOf(const SealedUpload& upload, const OssOrder& order) {
  aliyun::OssRequest out{"PUT", upload.bucket(), upload.key(), {}, {}, {}};
  const bool begins = order.verb == OssVerb::kPut || order.verb == OssVerb::kInitiate;
  if (begins) {
    out.headers.emplace_back("Content-Type", upload.content_type());
    for (const auto& [name, value] : upload.metadata()) out.headers.emplace_back("x-oss-meta-" + name, value);
    out.headers.emplace_back("x-oss-meta-sluice-upload", upload.object_token());
    std::string tags;
    for (const auto& [name, value] : upload.tags())
      tags += (tags.empty() ? "" : "&") + crypto::PercentEncode(name) + "=" + crypto::PercentEncode(value);
    if (!tags.empty()) out.headers.emplace_back("x-oss-tagging", tags);
  }
  if (!upload.overwrite() && (begins || order.verb == OssVerb::kComplete))
    out.headers.emplace_back("x-oss-forbid-overwrite", "true");
  const auto of_upload = [&](const char* method) {
    out.method = method;
    out.query.emplace_back("uploadId", upload.oss_upload_id());
  };
  switch (order.verb) {
    case OssVerb::kPut:
      break;
    case OssVerb::kPart:
      of_upload("PUT");
      break;
    case OssVerb::kInitiate:
      out.method = "POST";
      out.query.emplace_back("uploads", "");
      break;
    case OssVerb::kListParts:
      of_upload("GET");
      if (order.after_part > 0)
        out.query.emplace_back("part-number-marker", std::to_string(order.after_part));
      break;
    case OssVerb::kComplete:
      of_upload("POST");
      out.headers.emplace_back("Content-Type", "application/xml");
      break;
    case OssVerb::kAbort:
      of_upload("DELETE");
      break;
    case OssVerb::kHead:  // the broker's
      break;
  }
  return out;
}

}  // namespace

void TokenAccess::Ask(const SealedUpload& upload, OssOrder order, const CallFacts& call, Done done) {
  if (order.verb == OssVerb::kHead) return heads_.Ask(upload, std::move(order), call, std::move(done));
  if (const auto known = tokens_.Find(upload.object_token());
      known != nullptr && clock_.Now() < known->refresh_after)
    return done(Sign(upload, order, *known));
  token::v1::IssueTokenRequest request;
  request.set_grant(upload.grant());
  request.set_path(upload.path());
  broker_.IssueToken(
      request, SecretString(upload.ticket()), call,
      [this, upload, order = std::move(order),
       done = std::move(done)](absl::StatusOr<token::v1::IssueTokenResponse> answer) mutable {
        if (!answer.ok()) return done(answer.status());
        auto& given = *answer->mutable_credentials();
        const auto token = std::make_shared<const Token>(
            Token{{given.access_key_id(), SecretString(std::move(*given.mutable_access_key_secret())),
                   SecretString(std::move(*given.mutable_security_token())),
                   Time(std::chrono::seconds(answer->expire_time().seconds()))},
                  Time(std::chrono::seconds(answer->refresh_after().seconds()))});
        tokens_.Put(upload.object_token(), token, 4096);
        done(Sign(upload, order, *token));
      });
}

absl::StatusOr<std::vector<Permit>> TokenAccess::Sign(const SealedUpload& upload, const OssOrder& order,
                                                      const Token& token) {
  const Time now = clock_.Now();
  const std::string base = aliyun::OssBucketUrl(upload.endpoint(), upload.bucket());
  aliyun::OssSigner& signer = SignerFor(upload.region());
  std::vector<Permit> out;
  const auto sign = [&](const aliyun::OssRequest& request, uint32_t part) -> absl::Status {
    ASSIGN_OR_RETURN(const aliyun::Pairs query, signer.Presign(request, token.credentials, now, kPermitLife));
    out.push_back({request.method, SecretString(aliyun::OssObjectUrl(base, request.key, query)),
                   request.headers, part, std::min(now + kPermitLife, *token.credentials.expiration)});
    return absl::OkStatus();
  };
  const aliyun::OssRequest request = RequestOf(upload, order);
  if (order.verb != OssVerb::kPart) {
    RETURN_IF_ERROR(sign(request, 0));
    return out;
  }
  for (const uint32_t part : order.parts) {
    aliyun::OssRequest one = request;
    one.query.emplace_back("partNumber", std::to_string(part));
    RETURN_IF_ERROR(sign(one, part));
  }
  return out;
}

aliyun::OssSigner& TokenAccess::SignerFor(const std::string& region) {
  std::lock_guard lock(mutex_);
  auto& signer = signers_[region];
  if (signer == nullptr) signer = std::make_unique<aliyun::OssSigner>(region);
  return *signer;
}

}  // namespace sluice::gateway
