// SPDX-License-Identifier: Apache-2.0
#include "common/http/cors.h"

#include <algorithm>
#include <string_view>

namespace sluice::http {
namespace {

bool Same(std::string_view a, std::string_view b, bool as_header) {
  return as_header ? SameName(a, b) : a == b;
}

// One `*` stands for any text.
bool Fits(std::string_view pattern, std::string_view text, bool as_header) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return Same(pattern, text, as_header);
  const std::string_view end = pattern.substr(star + 1);
  return text.size() >= star + end.size() && Same(pattern.substr(0, star), text.substr(0, star), as_header) &&
         Same(end, text.substr(text.size() - end.size()), as_header);
}

bool Has(const std::vector<std::string>& list, std::string_view wanted, bool as_header) {
  return std::any_of(list.begin(), list.end(),
                     [&](const std::string& one) { return Fits(one, wanted, as_header); });
}

std::vector<std::string_view> Names(std::string_view list) {
  std::vector<std::string_view> out;
  while (!list.empty()) {
    std::string_view one = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), one.size() + 1));
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (!one.empty()) out.push_back(one);
  }
  return out;
}

std::string Joined(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& one : list) out += (out.empty() ? "" : ", ") + one;
  return out;
}

const CorsRule* FindRule(std::span<const CorsRule> rules, std::string_view origin, std::string_view method,
                         std::string_view headers) {
  const auto found = std::find_if(rules.begin(), rules.end(), [&](const CorsRule& rule) {
    if (origin.empty() || !Has(rule.origins, origin, false) || !Has(rule.methods, method, false))
      return false;
    const auto names = Names(headers);
    return std::all_of(names.begin(), names.end(),
                       [&](std::string_view name) { return Has(rule.allowed_headers, name, true); });
  });
  return found == rules.end() ? nullptr : &*found;
}

// What preflights and answers themselves say alike.
void AddRule(const CorsRule& rule, std::string_view origin, Answer& answer) {
  const bool any = std::find(rule.origins.begin(), rule.origins.end(), "*") != rule.origins.end();
  answer.headers.emplace_back("Access-Control-Allow-Origin", any ? "*" : std::string(origin));
  if (!any) answer.headers.emplace_back("Vary", "Origin");
  if (!rule.exposed_headers.empty())
    answer.headers.emplace_back("Access-Control-Expose-Headers", Joined(rule.exposed_headers));
}

class Readable final : public Exchange {
 public:
  Readable(std::span<const CorsRule> rules, RequestHead head, std::unique_ptr<Exchange> inner)
      : rules_(rules), head_(std::move(head)), inner_(std::move(inner)) {}
  void AwaitReady(Ready ready) override { inner_->AwaitReady(std::move(ready)); }
  absl::Status OnBody(std::string_view piece) override { return inner_->OnBody(piece); }
  void OnEnd(Respond respond) override {
    inner_->OnEnd([rules = rules_, head = head_, respond = std::move(respond)](Answer answer) mutable {
      AllowReading(rules, head, answer);
      respond(std::move(answer));
    });
  }

 private:
  const std::span<const CorsRule> rules_;
  const RequestHead head_;
  const std::unique_ptr<Exchange> inner_;
};

class Preflight final : public Exchange {
 public:
  explicit Preflight(Answer answer) : answer_(std::move(answer)) {}
  absl::Status OnBody(std::string_view) override { return absl::OkStatus(); }
  void OnEnd(Respond respond) override { respond(std::move(answer_)); }

 private:
  Answer answer_;
};

}  // namespace

bool IsPreflight(const RequestHead& head) {
  return head.method == "OPTIONS" && HasHeader(head.headers, "Origin") &&
         HasHeader(head.headers, "Access-Control-Request-Method");
}

Answer AnswerPreflight(std::span<const CorsRule> rules, const RequestHead& head) {
  const std::string_view origin = FindHeader(head.headers, "Origin");
  const std::string_view wanted = FindHeader(head.headers, "Access-Control-Request-Headers");
  const CorsRule* rule =
      FindRule(rules, origin, FindHeader(head.headers, "Access-Control-Request-Method"), wanted);
  Answer answer;
  if (rule == nullptr) {
    answer.status = 403;
    answer.headers = {{"Content-Type", "text/plain"}};
    answer.body = "no page of this origin may send that here\n";
    return answer;
  }
  answer.status = 204;
  AddRule(*rule, origin, answer);
  answer.headers.emplace_back("Access-Control-Allow-Methods", Joined(rule->methods));
  // `*` would not cover Authorization, so what was asked for is named.
  if (!wanted.empty()) answer.headers.emplace_back("Access-Control-Allow-Headers", std::string(wanted));
  answer.headers.emplace_back("Access-Control-Max-Age", std::to_string(rule->max_age.count()));
  return answer;
}

void AllowReading(std::span<const CorsRule> rules, const RequestHead& head, Answer& answer) {
  const std::string_view origin = FindHeader(head.headers, "Origin");
  const CorsRule* rule = FindRule(rules, origin, head.method, "");
  if (rule != nullptr) AddRule(*rule, origin, answer);
}

std::unique_ptr<Exchange> ReadableExchange(std::span<const CorsRule> rules, const RequestHead& head,
                                           std::unique_ptr<Exchange> exchange) {
  if (!HasHeader(head.headers, "Origin")) return exchange;
  return std::make_unique<Readable>(rules, head, std::move(exchange));
}

std::unique_ptr<Exchange> CorsHandler::Start(RequestHead head) {
  if (rules_[0].origins.empty()) return inner_.Start(std::move(head));
  if (IsPreflight(head)) return std::make_unique<Preflight>(AnswerPreflight(rules_, head));
  if (!HasHeader(head.headers, "Origin")) return inner_.Start(std::move(head));
  const RequestHead kept = head;
  return ReadableExchange(rules_, kept, inner_.Start(std::move(head)));
}

}  // namespace sluice::http
