// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/oss_operation.h"
#include "services/sandbox/tags.h"

namespace sluice::sandbox {
Outcome PutTagging(const OssContext& context, ContentPtr body) {
  std::string text;
  for (const auto& piece : body->pieces) text += *piece;
  auto tags = ParseTagXml(text);
  if (auto* fault = std::get_if<Fault>(&tags)) return *fault;
  if (!context.shelf.SetTags(context.call.bucket, context.call.key, std::get<Tags>(std::move(tags))))
    return NoSuchKey(context.call);
  return http::Answer{};
}

Outcome GetTagging(const OssContext& context, ContentPtr) {
  const auto object = context.shelf.Get(context.call.bucket, context.call.key);
  if (!object) return NoSuchKey(context.call);
  return http::Answer{200, {{"Content-Type", "application/xml"}}, TagXml(object->tags), nullptr};
}

Outcome DeleteTagging(const OssContext& context, ContentPtr) {
  if (!context.shelf.SetTags(context.call.bucket, context.call.key, {})) return NoSuchKey(context.call);
  return http::Answer{204, {}, "", nullptr};
}

}  // namespace sluice::sandbox
