// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/http/server.h"

// Which pages of other origins a browser lets ask here (the Fetch standard's CORS protocol). Answers never
// allow credentials such as cookies: callers prove themselves by headers that a page must set on purpose.
namespace sluice::http {

struct CorsRule {
  // `https://app.example.com`; one `*` in it stands for any text, and alone for every origin.
  std::vector<std::string> origins;
  std::vector<std::string> methods;
  // Headers that a page may send, in any case, with `*` as in an origin.
  std::vector<std::string> allowed_headers;
  // Headers of the answer that a page may read.
  std::vector<std::string> exposed_headers;
  std::chrono::seconds max_age{600};
};

// Whether a browser asks ahead of the request itself: OPTIONS with an origin and the method that will follow.
bool IsPreflight(const RequestHead& head);

// What a preflight is answered: 204 with what the first fitting rule allows, or 403 where none fits. Pure.
Answer AnswerPreflight(std::span<const CorsRule> rules, const RequestHead& head);

// Adds what lets the page behind `head` read `answer`, where a rule has its origin and method. Pure.
void AllowReading(std::span<const CorsRule> rules, const RequestHead& head, Answer& answer);

// The same exchange, whose answer the page may read. `rules` must outlive it.
std::unique_ptr<Exchange> ReadableExchange(std::span<const CorsRule> rules, const RequestHead& head,
                                           std::unique_ptr<Exchange> exchange);

// Puts one rule before a handler, which sees no preflight. Without origins nothing changes. Thread-safe.
class CorsHandler final : public Handler {
 public:
  // `inner` must outlive it.
  CorsHandler(CorsRule rule, Handler& inner) : rules_{std::move(rule)}, inner_(inner) {}
  std::unique_ptr<Exchange> Start(RequestHead head) override;
  uint64_t BodyLimit(const RequestHead& head) const override { return inner_.BodyLimit(head); }

 private:
  const std::vector<CorsRule> rules_;
  Handler& inner_;
};

}  // namespace sluice::http
