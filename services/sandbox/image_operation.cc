// SPDX-License-Identifier: Apache-2.0
#include "common/base/iso_time.h"
#include "services/sandbox/image_process.h"
#include "services/sandbox/oss_operation.h"

namespace sluice::sandbox {
namespace {

std::string WholeText(const Content& content) {
  std::string out;
  for (const auto& piece : content.pieces) out += *piece;
  return out;
}

}  // namespace

Outcome ProcessImage(const OssContext& context, ContentPtr) {
  const OssCall& call = context.call;
  const auto object = context.shelf.Get(call.bucket, call.key);
  if (!object) return NoSuchKey(call);
  if (object->content->size > (20u << 20))
    return Fault{400, "ImageTooLarge", "The image is too large.", "", "a source has at most 20 MB", {}};
  auto picture = Process(*call.target.Find("x-oss-process"), WholeText(*object->content),
                         [&](const std::string& key) -> std::optional<std::string> {
                           const auto other = context.shelf.Get(call.bucket, key);
                           if (!other) return std::nullopt;
                           return WholeText(*other->content);
                         });
  if (auto* fault = std::get_if<Fault>(&picture)) return *fault;
  auto& done = std::get<Picture>(picture);
  http::Answer answer;
  answer.headers = {{"Content-Type", done.content_type}, {"Last-Modified", HttpDate(object->modified)}};
  answer.body = std::move(done.bytes);
  return answer;
}

}  // namespace sluice::sandbox
