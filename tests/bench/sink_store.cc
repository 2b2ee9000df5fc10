// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/sink_store.h"

#include <algorithm>
#include <pugixml.hpp>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "boost/json.hpp"
#include "common/base/text.h"
#include "common/crypto/crc64.h"

namespace sluice::bench {
namespace {

constexpr size_t kMostObjects = 20'000;

std::string EtagOf(uint64_t crc64) { return absl::StrFormat("%032X", crc64); }

SinkAnswer Error(int status, const std::string& code) {
  return {status,
          {{"Content-Type", "application/xml"}},
          "<?xml version=\"1.0\"?>\n<Error><Code>" + code + "</Code><Message>The sink says " + code +
              ".</Message></Error>"};
}

SinkAnswer Xml(pugi::xml_document& document) {
  std::ostringstream out;
  document.save(out, "", pugi::format_raw);
  return {200, {{"Content-Type", "application/xml"}}, out.str()};
}

int NumberOf(const SinkRequest& request, std::string_view name, int otherwise) {
  int out = 0;
  return absl::SimpleAtoi(ToAbsl(request.target.Find(name).value_or("")), &out) ? out : otherwise;
}

http::Headers MetadataOf(const SinkRequest& request) {
  http::Headers out;
  for (const auto& [name, value] : request.headers) {
    if (Lower(name).starts_with("x-oss-meta-")) out.emplace_back(name, value);
  }
  return out;
}

std::string Unquoted(std::string text) {
  std::erase(text, '"');
  return text;
}

}  // namespace

SinkAnswer SinkStore::Answer(const SinkRequest& request) {
  if (request.target.path == "/-/stats") return Stats();
  const auto count = [&](const char* kind) { ++counts_[kind]; };
  bytes_ += request.body_bytes;
  if (request.method == "POST" && request.target.Has("uploads")) {
    count("initiate");
    return Initiate(request);
  }
  if (const auto id = request.target.Find("uploadId")) {
    const auto found = uploads_.find(std::string(*id));
    const bool there = found != uploads_.end() && found->second.path == request.target.path;
    if (request.method == "PUT") {
      count("part");
      return there ? PutPart(request, found->second) : Error(404, "NoSuchUpload");
    }
    if (request.method == "GET") {
      count("list");
      return there ? ListParts(request, found->second) : Error(404, "NoSuchUpload");
    }
    if (request.method == "POST") {
      count("complete");
      return there ? Complete(request, found->first, found->second) : Error(404, "NoSuchUpload");
    }
    if (request.method == "DELETE") {
      count("abort");
      if (there) uploads_.erase(found);
      return there ? SinkAnswer{204, {}, ""} : Error(404, "NoSuchUpload");
    }
  }
  if (request.method == "PUT") {
    count("put");
    return Put(request);
  }
  if (request.method == "HEAD") {
    count("head");
    return Head(request);
  }
  if (request.method == "DELETE") {
    count("delete");
    objects_.erase(request.target.path);
    return {204, {}, ""};
  }
  count("other");
  return Error(405, "MethodNotAllowed");
}

SinkAnswer SinkStore::Put(const SinkRequest& request) {
  const Stored stored{request.body_bytes, request.crc64, EtagOf(request.crc64), MetadataOf(request)};
  Keep(request.target.path, stored);
  return {200,
          {{"ETag", "\"" + stored.etag + "\""}, {"x-oss-hash-crc64ecma", std::to_string(request.crc64)}},
          ""};
}

SinkAnswer SinkStore::Initiate(const SinkRequest& request) {
  const std::string id = absl::StrFormat("SINK%028X", ++ids_);
  uploads_[id] = {request.target.path, MetadataOf(request), {}};
  const size_t slash = request.target.path.find('/', 1);
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("InitiateMultipartUploadResult");
  root.append_child("Bucket").text().set(request.target.path.substr(1, slash - 1).c_str());
  root.append_child("Key").text().set(
      slash == std::string::npos ? "" : request.target.path.substr(slash + 1).c_str());
  root.append_child("UploadId").text().set(id.c_str());
  return Xml(document);
}

SinkAnswer SinkStore::PutPart(const SinkRequest& request, Upload& upload) {
  const int number = NumberOf(request, "partNumber", 0);
  if (number < 1 || number > 10'000) return Error(400, "InvalidArgument");
  const Stored part{request.body_bytes, request.crc64, EtagOf(request.crc64), {}};
  upload.parts[number] = part;
  return {200, {{"ETag", "\"" + part.etag + "\""}, {"x-oss-hash-crc64ecma", std::to_string(part.crc64)}}, ""};
}

SinkAnswer SinkStore::ListParts(const SinkRequest& request, const Upload& upload) {
  const int most = NumberOf(request, "max-parts", 1000);
  const int marker = NumberOf(request, "part-number-marker", 0);
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("ListPartsResult");
  int last = 0;
  auto at = upload.parts.upper_bound(marker);
  std::vector<std::pair<int, const Stored*>> listed;
  for (; at != upload.parts.end() && listed.size() < static_cast<size_t>(std::clamp(most, 1, 1000)); ++at) {
    listed.emplace_back(at->first, &at->second);
    last = at->first;
  }
  root.append_child("PartNumberMarker").text().set(marker);
  root.append_child("NextPartNumberMarker").text().set(last);
  root.append_child("MaxParts").text().set(most);
  root.append_child("IsTruncated").text().set(at != upload.parts.end());
  for (const auto& [number, part] : listed) {
    pugi::xml_node node = root.append_child("Part");
    node.append_child("PartNumber").text().set(number);
    node.append_child("LastModified").text().set("2026-01-01T00:00:00.000Z");
    node.append_child("ETag").text().set(("\"" + part->etag + "\"").c_str());
    node.append_child("HashCrc64ecma").text().set(std::to_string(part->crc64).c_str());
    node.append_child("Size").text().set(std::to_string(part->bytes).c_str());
  }
  return Xml(document);
}

SinkAnswer SinkStore::Complete(const SinkRequest& request, const std::string& id, Upload& upload) {
  pugi::xml_document asked;
  if (!asked.load_buffer(request.body.data(), request.body.size())) return Error(400, "MalformedXML");
  Stored whole;
  int before = 0;
  int count = 0;
  for (const pugi::xml_node node : asked.child("CompleteMultipartUpload").children("Part")) {
    const int number = node.child("PartNumber").text().as_int();
    const auto found = upload.parts.find(number);
    if (found == upload.parts.end() || Unquoted(node.child("ETag").text().get()) != found->second.etag)
      return Error(400, "InvalidPart");
    if (number <= before) return Error(400, "InvalidPartOrder");
    before = number;
    whole.crc64 = crypto::CombineCrc64(whole.crc64, found->second.crc64, found->second.bytes);
    whole.bytes += found->second.bytes;
    ++count;
  }
  if (count == 0) return Error(400, "MalformedXML");
  whole.etag = EtagOf(whole.crc64) + "-" + std::to_string(count);
  whole.metadata = std::move(upload.metadata);
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("CompleteMultipartUploadResult");
  root.append_child("ETag").text().set(("\"" + whole.etag + "\"").c_str());
  SinkAnswer out = Xml(document);
  out.headers.emplace_back("x-oss-hash-crc64ecma", std::to_string(whole.crc64));
  Keep(upload.path, std::move(whole));
  uploads_.erase(id);
  return out;
}

SinkAnswer SinkStore::Head(const SinkRequest& request) {
  const auto found = objects_.find(request.target.path);
  if (found == objects_.end()) return {404, {{"Content-Length", "0"}}, ""};
  const Stored& object = found->second;
  SinkAnswer out{200, object.metadata, ""};
  out.headers.emplace_back("Content-Length", std::to_string(object.bytes));
  out.headers.emplace_back("ETag", "\"" + object.etag + "\"");
  out.headers.emplace_back("x-oss-hash-crc64ecma", std::to_string(object.crc64));
  return out;
}

SinkAnswer SinkStore::Stats() const {
  boost::json::object out;
  for (const char* kind :
       {"put", "initiate", "part", "list", "complete", "abort", "head", "delete", "other"}) {
    const auto found = counts_.find(kind);
    out[kind] = found == counts_.end() ? 0 : found->second;
  }
  out["bytes"] = bytes_;
  return {200, {{"Content-Type", "application/json"}}, boost::json::serialize(out)};
}

void SinkStore::Keep(const std::string& path, Stored stored) {
  if (objects_.insert_or_assign(path, std::move(stored)).second) order_.push_back(path);
  while (order_.size() > kMostObjects) {
    objects_.erase(order_.front());
    order_.pop_front();
  }
}

}  // namespace sluice::bench
