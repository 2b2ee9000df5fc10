// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/image_process.h"

#include <algorithm>
#include <map>
#include <vector>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/crypto/encoding.h"
#include "services/token_broker/object_path.h"

namespace sluice::broker {
namespace {

Failure Invalid(const std::string& what) {
  return Fail(absl::StatusCode::kInvalidArgument, "PROCESS_INVALID", "process: " + what);
}

// The parameters of each action that the vendor documents and that name no other object.
const std::map<std::string, std::set<std::string>, std::less<>>& Parameters() {
  static const auto* const kParameters = new std::map<std::string, std::set<std::string>, std::less<>>{
      {"resize", {"m", "w", "h", "l", "s", "limit", "color", "p"}},
      {"watermark",
       {"t", "g", "x", "y", "voffset", "image", "P", "text", "type", "color", "size", "shadow", "rotate",
        "fill", "order", "align", "interval"}},
      {"crop", {"x", "y", "w", "h", "g", "p"}},
      {"quality", {"q", "Q"}},
      {"format", {}},
      {"auto-orient", {}},
      {"rotate", {}},
      {"circle", {"r"}},
      {"rounded-corners", {"r"}},
      {"indexcrop", {"x", "y", "i"}},
      {"blur", {"r", "s"}},
      {"bright", {}},
      {"sharpen", {}},
      {"contrast", {}},
      {"interlace", {}},
      {"info", {}},
      {"average-hue", {}}};
  return *kParameters;
}

bool IsWord(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '=';
  });
}

absl::Status CheckActions(std::string_view text, const ProcessRules& rules, std::string_view prefix,
                          bool inside_watermark);

// A watermark's picture: `key` or `key?x-oss-process=image/resize,...`, in base64 for URLs.
absl::Status CheckPicture(std::string_view encoded, const ProcessRules& rules, std::string_view prefix) {
  std::string plain(encoded);
  while (plain.ends_with('=')) plain.pop_back();
  const auto decoded = crypto::Base64UrlDecode(plain);
  if (!decoded) return Invalid("the value of image_ is not base64 for URLs");
  constexpr std::string_view kProcess = "?x-oss-process=";
  const size_t question = decoded->find('?');
  const std::string_view key = std::string_view(*decoded).substr(0, question);
  // Judged like any other key of the caller's: below its prefix, and a path that could be asked for.
  if (!key.starts_with(prefix) || key.size() == prefix.size() ||
      !ParseObjectPath(key.substr(prefix.size())).ok())
    return Invalid("the picture of image_ lies outside your prefix " + std::string(prefix));
  if (question == std::string::npos) return absl::OkStatus();
  const std::string_view rest = std::string_view(*decoded).substr(question);
  if (!rest.starts_with(kProcess))
    return Invalid("the picture of image_ has another query than x-oss-process");
  const std::string_view inner = rest.substr(kProcess.size());
  constexpr std::string_view kImage = "image/";
  if (!inner.starts_with(kImage)) return Invalid("the picture of image_ may only be resized");
  return CheckActions(inner.substr(kImage.size()), rules, prefix, true);
}

absl::Status CheckParameter(std::string_view action, std::string_view parameter, const ProcessRules& rules,
                            std::string_view prefix) {
  if (!IsWord(parameter)) return Invalid("a parameter is empty or holds a byte that none has");
  const auto& known = Parameters().at(std::string(action));
  // `rotate,90` and the like: a value without a name.
  if (known.empty()) return absl::OkStatus();
  const size_t underscore = parameter.find('_');
  const std::string name(parameter.substr(0, underscore));
  if (underscore == std::string_view::npos || underscore + 1 == parameter.size() || !known.contains(name))
    return Invalid(std::string(action) + " has no parameter " + name.substr(0, 32));
  if (action == "watermark" && name == "image")
    return CheckPicture(parameter.substr(underscore + 1), rules, prefix);
  return absl::OkStatus();
}

absl::Status CheckActions(std::string_view text, const ProcessRules& rules, std::string_view prefix,
                          bool inside_watermark) {
  for (const std::string& step : Split(text, '/')) {
    const auto words = Split(step, ',');
    const std::string& action = words.front();
    const bool allowed = inside_watermark ? action == "resize" : rules.actions.contains(action);
    if (!allowed || !Parameters().contains(action))
      return Invalid("the action " + action.substr(0, 32) + " is not allowed here");
    for (size_t i = 1; i < words.size(); ++i)
      RETURN_IF_ERROR(CheckParameter(action, words[i], rules, prefix));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsKnownAction(std::string_view action) { return Parameters().contains(action); }

absl::Status CheckProcess(std::string_view process, const ProcessRules& rules, std::string_view prefix) {
  constexpr std::string_view kStyle = "style/";
  constexpr std::string_view kImage = "image/";
  if (process.size() > 1024) return Invalid("it is longer than 1024 bytes");
  if (process.starts_with(kStyle)) {
    if (rules.styles.contains(std::string(process.substr(kStyle.size())))) return absl::OkStatus();
    return Invalid("the grant does not name this style");
  }
  if (!process.starts_with(kImage)) return Invalid("it begins with image/ or style/");
  return CheckActions(process.substr(kImage.size()), rules, prefix, false);
}

}  // namespace sluice::broker
