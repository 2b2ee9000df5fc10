// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/post_object.h"

#include <algorithm>
#include <array>

#include "common/base/iso_time.h"
#include "common/base/text.h"
#include "common/crypto/encoding.h"
#include "common/crypto/hmac.h"
#include "services/sandbox/form_data.h"
#include "services/sandbox/oss_access.h"
#include "services/sandbox/oss_xml.h"
#include "services/sandbox/post_policy.h"

namespace sluice::sandbox {
namespace {

using Signer = std::shared_ptr<const Principal>;

Fault Argument(std::string message, std::string ec, std::string hint) {
  return {400, "InvalidArgument", std::move(message), std::move(ec), std::move(hint), {}};
}
Fault BadSignature(std::string ec) {
  return {403,
          "SignatureDoesNotMatch",
          "The request signature we calculated does not match the signature you provided.",
          std::move(ec),
          "the form's signature is not over this policy with this key",
          {}};
}

OrFault<Signer> JudgeV4(const FormFields& fields, const std::string& policy, const OssCall& call,
                        const World& world, Time now) {
  const auto field = [&](const char* name) { return FindField(fields, name).value_or(""); };
  if (field("x-oss-signature-version") != "OSS4-HMAC-SHA256")
    return Argument("Invalid signature version.", "0002-00000705",
                    "x-oss-signature-version is OSS4-HMAC-SHA256");
  const auto credential = Split(field("x-oss-credential"), '/');
  const std::string timestamp = field("x-oss-date");
  const auto sent = ParseIsoBasic(timestamp);
  if (credential.size() != 5 || credential[0].empty() || credential[4] != "aliyun_v4_request")
    return Argument("Invalid x-oss-credential.", "0002-00000708",
                    "it is KEY/DATE/REGION/oss/aliyun_v4_request");
  if (!sent || timestamp.substr(0, 8) != credential[1])
    return Argument("Invalid x-oss-date.", sent ? "0002-00000709" : "0002-00000710",
                    "x-oss-date looks like 20260102T030405Z and is of the credential's day");
  if (credential[2] != call.region || credential[3] != "oss")
    return Argument("Invalid signing region in x-oss-credential.", "0002-00000226",
                    "the bucket is in " + call.region);
  if (*sent > now + std::chrono::minutes(15) || now > *sent + std::chrono::hours(24 * 7))
    return Fault{
        403, "AccessDenied", "Request has expired.", "", "x-oss-date is in the future or over 7 days old",
        {}};
  auto signer = CheckOssKey(world, credential[0], field("x-oss-security-token"), now);
  if (std::holds_alternative<Fault>(signer)) return signer;
  std::string key =
      crypto::HmacSha256("aliyun_v4" + std::get<Signer>(signer)->secret.Reveal(), credential[1]);
  for (size_t i = 2; i < 5; ++i) key = crypto::HmacSha256(key, credential[i]);
  if (!EqualsConstantTime(crypto::HexLower(crypto::HmacSha256(key, policy)), field("x-oss-signature")))
    return BadSignature("0002-00000201");
  return signer;
}

OrFault<Signer> JudgeV1(const FormFields& fields, const std::string& policy, const World& world, Time now) {
  const auto field = [&](const char* name) { return FindField(fields, name).value_or(""); };
  for (const char* name : {"OSSAccessKeyId", "Signature", "policy"}) {
    if (field(name).empty())
      return Argument(std::string("The bucket POST must contain the specified '") + name + "'.",
                      FindField(fields, name) ? "0002-00000704" : "0002-00000703",
                      "the field is missing or blank");
  }
  auto signer = CheckOssKey(world, field("OSSAccessKeyId"), field("x-oss-security-token"), now);
  if (std::holds_alternative<Fault>(signer)) return signer;
  const std::string right =
      crypto::Base64Encode(crypto::HmacSha1(std::get<Signer>(signer)->secret.Reveal(), policy));
  if (!EqualsConstantTime(right, field("Signature"))) return BadSignature("0002-00000040");
  return signer;
}

// OSS puts the name the file had on the client's machine in place of this.
std::string WithFileName(std::string key, std::string file_name) {
  constexpr std::string_view kPlace = "${filename}";
  const size_t slash = file_name.find_last_of("/\\");
  if (slash != std::string::npos) file_name = file_name.substr(slash + 1);
  if (const size_t at = key.find(kPlace); at != std::string::npos) key.replace(at, kPlace.size(), file_name);
  return key;
}

// The request that would have put the same object, for the judgement and the operation that it shares.
OssCall AsPut(const OssCall& call, const FormFields& fields, const FormDataReader& form, std::string key) {
  OssCall out = call;
  out.key = std::move(key);
  out.head.method = "PUT";
  out.head.headers.clear();
  const auto type = FindField(fields, "x-oss-content-type");
  const auto second = FindField(fields, "Content-Type");
  const std::string content_type = type ? *type : second ? *second : form.file_type();
  if (!content_type.empty()) out.head.headers.emplace_back("Content-Type", content_type);
  constexpr std::array kKept = {"Cache-Control", "Content-Disposition", "Content-Encoding",
                                "Expires",       "x-oss-object-acl",    "x-oss-forbid-overwrite"};
  for (const auto& [name, value] : fields) {
    const bool meta = name.size() > 11 && http::SameName(std::string_view(name).substr(0, 11), "x-oss-meta-");
    const bool kept = meta || std::any_of(kKept.begin(), kKept.end(), [&, field = name](const char* one) {
                        return http::SameName(field, one);
                      });
    if (kept) out.head.headers.emplace_back(name, value);
  }
  return out;
}

// A value with a line break would write headers of its own where it is answered.
bool IsOneLine(const std::string& text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
}

}  // namespace

bool IsPostObject(const OssCall& call) {
  return call.head.method == "POST" && call.key.empty() && !call.bucket.empty() && call.target.query.empty();
}

struct PostObject::Form {
  Form(OssCall with, const World& in, ObjectShelf& onto)
      : call(std::move(with)),
        boundary(FormDataReader::BoundaryOf(http::FindHeader(call.head.headers, "Content-Type"))),
        reader(boundary),
        world(in),
        shelf(onto) {}

