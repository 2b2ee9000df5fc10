// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/targets.h"

#include <cstdlib>
#include <iostream>

#include "common/aliyun/credential_answer.h"
#include "common/aliyun/credential_profile.h"
#include "common/aliyun/oss_answers.h"
#include "common/aliyun/oss_error.h"
#include "common/base/config_file.h"
#include "common/base/status.h"
#include "common/base/units.h"
#include "common/crypto/encoding.h"
#include "common/http/target.h"
#include "common/identity/jwt.h"
#include "common/identity/ticket.h"
#include "services/sandbox/form_data.h"
#include "services/sandbox/policy_check.h"
#include "services/sandbox/post_policy.h"
#include "services/token_broker/config.h"
#include "services/token_broker/config_report.h"
#include "services/token_broker/image_process.h"
#include "services/token_broker/object_path.h"
#include "services/token_broker/policy_evaluator.h"
#include "services/token_broker/policy_proof.h"
#include "services/token_broker/prefix_template.h"
#include "services/token_broker/session_policy.h"
#include "services/upload_gateway/incoming_frame.h"
#include "services/upload_gateway/sealed_upload.h"
#include "services/upload_gateway/tus_request.h"

namespace sluice::fuzz {
namespace {

void Require(bool holds, const char* promise) {
  if (holds) return;
  std::cerr << "broken promise: " << promise << "\n";
  abort();
}

std::pair<std::string_view, std::string_view> Halves(std::string_view input) {
  const size_t line = input.find('\n');
  if (line == std::string_view::npos) return {input, {}};
  return {input.substr(0, line), input.substr(line + 1)};
}

constexpr Time kNow = Time(std::chrono::seconds(1767225600));

}  // namespace

void FuzzJwt(std::string_view input) {
  const auto [token, set] = Halves(input);
  const auto jwt = identity::ParseJwt(token);
  const auto keys = identity::ParseJwks(set);
  if (!jwt.ok()) Require(!Reason(jwt.status()).empty(), "a refused token has a reason");
  if (!keys.ok()) Require(Reason(keys.status()) == "JWKS_INVALID", "a refused JWKS has its reason");
  if (jwt.ok() && keys.ok())
    (void)identity::VerifyJwt(*jwt, **keys, {"https://id", {"sluice"}, std::chrono::seconds(30)}, kNow);
}

void FuzzTicket(std::string_view input) {
  static const auto ring = identity::TicketRing::Ephemeral("sluice");
  const auto ticket = ring->Open(input, kNow);
  Require(!ticket.ok(), "a ring opens nothing that it did not seal");
  Require(Reason(ticket.status()).starts_with("TICKET_"), "a refused ticket has a reason");
}

void FuzzPolicy(std::string_view input) {
  const auto [path, subject] = Halves(input);
  static const auto prefix = broker::PrefixTemplate::Parse("uploads/{hash}/{subject}/").value();
  const auto parsed = broker::ParseObjectPath(path);
  const auto expanded = prefix.Expand(subject, {});
  if (!parsed.ok() || !expanded.ok()) return;
  broker::Scope scope{"sluice-demo", *expanded + parsed->text, parsed->is_object, {}, {}, false};
  for (int i = token::v1::Operation_MIN + 1; i <= token::v1::Operation_MAX; ++i) {
    if (i != token::v1::OPERATION_LIST || !scope.is_object)
      scope.operations.insert(static_cast<broker::Operation>(i));
  }
  if (input.size() % 3 == 1) scope.source_ips = {"10.0.0.0/8", "2001:db8::/32"};
  scope.tls_only = input.size() % 2 == 1;
  const auto policy = broker::CompileSessionPolicy(scope);
  if (!policy.ok()) return;
  Require(broker::ProvePolicy(*policy, scope).ok(), "what compiles is proven");
  const auto ours = broker::PolicyEvaluator::Parse(*policy);
  const auto theirs = sandbox::ParsePolicy(*policy);
  Require(ours.ok() && theirs.ok(), "both evaluators read the policy");
  // Keys in, beside and far from the scope, and every prefix of the scope itself.
  std::vector<std::string> keys = {scope.target, scope.target + "x", scope.target + "/x",
                                   "uploads/",   std::string(input), "uploads/bob/x",
                                   "*",          scope.target + "*"};
  for (size_t i = 0; i < scope.target.size(); ++i) keys.push_back(scope.target.substr(0, i));
  for (const std::string& key : keys) {
    for (const char* action : {"oss:PutObject", "oss:GetObject", "oss:DeleteObject", "oss:ListParts",
                               "oss:PutObjectAcl", "oss:ListObjects"}) {
      for (const char* ip : {"10.1.2.3", "192.0.2.1", "2001:db8::1"}) {
        for (const bool tls : {true, false}) {
          const bool listing = action == std::string_view("oss:ListObjects");
          const std::string resource = "acs:oss:*:*:sluice-demo" + (listing ? "" : "/" + key);
          const bool allowed =
              ours->Allows({action, resource, listing ? std::optional(key) : std::nullopt, ip, tls});
          sandbox::Ask ask{
              action, resource, "", {{"acs:SourceIp", ip}, {"acs:SecureTransport", tls ? "true" : "false"}}};
          if (listing) ask.context["oss:Prefix"] = key;
          const bool judged = sandbox::Evaluate(*theirs, ask).verdict == sandbox::Verdict::kAllowed;
          Require(allowed == judged, "both evaluators say the same");
          const bool inside = scope.is_object ? key == scope.target : key.starts_with(scope.target);
          Require(!allowed || inside, "nothing outside the scope is allowed");
        }
      }
    }
  }
}

void FuzzConfig(std::string_view input) {
  config::v1::TokenBrokerConfig config;
  const auto source = ReadConfig("fuzz.yaml", std::string(input), config,
                                 [](const std::string&) { return std::optional<std::string>("x"); });
  if (!source.ok()) {
    Require(Reason(source.status()) == "CONFIG_INVALID", "a refused config has its reason");
  } else {
    const auto settings = broker::ReadSettings(config, *source);
    if (settings.ok()) {
      (void)broker::Warnings(*settings);
      (void)broker::DescribeGrants(*settings);
    } else {
      Require(Reason(settings.status()) == "CONFIG_INVALID", "a refused config has its reason");
    }
  }
}

void FuzzQuery(std::string_view input) {
  const auto target = http::ParseTarget(input);
  if (!target) return;
  for (const auto& [name, value] : target->query) {
    (void)ParseDuration(value);
    (void)ParseByteSize(value);
    const auto path = broker::ParseObjectPath(value);
    if (path.ok()) {
      Require(value.find("..") == std::string::npos || ("/" + value + "/").find("/../") == std::string::npos,
              "no path climbs");
      Require(value.find_first_of("*?$\\") == std::string::npos, "no path is policy syntax");
    }
    (void)broker::CheckProcess(value, {}, "uploads/alice/");
    if (!value.empty() && broker::CheckProcess(value, {}, "uploads/alice/").ok())
      Require(value.find('|') == std::string::npos, "no process saves");
  }
}

void FuzzForm(std::string_view input) {
  const auto [boundary, body] = Halves(input);
  sandbox::FormDataReader reader(boundary.substr(0, 70));
  // In uneven pieces, as a network gives them.
  for (size_t at = 0, step = 1; at < body.size(); at += step, step = step % 7 + 1) {
    if (reader.Feed(body.substr(at, step)) != sandbox::FormDataReader::Verdict::kFine) return;
  }
  const auto policy = sandbox::FindField(reader.fields(), "policy");
  if (!policy) return;
  (void)sandbox::JudgePostPolicy(*policy, reader.fields(), "sluice-demo", 10, true, kNow);
  if (const auto plain = crypto::Base64Decode(*policy))
    (void)sandbox::JudgePostPolicy(*plain, reader.fields(), "sluice-demo", 10, false, kNow);
}

void FuzzKeys(std::string_view input) {
  const auto judge = [](const absl::Status& status, const aliyun::Credentials* key) {
    if (!status.ok())
      Require(Reason(status).starts_with("CREDENTIALS_") || Reason(status).starts_with("STS_"),
              "a refused key has a reason");
    if (key != nullptr)
      Require(aliyun::IsCredentialWord(key->access_key_id) &&
                  aliyun::IsCredentialWord(key->access_key_secret.Reveal()),
              "a key is of words");
  };
  for (const auto& profile :
       {aliyun::ParseCredentialsIni(input, "default"), aliyun::ParseCliConfig(input, "")}) {
    judge(profile.status(), profile.ok() ? std::get_if<aliyun::Credentials>(&*profile) : nullptr);
    if (profile.ok() && std::holds_alternative<aliyun::RoleProfile>(*profile))
      judge(absl::OkStatus(), &std::get<aliyun::RoleProfile>(*profile).key);
  }
  const http::Response answer{200, {}, std::string(input)};
  for (const auto& key :
       {aliyun::ReadCredentialAnswer(answer, kNow, "it"), aliyun::ReadSessionAnswer(answer, kNow)}) {
    judge(key.status(), key.ok() ? &*key : nullptr);
    if (key.ok()) Require(key->expiration > kNow, "a session is not over");
  }
}

void FuzzFrame(std::string_view input) {
  if (input.empty()) return;
  const size_t step = static_cast<unsigned char>(input.front()) + 1u;
  const std::string_view message = input.substr(1);
  std::vector<std::string_view> pieces;
  for (size_t at = 0; at < message.size(); at += step) pieces.push_back(message.substr(at, step));
  const auto frame = gateway::ReadFrame(pieces);
  upload::v1::UploadRequest parsed;
  const bool good = parsed.ParseFromArray(message.data(), static_cast<int>(message.size()));
  // What protobuf refuses is refused; ours refuses more, such as an id of a megabyte.
  if (!good) Require(!frame.ok(), "what is no UploadRequest is refused");
  if (!frame.ok())
    return Require(Reason(frame.status()) == "REQUEST_MALFORMED", "a refused message has its reason");
  if (frame->kind != gateway::IncomingFrame::Kind::kChunk) return;
  Require(parsed.has_chunk() && frame->offset == parsed.chunk().offset(), "the offset is protobuf's");
  std::string data;
  for (const std::string_view piece : frame->data) data += piece;
  Require(data == parsed.chunk().data(), "the payload is protobuf's");
  Require(data.empty() || message.substr(frame->data_at, data.size()) == data,
          "the payload is where it is said to be");
}

void FuzzUploadId(std::string_view input) {
  static const auto ring = crypto::SealingRing::Ephemeral();
  const identity::Caller caller{"app", "alice", {}, false, std::nullopt, false};
  const auto upload = gateway::OpenUpload(input, *ring, caller, kNow);
  Require(Reason(upload.status()) == "UPLOAD_NOT_FOUND", "a ring opens nothing that it did not seal");
}

void FuzzOss(std::string_view input) {
  const http::Response answer{200, {{"ETag", "\"x\""}}, std::string(input)};
  const auto refused = [](const absl::Status& status) {
    if (!status.ok()) Require(Reason(status).starts_with("OSS_"), "a refused answer has a reason");
  };
  const auto page = aliyun::ReadPartsPage(answer);
  refused(page.status());
  if (page.ok()) {
    for (const auto& part : page->parts)
      Require(part.number >= 1 && part.number <= 10'000 && !part.etag.empty(), "a part is one");
  }
  refused(aliyun::ReadCompleted(answer).status());
  refused(aliyun::ReadInitiated(answer).status());
  refused(aliyun::OssError({403, {}, std::string(input)}));
}

void FuzzTus(std::string_view input) {
  const auto line = [&input] {
    const std::string out(input.substr(0, input.find('\n')));
    input.remove_prefix(std::min(input.size(), out.size() + 1));
    return out;
  };
  const std::string metadata = line();
  const std::string checksum = line();
  const http::Headers headers = {
      {"Upload-Metadata", metadata}, {"Upload-Checksum", checksum}, {"Upload-Length", line()}};
  const auto sum = gateway::ReadChecksum(headers);
  if (sum.ok()) Require(!sum->has_value() || (**sum).digest.size() >= 16, "a sum has its length");
  const auto request = gateway::ReadCreation(headers);
  if (!request.ok()) return Require(!Reason(request.status()).empty(), "a refusal has a reason");
  Require(request->note() == metadata, "the note is what was sent");
  upload::v1::StartUploadRequest again;
  Require(again.ParseFromString(request->SerializeAsString()), "its fields are text");
  for (const auto& [name, value] : request->metadata())
    Require(
        !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos,
        "metadata of the object has names that OSS takes");
}

}  // namespace sluice::fuzz
