// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/oss_xml.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <pugixml.hpp>

namespace sluice::sandbox {
namespace {

std::string Escape(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // XML 1.0 has no way to write the other control characters; encoding-type=url is the way around.
        out += static_cast<unsigned char>(c) < 32 && c != '\t' && c != '\n' && c != '\r' ? '?' : c;
    }
  }
  return out;
}

}  // namespace

XmlWriter::XmlWriter(std::string_view root) : out_("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") {
  Open(root);
}

XmlWriter& XmlWriter::Text(std::string_view name, std::string_view value) {
  out_.append("<").append(name).append(">").append(Escape(value)).append("</").append(name).append(">");
  return *this;
}

XmlWriter& XmlWriter::Open(std::string_view name) {
  out_.append("<").append(name).append(">");
  open_.emplace_back(name);
  return *this;
}

XmlWriter& XmlWriter::Close() {
  out_.append("</").append(open_.back()).append(">");
  open_.pop_back();
  return *this;
}

std::string XmlWriter::Finish() {
  while (!open_.empty()) Close();
  return std::move(out_) + "\n";
}

std::string ErrorXml(const Fault& fault, std::string_view request_id, std::string_view host) {
  XmlWriter xml("Error");
  xml.Text("Code", fault.code)
      .Text("Message", fault.message)
      .Text("RequestId", request_id)
      .Text("HostId", host);
  for (const auto& [name, value] : fault.extra) xml.Text(name, value);
  if (!fault.ec.empty())
    xml.Text("EC", fault.ec).Text("RecommendDoc", "https://api.aliyun.com/troubleshoot?q=" + fault.ec);
  return xml.Finish();
}

std::optional<std::vector<std::pair<int, std::string>>> ParseComplete(std::string_view body) {
  if (body.find("<!DOCTYPE") != std::string_view::npos) return std::nullopt;
  pugi::xml_document document;
  if (!document.load_buffer(body.data(), body.size())) return std::nullopt;
  const auto root = document.child("CompleteMultipartUpload");
  std::vector<std::pair<int, std::string>> out;
  for (const auto& part : root.children("Part")) {
    const char* text = part.child_value("PartNumber");
    int number = 0;
    const auto [end, error] = std::from_chars(text, text + std::strlen(text), number);
    std::string etag = part.child_value("ETag");
    std::erase(etag, '"');
    if (error != std::errc() || *end != 0 || etag.empty()) return std::nullopt;
    out.emplace_back(number, std::move(etag));
  }
  if (out.empty()) return std::nullopt;
  return out;
}

}  // namespace sluice::sandbox
