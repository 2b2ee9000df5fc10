// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/upload_plan.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "common/base/status.h"
#include "common/base/status_macros.h"

namespace sluice::broker {
namespace {

using token::v1::UploadForm;

constexpr uint64_t kResumeFrom = 100 << 20;

// Why a form cannot carry the upload; nothing when it can. `limit` tells that the grant's limits are why.
struct Obstacle {
  std::string why;
  bool limit = false;
};

std::optional<Obstacle> FindObstacle(UploadForm form, std::optional<uint64_t> size, const Limits& limits,
                                     bool has_gateway) {
  const bool bounded = limits.max_object_bytes != 0 && !limits.advisory;
  switch (form) {
    case token::v1::UPLOAD_FORM_URL:
      if (size && *size > kLargestBody) return Obstacle{"one PUT takes at most 5 GiB"};
      if (!size && bounded) return Obstacle{"without size_bytes a URL cannot hold max_object_bytes", true};
      return std::nullopt;
    case token::v1::UPLOAD_FORM_POST_FORM:
      if (size && *size > kLargestBody) return Obstacle{"a form takes at most 5 GiB"};
      return std::nullopt;
    case token::v1::UPLOAD_FORM_PART_URLS:
      if (!size || *size == 0) return Obstacle{"parts need a known size that is not 0"};
      if (*size > kMostParts * kLargestBody) return Obstacle{"OSS objects have at most 48.8 TB"};
      return std::nullopt;
    case token::v1::UPLOAD_FORM_TOKEN:
      if (limits.binding()) return Obstacle{"a token cannot hold the grant's limits", true};
      return std::nullopt;
    case token::v1::UPLOAD_FORM_GATEWAY:
      if (!has_gateway) return Obstacle{"no gateway is configured"};
      return std::nullopt;
    default:
      return Obstacle{"it is unknown"};
  }
}

const char* Praise(UploadForm form) {
  switch (form) {
    case token::v1::UPLOAD_FORM_URL:
      return "one request, key, type and length held, no AssumeRole";
    case token::v1::UPLOAD_FORM_POST_FORM:
      return "one request, key, type and a range of lengths held, no AssumeRole";
    case token::v1::UPLOAD_FORM_PART_URLS:
      return "parts that can be sent again one by one, no AssumeRole";
    case token::v1::UPLOAD_FORM_TOKEN:
      return "an OSS SDK does the rest; costs one AssumeRole";
    default:
      return "the gateway holds every limit and resumes anywhere";
  }
}

std::string NameOf(int form) {
  constexpr size_t kPrefix = std::string_view("UPLOAD_FORM_").size();
  return token::v1::UploadForm_Name(form).substr(kPrefix);
}

}  // namespace

absl::StatusOr<ChosenForm> ChooseForm(const token::v1::PlanUploadRequest& request, const Limits& limits,
                                      bool has_gateway) {
  for (int form : request.forms()) {
    if (!token::v1::UploadForm_IsValid(form) || form == token::v1::UPLOAD_FORM_UNSPECIFIED)
      return Fail(absl::StatusCode::kInvalidArgument, "REQUEST_INVALID",
                  "forms holds an unknown form; known: URL, POST_FORM, PART_URLS, TOKEN, GATEWAY")
          .With("field", "forms");
  }
  const std::string type =
      request.content_type().empty() ? "application/octet-stream" : request.content_type();
  if (!IsContentType(type))
    return Fail(absl::StatusCode::kInvalidArgument, "REQUEST_INVALID", "content_type is not type/subtype")
        .With("field", "content_type");
  const auto size =
      request.has_size_bytes() ? std::optional(request.size_bytes()) : std::optional<uint64_t>();
  RETURN_IF_ERROR(CheckObject(limits, type, size));
  std::vector<UploadForm> order = {token::v1::UPLOAD_FORM_URL, token::v1::UPLOAD_FORM_POST_FORM,
                                   token::v1::UPLOAD_FORM_PART_URLS, token::v1::UPLOAD_FORM_TOKEN,
                                   token::v1::UPLOAD_FORM_GATEWAY};
  if (size && *size > kResumeFrom) std::rotate(order.begin(), order.begin() + 2, order.begin() + 3);
  std::string obstacles;
  bool limits_alone = true;
  for (UploadForm form : order) {
    const auto& wanted = request.forms();
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), form) == wanted.end()) continue;
    const auto obstacle = FindObstacle(form, size, limits, has_gateway);
    if (obstacle) {
      obstacles += (obstacles.empty() ? "" : "; ") + NameOf(form) + ": " + obstacle->why;
      limits_alone = limits_alone && obstacle->limit;
      continue;
    }
    ChosenForm out{form, NameOf(form) + ": " + Praise(form)};
    if (form == token::v1::UPLOAD_FORM_PART_URLS) {
      // With a limit, the very slots that the parts' URLs are judged by.
      out.part_bytes =
          PartBytes(limits.max_object_bytes != 0 && !limits.advisory ? limits.max_object_bytes : *size);
      out.parts = static_cast<uint32_t>((*size + out.part_bytes - 1) / out.part_bytes);
    }
    return out;
  }
  if (limits_alone) return NotEnforceable(obstacles);
  return Fail(absl::StatusCode::kFailedPrecondition, "FORM_UNUSABLE", obstacles);
}

}  // namespace sluice::broker
