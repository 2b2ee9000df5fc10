// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/tags.h"

#include <pugixml.hpp>
#include <set>

#include "common/http/target.h"
#include "services/sandbox/oss_xml.h"

namespace sluice::sandbox {
namespace {

bool IsTagText(std::string_view text, size_t most) {
  if (text.size() > most) return false;
  for (unsigned char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c >= 0x80 ||
                       std::string_view(" +-=._:/").find(static_cast<char>(c)) != std::string_view::npos;
    if (!plain) return false;
  }
  return true;
}

// Why these are no tags; empty when they are.
std::string Problem(const Tags& tags) {
  if (tags.size() > 10) return "more than 10 tags";
  std::set<std::string> keys;
  for (const auto& [key, value] : tags) {
    if (key.empty() || !IsTagText(key, 128) || !IsTagText(value, 256)) return "a tag has a bad key or value";
    if (!keys.insert(key).second) return "two tags have one key";
  }
  return {};
}

}  // namespace

OrFault<Tags> ParseTagHeader(std::string_view text) {
  auto fault = [](std::string hint, std::string ec) {
    return Fault{400,
                 "InvalidArgument",
                 "The header 'x-oss-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
                 "without tag "
                 "name duplicates.",
                 std::move(ec),
                 std::move(hint),
                 {{"ArgumentName", "x-oss-tagging"}}};
  };
  for (std::string_view left = text; !left.empty();) {
    const std::string_view pair = left.substr(0, left.find('&'));
    left.remove_prefix(std::min(left.size(), pair.size() + 1));
    if (pair.find('=') != pair.rfind('='))
      return fault("a tag has two equals signs; encode one", "0010-00000219");
  }
  auto tags = http::ParseForm(text);
  if (!tags) return fault("broken percent-encoding", "");
  const std::string problem = Problem(*tags);
  if (!problem.empty()) return fault(problem, "");
  return *std::move(tags);
}

OrFault<Tags> ParseTagXml(std::string_view body) {
  pugi::xml_document document;
  const bool parsed =
      body.find("<!DOCTYPE") == std::string_view::npos && document.load_buffer(body.data(), body.size());
  const pugi::xml_node set = document.child("Tagging").child("TagSet");
  if (!parsed || !set) {
    return Fault{400,
                 "MalformedXML",
                 "The XML you provided was not well-formed or did not validate against our published schema.",
                 "",
                 "Tagging holds TagSet, that holds Tag with Key and Value",
                 {}};
  }
  Tags tags;
  for (const auto& tag : set.children("Tag"))
    tags.emplace_back(tag.child_value("Key"), tag.child_value("Value"));
  const std::string problem = Problem(tags);
  if (!problem.empty()) return Fault{400, "InvalidTag", "The tag is invalid.", "", problem, {}};
  return tags;
}

std::string TagXml(const Tags& tags) {
  XmlWriter xml("Tagging");
  xml.Open("TagSet");
  for (const auto& [key, value] : tags) xml.Open("Tag").Text("Key", key).Text("Value", value).Close();
  return xml.Finish();
}

}  // namespace sluice::sandbox
