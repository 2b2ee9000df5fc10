// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/doctor_roles.h"

#include <algorithm>
#include <future>
#include <map>
#include <set>
#include <utility>

#include "boost/json.hpp"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/crypto/encoding.h"
#include "common/crypto/random.h"
#include "services/token_broker/access.h"
#include "services/token_broker/doctor_probe.h"
#include "services/token_broker/session_name.h"
#include "services/token_broker/session_policy.h"
#include "services/token_broker/ttl.h"

namespace sluice::broker {
namespace {

using token::v1::OPERATION_DELETE;
using token::v1::OPERATION_DOWNLOAD;
using token::v1::OPERATION_LIST;
using token::v1::OPERATION_RESUME;
using token::v1::OPERATION_TAG;
using token::v1::OPERATION_UPLOAD;

constexpr char kCanaryText[] = "written and removed by sluice doctor\n";
// Below the bucket and below no grant.
constexpr char kOutside[] = ".sluice-doctor-outside/";

std::string Text(const absl::Status& status) { return std::string(FromAbsl(status.message())); }

std::string Joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
  return out;
}

class Examination {
 public:
  Examination(const Patient& patient, Sts& sts, std::vector<Finding>& findings)
      : patient_(patient), settings_(patient.settings), sts_(sts), findings_(findings) {}

  void Run() {
    for (const Grant& grant : settings_.grants) {
      if (!trusts_.contains(grant.role_arn)) CheckRole(grant);
      if (trusts_[grant.role_arn]) CheckGrant(grant);
    }
  }

 private:
  void Add(Verdict verdict, std::string check, std::string about, std::string says, std::string mend = "") {
    findings_.push_back({verdict, std::move(check), std::move(about), std::move(says), std::move(mend)});
  }

  absl::StatusOr<aliyun::Credentials> Mint(const Grant& grant, const std::string& policy,
                                           std::chrono::seconds life = kShortestSession) {
    // Shared: the answering thread may still be inside set_value when this one goes on.
    auto promise = std::make_shared<std::promise<absl::StatusOr<aliyun::Credentials>>>();
    auto minted = promise->get_future();
    sts_.AssumeRole(
        {grant.role_arn, SessionName("sluice-doctor", NewGrantId()), policy, life},
        Deadline::After(patient_.patience), {},
        [promise](absl::StatusOr<aliyun::Credentials> key) { promise->set_value(std::move(key)); });
    return minted.get();
  }

  // A session for that place and those operations, and nothing else.
  absl::StatusOr<std::unique_ptr<DoctorProbe>> ProbeOf(const Grant& grant, const std::string& target,
                                                       const std::set<Operation>& operations) {
    const bool tls_only = grant.tls_only && grant.endpoint.starts_with("https://");
    ASSIGN_OR_RETURN(const std::string policy,
                     CompileSessionPolicy({grant.bucket, target, false, operations, {}, tls_only}));
    ASSIGN_OR_RETURN(auto session, Mint(grant, policy));
    return std::make_unique<DoctorProbe>(patient_.client, grant, std::move(session), patient_.clock,
                                         patient_.patience);
  }

  static std::string Canary(const Grant& grant) {
    return grant.prefix.LiteralStart() + ".sluice-doctor/" + crypto::HexLower(crypto::RandomBytes(8)) + "/";
  }

  void CheckRole(const Grant& grant) {
    const auto policy =
        CompileSessionPolicy({grant.bucket, Canary(grant), false, {OPERATION_UPLOAD}, {}, false});
    auto session = policy.ok() ? Mint(grant, *policy) : policy.status();
    trusts_[grant.role_arn] = session.ok();
    if (!session.ok())
      return Add(Verdict::kBad, "trust", grant.role_arn,
                 Reason(session.status()) + ": " + Text(session.status()));
    Add(Verdict::kGood, "trust", grant.role_arn, "this key may assume it");
    std::chrono::seconds longest{0};
    for (const Grant& other : settings_.grants) {
      if (other.role_arn == grant.role_arn) longest = std::max(longest, other.max_ttl);
    }
    const std::string life = std::to_string(longest.count()) + " s";
    if (const auto whole = Mint(grant, *policy, longest); !whole.ok())
      return Add(Verdict::kBad, "life", grant.role_arn, "no session of " + life + ": " + Text(whole.status()),
                 "raise the role's maximum session, or lower ttl.max of its grants");
    Add(Verdict::kGood, "life", grant.role_arn, "gives sessions of " + life + ", the longest of its grants");
  }

  // What one grant was found to have.
  struct Rights {
    std::vector<std::string> given;
    // Operation and the action that lacks.
    std::vector<std::string> denied;
    absl::Status unclear;

    bool Gives(Operation operation) const {
      return std::find(given.begin(), given.end(), OperationName(operation)) != given.end();
    }
    void Take(Operation operation, const char* action, const RightAnswer& answer) {
      if (answer.right == Right::kDenied) denied.push_back(OperationName(operation) + " (" + action + ")");
      if (answer.right == Right::kUnclear && unclear.ok()) unclear = answer.why;
      const std::string name = OperationName(operation);
      if (answer.right == Right::kGiven && (given.empty() || given.back() != name)) given.push_back(name);
    }
  };

