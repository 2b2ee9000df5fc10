// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include "common/base/iso_time.h"
#include "common/crypto/encoding.h"
#include "services/sandbox/oss_operation.h"
#include "services/sandbox/oss_xml.h"

namespace sluice::sandbox {

Outcome ListObjects(const OssContext& context, ContentPtr) {
  auto query = [&](std::string_view name) {
    return std::string(context.call.target.Find(name).value_or(""));
  };
  const bool v2 = query("list-type") == "2";
  auto most = NumberQuery(context.call, "max-keys", 100, 1, 1000, "");
  if (auto* fault = std::get_if<Fault>(&most)) return *fault;
  const std::string encoding = query("encoding-type");
  if (!encoding.empty() && encoding != "url") {
    return Fault{400,
                 "InvalidArgument",
                 "Invalid Encoding Method specified in Request.",
                 "",
                 "encoding-type is url or absent",
                 {}};
  }
  auto shown = [&](const std::string& text) { return encoding.empty() ? text : crypto::PercentEncode(text); };
  const std::string prefix = query("prefix");
  const std::string delimiter = query("delimiter");
  std::string after = v2 ? query("start-after") : query("marker");
  if (const std::string token = query("continuation-token"); v2 && !token.empty()) {
    const auto decoded = crypto::Base64Decode(token);
    if (!decoded)
      return Fault{400,
                   "InvalidArgument",
                   "The continuation token is invalid.",
                   "",
                   "use NextContinuationToken as it came",
                   {}};
    after = *decoded;
  }

  std::vector<std::pair<std::string, Object>> objects;
  std::vector<std::string> common;
  std::string last;
  bool truncated = false;
  for (auto& [key, object] : context.shelf.List(context.call.bucket, prefix, after)) {
    std::optional<std::string> group;
    if (!delimiter.empty()) {
      if (const size_t at = key.find(delimiter, prefix.size()); at != std::string::npos)
        group = key.substr(0, at + delimiter.size());
    }
    // A page that ended in a group goes on behind it.
    if (group && (*group == after || (!common.empty() && common.back() == *group))) continue;
    if (objects.size() + common.size() == static_cast<size_t>(std::get<int>(most))) {
      truncated = true;
      break;
    }
    last = group.value_or(key);
    if (group) {
      common.push_back(*group);
    } else {
      objects.emplace_back(key, std::move(object));
    }
  }

  XmlWriter xml("ListBucketResult");
  xml.Text("Name", context.call.bucket)
      .Text("Prefix", shown(prefix))
      .Text("MaxKeys", std::to_string(std::get<int>(most)));
  xml.Text("Delimiter", shown(delimiter)).Text("IsTruncated", truncated ? "true" : "false");
  if (!encoding.empty()) xml.Text("EncodingType", encoding);
  if (v2) {
    xml.Text("StartAfter", shown(query("start-after")))
        .Text("ContinuationToken", query("continuation-token"));
    xml.Text("KeyCount", std::to_string(objects.size() + common.size()));
    if (truncated) xml.Text("NextContinuationToken", crypto::Base64Encode(last));
  } else {
    xml.Text("Marker", shown(after));
    if (truncated) xml.Text("NextMarker", shown(last));
  }
  for (const auto& [key, object] : objects) {
    xml.Open("Contents").Text("Key", shown(key)).Text("LastModified", IsoZeroMillis(object.modified));
    xml.Text("ETag", "\"" + object.etag + "\"")
        .Text("Type", object.type)
        .Text("Size", std::to_string(object.content->size));
    xml.Text("StorageClass", "Standard").Close();
  }
  for (const std::string& group : common) xml.Open("CommonPrefixes").Text("Prefix", shown(group)).Close();
  return http::Answer{200, {{"Content-Type", "application/xml"}}, xml.Finish(), nullptr};
}

}  // namespace sluice::sandbox
