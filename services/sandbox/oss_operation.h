// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "services/sandbox/fault.h"
#include "services/sandbox/object_shelf.h"
#include "services/sandbox/oss_signature.h"

// The operations of OSS. Each is called after the signature and the policies were judged, with the whole body
// (null for none).
namespace sluice::sandbox {

struct OssContext {
  OssCall call;
  ObjectShelf& shelf;
  Time now;
};
using Outcome = OrFault<http::Answer>;

// object_operations.cc
Outcome PutObject(const OssContext& context, ContentPtr body);
Outcome GetObject(const OssContext& context, ContentPtr body);
Outcome HeadObject(const OssContext& context, ContentPtr body);
Outcome DeleteObject(const OssContext& context, ContentPtr body);

// image_operation.cc
Outcome ProcessImage(const OssContext& context, ContentPtr body);

// multipart_operations.cc
Outcome InitiateUpload(const OssContext& context, ContentPtr body);
Outcome UploadPart(const OssContext& context, ContentPtr body);
Outcome ListParts(const OssContext& context, ContentPtr body);
Outcome CompleteUpload(const OssContext& context, ContentPtr body);
Outcome AbortUpload(const OssContext& context, ContentPtr body);

// tagging_operations.cc
Outcome PutTagging(const OssContext& context, ContentPtr body);
Outcome GetTagging(const OssContext& context, ContentPtr body);
Outcome DeleteTagging(const OssContext& context, ContentPtr body);

// Upper case, with `-<count>`: how OSS names a multipart object from the ETags of its parts.
std::string MultipartEtag(const std::vector<std::string>& part_etags);

// list_operations.cc
Outcome ListObjects(const OssContext& context, ContentPtr body);

// list_uploads_operation.cc
Outcome ListUploads(const OssContext& context, ContentPtr body);

// What PutObject and InitiateUpload keep of a request's headers; refuses metadata over 8 KiB.
OrFault<http::Headers> StoredHeaders(const OssCall& call);
// The tags of x-oss-tagging; none without it.
OrFault<Tags> StoredTags(const OssCall& call);
// Whether x-oss-forbid-overwrite is true; a fault when it is neither true nor false.
OrFault<bool> ForbidsOverwrite(const OssCall& call);
Fault FileAlreadyExists();
Fault NoSuchKey(const OssCall& call);
// Null, or why the body is not the one that Content-MD5 names.
std::optional<Fault> CheckContentMd5(const OssCall& call, const Content& body);
// A decimal query of `low` to `high`; `otherwise` when absent, a fault when anything else.
OrFault<int> NumberQuery(const OssCall& call, std::string_view name, int otherwise, int low, int high,
                         std::string_view ec);

}  // namespace sluice::sandbox