  void CheckGrant(const Grant& grant) {
    const std::string canary = Canary(grant);
    const std::string key = canary + "canary";
    auto probe = ProbeOf(grant, canary, grant.operations);
    if (!probe.ok())
      return Add(Verdict::kBad, "ceiling", grant.name,
                 "no session of it: " + Reason(probe.status()) + ": " + Text(probe.status()));
    const auto has = [&](Operation operation) { return grant.operations.contains(operation); };
    Rights rights;
    if (has(OPERATION_UPLOAD))
      rights.Take(OPERATION_UPLOAD, "oss:PutObject", ReadRight((*probe)->PutNothing(key)));
    // What cannot be reached is not asked six times more.
    if (rights.unclear.ok() && has(OPERATION_LIST))
      rights.Take(OPERATION_LIST, "oss:ListObjects", ReadRight((*probe)->List(canary)));
    if (rights.unclear.ok() && has(OPERATION_RESUME)) {
      rights.Take(OPERATION_RESUME, "oss:ListParts", ReadRight((*probe)->ListParts(key)));
      rights.Take(OPERATION_RESUME, "oss:AbortMultipartUpload", ReadRight((*probe)->AbortUpload(key)));
    }
    if (rights.unclear.ok() && has(OPERATION_TAG))
      rights.Take(OPERATION_TAG, "oss:PutObjectTagging", ReadRight((*probe)->PutTags(key)));
    if (rights.unclear.ok() && has(OPERATION_DELETE))
      rights.Take(OPERATION_DELETE, "oss:DeleteObject", ReadRight((*probe)->Delete(key)));
    // A DOWNLOAD is best judged by an object that is there.
    const bool asked =
        rights.unclear.ok() && rights.Gives(OPERATION_UPLOAD) && CheckCanary(grant, **probe, canary, rights);
    if (rights.unclear.ok() && has(OPERATION_DOWNLOAD) && !asked)
      rights.Take(OPERATION_DOWNLOAD, "oss:GetObject", ReadRight((*probe)->Get(key)));
    AddCeiling(grant, rights);
    if (rights.unclear.ok() && widths_.insert({grant.role_arn, grant.bucket}).second)
      CheckWidth(grant, canary);
  }

  void AddCeiling(const Grant& grant, const Rights& rights) {
    if (!rights.unclear.ok())
      return Add(Verdict::kBad, "ceiling", grant.name,
                 "cannot be judged: " + Reason(rights.unclear) + ": " + Text(rights.unclear),
                 "check bucket, region and endpoint of the grant, and the way there");
    const std::string where = " below " + grant.bucket + "/" + grant.prefix.LiteralStart();
    if (!rights.denied.empty())
      return Add(Verdict::kBad, "ceiling", grant.name,
                 "its role does not give " + Joined(rights.denied) + where,
                 "allow that in the policy of " + grant.role_arn + ", or take it from the grant");
    Add(Verdict::kGood, "ceiling", grant.name, "its role gives " + Joined(rights.given) + where);
  }

  // Puts, gets, deletes. Whether that told what DOWNLOAD may.
  bool CheckCanary(const Grant& grant, DoctorProbe& probe, const std::string& canary, Rights& rights) {
    const std::string key = canary + "canary";
    std::unique_ptr<DoctorProbe> own_cleaner;
    DoctorProbe* cleaner = &probe;
    if (!grant.operations.contains(OPERATION_DELETE)) {
      auto made = ProbeOf(grant, canary, {OPERATION_DELETE});
      if (made.ok()) own_cleaner = *std::move(made);
      cleaner = own_cleaner.get();
    }
    if (cleaner == nullptr || ReadRight(cleaner->Delete(key)).right != Right::kGiven) {
      Add(Verdict::kSkipped, "canary", grant.name, "the role may not delete, so nothing was written");
      return false;
    }
    const RightAnswer put = ReadRight(probe.Put(key, kCanaryText));
    bool asked = false;
    RightAnswer got{Right::kGiven, absl::OkStatus()};
    if (put.right == Right::kGiven && grant.operations.contains(OPERATION_DOWNLOAD)) {
      const auto answer = probe.Get(key);
      got = ReadRight(answer);
      asked = got.right != Right::kUnclear;
      if (asked) rights.Take(OPERATION_DOWNLOAD, "oss:GetObject", got);
      if (got.right == Right::kGiven && (answer->status != 200 || answer->body != kCanaryText))
        got = {Right::kUnclear, absl::DataLossError("what came back is not what was put")};
    }
    CheckSymlink(grant, probe, *cleaner, canary);
    // Also when the put seemed to fail: its answer may have been lost.
    const RightAnswer deleted = ReadRight(cleaner->Delete(key));
    if (deleted.right != Right::kGiven) {
      Add(Verdict::kBad, "canary", grant.name, "it could not be deleted again: " + Text(deleted.why),
          "delete " + grant.bucket + "/" + key);
    } else if (put.right != Right::kGiven) {
      Add(Verdict::kBad, "canary", grant.name, "an object could not be put: " + Text(put.why));
    } else if (got.right != Right::kGiven) {
      Add(Verdict::kBad, "canary", grant.name, "an object was put and could not be got: " + Text(got.why));
    } else {
      Add(Verdict::kGood, "canary", grant.name,
          std::string(asked ? "put, got and deleted " : "put and deleted ") + grant.bucket + "/" + key);
    }
    return asked;
  }

