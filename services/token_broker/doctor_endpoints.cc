// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/doctor_endpoints.h"

#include <optional>
#include <utility>

#include "common/aliyun/api_signer.h"
#include "common/aliyun/sts_error.h"
#include "common/base/iso_time.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/crypto/encoding.h"
#include "common/crypto/random.h"
#include "common/http/wait.h"

namespace sluice::broker {
namespace {

constexpr std::chrono::seconds kSkewToMention{60};
// What STS forgives, and OSS.
constexpr std::chrono::seconds kSkewForgiven{900};

std::string Text(const absl::Status& status) { return std::string(FromAbsl(status.message())); }

// What an ARN of STS may hold, so that a line of ours repeats nothing else.
std::string CleanArn(std::string_view arn) {
  std::string out(arn.substr(0, 200));
  for (char& c : out) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view(":/-_.@").find(c) != std::string_view::npos;
    if (!plain) c = '_';
  }
  return out;
}

class Examination {
 public:
  Examination(const Patient& patient, std::vector<Finding>& findings)
      : patient_(patient), findings_(findings) {}

  void CheckKey() {
    if (!patient_.key.ok()) {
      return Add(Verdict::kBad, "key", "", Reason(patient_.key.status()) + ": " + Text(patient_.key.status()),
                 "set up one way of credentials.chain");
    }
    const aliyun::OwnKeyState& key = *patient_.key;
    const std::string about = key.source + " (" + key.description + ")";
    if (!key.error.ok() || key.access_key_id.empty())
      return Add(Verdict::kBad, "key", about, Reason(key.error) + ": " + Text(key.error),
                 "the message says what; the broker asks again every few seconds");
    Add(Verdict::kGood, "key", about,
        key.access_key_id + (key.expiration
                                 ? ", ends " + IsoExtended(*key.expiration) + " and is renewed before"
                                 : ", stays"));
  }

  // One endpoint's answer to GetCallerIdentity, and what its clock said.
  struct Endpoint {
    absl::Status status;
    std::string arn;
    std::optional<std::chrono::seconds> skew;
    std::chrono::milliseconds took{};
  };

  Endpoint AskWho(const std::string& endpoint) {
    const auto key = patient_.own == nullptr ? nullptr : patient_.own->Current();
    // Without a key it is signed with none that exists: the refusal still says that it is STS, and its time.
    const aliyun::Credentials nobody{"none", SecretString("none"), {}, std::nullopt};
    const Time sent = patient_.clock.Now();
    const auto began = std::chrono::steady_clock::now();
    auto response = http::SendAndWait(
        patient_.client,
        aliyun::SignApiCall({endpoint, "GetCallerIdentity", "2015-04-01", {}}, key ? *key : nobody, sent,
                            crypto::HexLower(crypto::RandomBytes(16))),
        Deadline::After(patient_.patience));
    Endpoint out;
    out.took =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
    if (!response.ok()) {
      out.status = Fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE",
                        absl::IsDeadlineExceeded(response.status()) ? "no answer in time" : "no connection");
      return out;
    }
    const auto body = ParseJson(response->body.substr(0, 64 * 1024));
    if (response->status != 200) {
      out.status = aliyun::StsError(*response);
    } else if (body.ok() && body->is_object() && !JsonText(body->get_object(), "Arn").empty()) {
      out.arn = CleanArn(JsonText(body->get_object(), "Arn"));
    } else {
      out.status = Fail(absl::StatusCode::kUnavailable, "STS_ANSWER_INVALID", "what answered is not STS");
    }
    // Whole seconds, of the moment when it was written.
    if (const auto date = ParseHttpDate(http::FindHeader(response->headers, "Date"));
        date && Reason(out.status) != "STS_ANSWER_INVALID")
      out.skew = std::chrono::round<std::chrono::seconds>(*date - (sent + out.took / 2));
    return out;
  }

  void CheckEndpoints() {
    std::vector<std::pair<std::string, Endpoint>> answers;
    std::optional<std::chrono::seconds> skew;
    for (const std::string& endpoint : patient_.settings.sts_endpoints) {
      answers.emplace_back(endpoint, AskWho(endpoint));
      if (!skew) skew = answers.back().second.skew;
      if (answers.back().second.status.ok() && endpoint_.empty()) endpoint_ = endpoint;
    }
    for (const auto& [endpoint, answer] : answers) {
      const std::string took = " in " + std::to_string(answer.took.count()) + " ms";
      if (answer.status.ok()) {
        Add(Verdict::kGood, "sts", endpoint, "answers" + took + " and knows the key as " + answer.arn);
      } else if (patient_.own == nullptr && absl::IsFailedPrecondition(answer.status)) {
        Add(Verdict::kGood, "sts", endpoint, "answers" + took + "; there is no key to show it");
      } else if (absl::IsUnavailable(answer.status) && !endpoint_.empty()) {
        Add(Verdict::kWarning, "sts", endpoint, Text(answer.status) + "; another endpoint answers",
            "leave it out of sts.endpoints where it can never be reached, as a VPC's from outside");
      } else {
        Add(Verdict::kBad, "sts", endpoint, Reason(answer.status) + ": " + Text(answer.status),
            absl::IsUnavailable(answer.status) ? "check network, proxies and sts.endpoints" : "");
      }
    }
    if (!skew) return Add(Verdict::kSkipped, "clock", "", "nobody told the time");
    const std::chrono::seconds off = std::chrono::abs(*skew);
    const std::string says = "this machine's is " + std::to_string(off.count()) + " s " +
                             (skew->count() < 0 ? "ahead of" : "behind") + " STS's";
    if (off <= std::chrono::seconds(1))
      return Add(Verdict::kGood, "clock", "", "agrees with STS's to a second");
    if (off <= kSkewToMention) return Add(Verdict::kGood, "clock", "", says);
    Add(off <= kSkewForgiven ? Verdict::kWarning : Verdict::kBad, "clock", "",
        says + (off <= kSkewForgiven ? "" : ", and STS forgives 900 s"), "set it (NTP)");
  }

  const std::string& endpoint() const { return endpoint_; }

 private:
  void Add(Verdict verdict, std::string check, std::string about, std::string says, std::string mend = "") {
    findings_.push_back({verdict, std::move(check), std::move(about), std::move(says), std::move(mend)});
  }

  const Patient& patient_;
  std::vector<Finding>& findings_;
  // The first that took the key.
  std::string endpoint_;
};

}  // namespace

std::string ExamineEndpoints(const Patient& patient, std::vector<Finding>& findings) {
  Examination examination(patient, findings);
  examination.CheckKey();
  examination.CheckEndpoints();
  return examination.endpoint();
}

}  // namespace sluice::broker
