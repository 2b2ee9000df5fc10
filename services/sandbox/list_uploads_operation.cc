// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/iso_time.h"
#include "common/crypto/encoding.h"
#include "services/sandbox/oss_operation.h"
#include "services/sandbox/oss_xml.h"

namespace sluice::sandbox {

Outcome ListUploads(const OssContext& context, ContentPtr) {
  const auto query = [&](std::string_view name) {
    return std::string(context.call.target.Find(name).value_or(""));
  };
  auto most = NumberQuery(context.call, "max-uploads", 1000, 1, 1000, "");
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
  const auto shown = [&](const std::string& text) {
    return encoding.empty() ? text : crypto::PercentEncode(text);
  };
  const std::string prefix = query("prefix");
  const std::string delimiter = query("delimiter");
  const std::string key_marker = query("key-marker");
  // Ignored without a key's, as in OSS.
  const std::string id_marker = key_marker.empty() ? "" : query("upload-id-marker");

  std::vector<std::pair<std::string, Upload>> uploads;
  std::vector<std::string> common;
  std::string last_key;
  std::string last_id;
  bool truncated = false;
  for (auto& [id, upload] : context.shelf.ListUploads(context.call.bucket)) {
    if (!upload.key.starts_with(prefix)) continue;
    const bool later =
        upload.key > key_marker || (upload.key == key_marker && !id_marker.empty() && id > id_marker);
    if (!key_marker.empty() && !later) continue;
    std::optional<std::string> group;
    if (!delimiter.empty()) {
      if (const size_t at = upload.key.find(delimiter, prefix.size()); at != std::string::npos)
        group = upload.key.substr(0, at + delimiter.size());
    }
    // A page that ended in a group goes on behind it.
    if (group && (*group == key_marker || (!common.empty() && common.back() == *group))) continue;
    if (uploads.size() + common.size() == static_cast<size_t>(std::get<int>(most))) {
      truncated = true;
      break;
    }
    last_key = group.value_or(upload.key);
    last_id = group ? "" : id;
    if (group) {
      common.push_back(*group);
    } else {
      uploads.emplace_back(id, std::move(upload));
    }
  }

  XmlWriter xml("ListMultipartUploadsResult");
  if (!encoding.empty()) xml.Text("EncodingType", encoding);
  xml.Text("Bucket", context.call.bucket)
      .Text("KeyMarker", shown(key_marker))
      .Text("UploadIdMarker", id_marker);
  xml.Text("NextKeyMarker", truncated ? shown(last_key) : "")
      .Text("NextUploadIdMarker", truncated ? last_id : "");
  xml.Text("Delimiter", shown(delimiter)).Text("Prefix", shown(prefix));
  xml.Text("MaxUploads", std::to_string(std::get<int>(most)))
      .Text("IsTruncated", truncated ? "true" : "false");
  for (const auto& [id, upload] : uploads) {
    xml.Open("Upload").Text("Key", shown(upload.key)).Text("UploadId", id).Text("StorageClass", "Standard");
    xml.Text("Initiated", IsoZeroMillis(upload.initiated)).Close();
  }
  for (const std::string& group : common) xml.Open("CommonPrefixes").Text("Prefix", shown(group)).Close();
  return http::Answer{200, {{"Content-Type", "application/xml"}}, xml.Finish(), nullptr};
}

}  // namespace sluice::sandbox
