// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "common/base/json.h"
#include "common/http/client.h"
#include "tests/support/loopback.h"

namespace sluice::testing {

// The answer of one of the broker's JSON methods: the HTTP status and the body.
struct JsonAnswer {
  int status = 0;
  boost::json::object body;
  // `reason` of a refusal; empty for an answer.
  std::string reason() const { return std::string(JsonText(body, "reason")); }
  std::string text(std::string_view member) const { return std::string(JsonText(body, member)); }
};

// Calls `POST base/path` with a JSON body, or `GET` where there is none.
inline JsonAnswer CallJson(http::Client& client, const std::string& url, const boost::json::object* body,
                           http::Headers headers) {
  if (body != nullptr) headers.emplace_back("Content-Type", "application/json");
  auto response = Fetch(client, {body != nullptr ? "POST" : "GET", url, std::move(headers),
                                 body != nullptr ? boost::json::serialize(*body) : "", nullptr, nullptr});
  if (!response.ok()) return {};
  auto parsed = ParseJson(response->body);
  return {response->status,
          parsed.ok() && parsed->is_object() ? parsed->get_object() : boost::json::object{}};
}

}  // namespace sluice::testing