  OssCall call;
  const std::string boundary;
  FormDataReader reader;
  FormDataReader::Verdict verdict = FormDataReader::Verdict::kFine;
  const World& world;
  ObjectShelf& shelf;
};

PostObject::PostObject(OssCall call, const World& world, ObjectShelf& shelf)
    : form_(std::make_unique<Form>(std::move(call), world, shelf)) {}
PostObject::~PostObject() = default;

bool PostObject::Feed(std::string_view piece) {
  if (form_->boundary.empty()) return false;
  form_->verdict = form_->reader.Feed(piece);
  return form_->verdict == FormDataReader::Verdict::kFine;
}

Outcome PostObject::Finish(Time now) {
  if (form_->boundary.empty())
    return Fault{
        400, "RequestIsNotMultiPartContent", "Bucket POST must be of the enclosure-type multipart/form-data",
        "",  "a POST on a bucket is a form", {}};
  if (form_->verdict == FormDataReader::Verdict::kTooLong)
    return Fault{400,
                 "FieldItemTooLong",
                 "Your input form field is too long.",
                 "",
                 "a name is to 8 KB, a value to 2 MB",
                 {}};
  FormDataReader& reader = form_->reader;
  if (form_->verdict != FormDataReader::Verdict::kFine || !reader.ended())
    return Fault{400,
                 "MalformedPOSTRequest",
                 "The body of your POST request is not well-formed multipart/form-data",
                 "",
                 "the form breaks off or is not shaped as RFC 7578 has it",
                 {}};
  const FormFields& fields = reader.fields();
  if (!reader.has_file())
    return Fault{
        400, "IncorrectNumberOfFilesInPOSTRequest", "POST requires exactly one file upload per request.",
        "",  "the field `file` is missing",         {}};
  const auto key = FindField(fields, "key");
  if (!key)
    return Argument("The bucket POST must contain the specified 'key'.", "",
                    "the field `key` stands before `file`");
  for (const auto& [name, value] : fields) {
    if (!IsOneLine(name) || (name != "callback" && !IsOneLine(value)))
      return Argument("A field of the form holds a line break.", "", "field " + name.substr(0, 64));
  }
  if (FindField(fields, "x-oss-tagging") || FindField(fields, "callback") ||
      FindField(fields, "success_action_redirect"))
    return Fault{400,
                 "NotImplemented",
                 "A field you provided implies functionality that is not implemented.",
                 "",
                 "this sandbox imitates no tagging, callback or redirect of forms",
                 {}};
  const std::string policy = FindField(fields, "policy").value_or("");
  const bool v4 = FindField(fields, "x-oss-signature-version").has_value();
  auto signer = v4 ? JudgeV4(fields, policy, form_->call, form_->world, now)
                   : JudgeV1(fields, policy, form_->world, now);
  if (auto* fault = std::get_if<Fault>(&signer)) return *fault;
  const auto document = crypto::Base64Decode(policy);
  if (!document)
    return Fault{400, "InvalidPolicyDocument",        "Invalid Policy: not base64.",
                 "",  "the policy is JSON in base64", {}};
  const ContentPtr file = reader.TakeFile();
  FormFields judged = fields;
  const std::string object = WithFileName(*key, reader.file_name());
  for (auto& [name, value] : judged) {
    if (http::SameName(name, "key")) value = object;
  }
  if (auto fault = JudgePostPolicy(*document, judged, form_->call.bucket, file->size, v4, now)) return *fault;
  OssContext context{AsPut(form_->call, fields, reader, object), form_->shelf, now};
  if (auto fault = CheckObjectName(context.call.key)) return *fault;
  if (auto fault = CheckPolicies(context.call, std::get<0>(signer).get(), "oss:PutObject")) return *fault;
  Outcome stored = PutObject(context, file);
  if (std::holds_alternative<Fault>(stored)) return stored;
  auto& answer = std::get<http::Answer>(stored);
  const std::string status = FindField(fields, "success_action_status").value_or("204");
  answer.status = status == "200" ? 200 : status == "201" ? 201 : 204;
  if (answer.status == 201) {
    const std::string etag(http::FindHeader(answer.headers, "ETag"));
    answer.headers.emplace_back("Content-Type", "application/xml");
    answer.body =
        XmlWriter("PostResponse")
            .Text("Bucket", context.call.bucket)
            .Text("ETag", etag)
            .Text("Key", object)
            .Text("Location", "http://" + std::string(http::FindHeader(form_->call.head.headers, "Host")) +
                                  "/" + crypto::PercentEncode(object, true))
            .Finish();
  }
  return stored;
}

}  // namespace sluice::sandbox