  void CheckSymlink(const Grant& grant, DoctorProbe& probe, DoctorProbe& cleaner, const std::string& canary) {
    if (!links_.insert({grant.role_arn, grant.bucket}).second) return;
    const std::string key = canary + "link";
    const std::string about = grant.role_arn + " on " + grant.bucket;
    const RightAnswer answer = ReadRight(probe.PutSymlink(key, canary + "canary"));
    const RightAnswer deleted = ReadRight(cleaner.Delete(key));
    if (answer.right == Right::kGiven) {
      Add(Verdict::kWarning, "symlink", about, "who may upload may also place symbolic links",
          "no policy can deny it; whoever reads callers' objects with wider rights must not follow links");
    } else if (answer.right == Right::kDenied) {
      Add(Verdict::kGood, "symlink", about, "symbolic links are denied");
    } else {
      Add(Verdict::kSkipped, "symlink", about, "cannot be told: " + Text(answer.why));
    }
    if (deleted.right != Right::kGiven)
      Add(Verdict::kBad, "symlink", about, "the link could not be deleted again: " + Text(deleted.why),
          "delete " + grant.bucket + "/" + key);
  }

  // What the role gives beyond the grants.
  void CheckWidth(const Grant& grant, const std::string& canary) {
    const std::string about = grant.role_arn + " on " + grant.bucket;
    auto upload = ProbeOf(grant, canary, {OPERATION_UPLOAD});
    const RightAnswer acl = upload.ok() ? ReadRight((*upload)->PutNothing(canary + "public", "public-read"))
                                        : RightAnswer{Right::kUnclear, upload.status()};
    if (acl.right == Right::kGiven) {
      Add(Verdict::kWarning, "public-acl", about, "who may upload may also make the object public",
          "deny oss:PutObject where oss:x-oss-object-acl is public-read or public-read-write");
    } else if (acl.right == Right::kDenied) {
      Add(Verdict::kGood, "public-acl", about, "public objects are denied");
    } else {
      Add(Verdict::kSkipped, "public-acl", about, "cannot be told: " + Text(acl.why));
    }

    const std::string outside = kOutside + crypto::HexLower(crypto::RandomBytes(8)) + "/";
    namespace json = boost::json;
    const std::string bucket = "acs:oss:*:*:" + grant.bucket;
    const std::string policy = json::serialize(json::object{
        {"Version", "1"},
        {"Statement",
         json::array{
             json::object{{"Effect", "Allow"},
                          {"Action", json::array{"oss:PutObject", "oss:GetObject", "oss:DeleteObject"}},
                          {"Resource", bucket + "/" + outside + "*"}},
             json::object{{"Effect", "Allow"}, {"Action", "oss:ListObjects"}, {"Resource", bucket}}}}});
    auto session = Mint(grant, policy);
    if (!session.ok())
      return Add(Verdict::kSkipped, "reach", about, "cannot be told: " + Text(session.status()));
    DoctorProbe probe(patient_.client, grant, *std::move(session), patient_.clock, patient_.patience);
    std::vector<std::string> given;
    absl::Status unclear;
    const auto take = [&](const char* what, const RightAnswer& answer) {
      if (answer.right == Right::kGiven) given.emplace_back(what);
      if (answer.right == Right::kUnclear) unclear = answer.why;
    };
    take("putting objects anywhere", ReadRight(probe.PutNothing(outside + "object")));
    take("getting objects anywhere", ReadRight(probe.Get(outside + "object")));
    take("deleting objects anywhere", ReadRight(probe.Delete(outside + "object")));
    take("listing the whole bucket", ReadRight(probe.List("")));
    if (!given.empty()) {
      Add(Verdict::kWarning, "reach", about, "the role also gives " + Joined(given),
          "narrow its policy to the prefixes of the grants: sessions are narrow, but it is the last fence");
    } else if (!unclear.ok()) {
      Add(Verdict::kSkipped, "reach", about, "cannot be told: " + Text(unclear));
    } else {
      Add(Verdict::kGood, "reach", about, "the role ends at prefixes");
    }
  }

  const Patient& patient_;
  const Settings& settings_;
  Sts& sts_;
  std::vector<Finding>& findings_;
  // By role.
  std::map<std::string, bool> trusts_;
  // Roles and buckets that were looked at.
  std::set<std::pair<std::string, std::string>> widths_;
  std::set<std::pair<std::string, std::string>> links_;
};

}  // namespace

void ExamineRoles(const Patient& patient, Sts& sts, std::vector<Finding>& findings) {
  Examination(patient, sts, findings).Run();
}

}  // namespace sluice::broker
