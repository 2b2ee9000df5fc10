// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/ticket_access.h"

#include <utility>

#include "common/base/status.h"

namespace sluice::gateway {
namespace {

using token::v1::SignUrlRequest;
using token::v1::SignUrlResponse;

token::v1::UrlMethod MethodOf(OssVerb verb) {
  switch (verb) {
    case OssVerb::kPut:
      return token::v1::URL_METHOD_PUT;
    case OssVerb::kInitiate:
      return token::v1::URL_METHOD_INITIATE_MULTIPART;
    case OssVerb::kPart:
      return token::v1::URL_METHOD_UPLOAD_PART;
    case OssVerb::kListParts:
      return token::v1::URL_METHOD_LIST_PARTS;
    case OssVerb::kComplete:
      return token::v1::URL_METHOD_COMPLETE_MULTIPART;
    case OssVerb::kAbort:
      return token::v1::URL_METHOD_ABORT_MULTIPART;
    case OssVerb::kHead:
      break;
  }
  return token::v1::URL_METHOD_HEAD;
}

}  // namespace

void TicketAccess::Ask(const SealedUpload& upload, OssOrder order, const CallFacts& call, Done done) {
  SignUrlRequest request;
  request.set_grant(upload.grant());
  request.set_path(upload.path());
  request.set_method(MethodOf(order.verb));
  request.mutable_ttl()->set_seconds(kPermitLife.count());
  const bool begins = order.verb == OssVerb::kPut || order.verb == OssVerb::kInitiate;
  if (begins) {
    request.set_content_type(upload.content_type());
    *request.mutable_metadata() = upload.metadata();
    (*request.mutable_metadata())["sluice-upload"] = upload.object_token();
    *request.mutable_tags() = upload.tags();
  }
  if (!upload.overwrite() && (begins || order.verb == OssVerb::kComplete)) request.set_forbid_overwrite(true);
  const bool of_upload = order.verb == OssVerb::kPart || order.verb == OssVerb::kListParts ||
                         order.verb == OssVerb::kComplete || order.verb == OssVerb::kAbort;
  if (of_upload) request.set_upload_id(upload.oss_upload_id());
  for (const uint32_t part : order.parts) request.add_part_numbers(part);
  request.set_after_part(order.after_part);
  broker_.SignUrl(
      request, SecretString(upload.ticket()), call,
      [done = std::move(done)](absl::StatusOr<SignUrlResponse> answer) mutable {
        if (!answer.ok()) return done(answer.status());
        std::vector<Permit> out;
        for (auto& url : *answer->mutable_urls()) {
          out.push_back({std::move(*url.mutable_http_method()),
                         SecretString(std::move(*url.mutable_url())),
                         {url.headers().begin(), url.headers().end()},
                         url.part_number(),
                         Time(std::chrono::seconds(answer->expire_time().seconds()))});
        }
        if (out.empty())
          return done(Fail(absl::StatusCode::kUnavailable, "BROKER_UNREACHABLE",
                           "what answers as the broker signs nothing; the operator checks broker.address"));
        done(std::move(out));
      });
}

}  // namespace sluice::gateway
