// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/isolation_proof.h"

#include <algorithm>
#include <set>
#include <thread>

#include "clients/cli/broker_clock.h"
#include "common/aliyun/oss_address.h"
#include "common/aliyun/oss_signer.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/crypto/encoding.h"
#include "common/http/form_post.h"
#include "common/http/wait.h"

namespace sluice::cli {
namespace {

using namespace token::v1;  // NOLINT(google-build-using-namespace): every other word here is one of its
                            // messages
using aliyun::Pairs;

Deadline Soon() { return Deadline::After(std::chrono::seconds(20)); }

struct Answered {
  int status = 0;
  std::string body;
  http::Headers headers;
};

// One call of OSS, before a key is chosen.
struct OssCall {
  const char* name;
  const char* method;
  Pairs query;
  std::string body;
  bool on_bucket = false;
};

// What one caller has, and where.
struct Party {
  std::string prefix;
  Scope scope;
  aliyun::Credentials credentials;
};

class Prover {
 public:
  Prover(client::TokenClient& attacker, client::TokenClient& victim, http::Client& http,
         const IsolationOptions& options)
      : attacker_(attacker), victim_(victim), http_(http), options_(options) {}

  absl::StatusOr<IsolationResult> Run() {
    RETURN_IF_ERROR(Prepare());
    AskForOthers(attacker_, "");
    TryTokens(attacker_, "");
    TryUrls();
    TryForms();
    RETURN_IF_ERROR(TryTickets());
    CheckVictim();
    return std::move(out_);
  }

 private:
  void Say(const std::string& line) const {
    if (options_.progress) options_.progress(line);
  }
  void Except(const std::string& what) { out_.exceptions.push_back(what); }

  Answered Send(const std::string& method, const std::string& url, const Pairs& headers,
                const std::string& body) {
    auto response = http::SendAndWait(http_, {method, url, headers, body, nullptr, nullptr}, Soon());
    if (!response.ok()) return {};
    return {response->status, std::move(response->body), std::move(response->headers)};
  }

  Answered Call(const Party& by, const OssCall& call, const std::string& key) {
    const aliyun::OssRequest request{
        call.method, by.scope.bucket(), call.on_bucket ? "" : key, call.query, {}, {}};
    aliyun::OssSigner signer(by.scope.region());
    const Pairs headers = signer.SignHeaders(request, by.credentials, clock_->Now());
    const std::string base = aliyun::OssBucketUrl(by.scope.endpoint(), by.scope.bucket());
    return Send(call.method, aliyun::OssObjectUrl(base, request.key, call.query), headers, call.body);
  }

  // An attempt that must be refused as such: an answer that says whether something exists is one already.
  void MustFail(const std::string& what, const Answered& answered) {
    ++out_.attempts;
    if (answered.status != 403 && answered.status != 400)
      Except(what + " was answered with " + std::to_string(answered.status));
  }
  void MustWork(const std::string& what, const Answered& answered) {
    ++out_.controls;
    if (answered.status < 200 || answered.status > 299)
      Except("control: " + what + " was answered with " + std::to_string(answered.status));
  }

  // Waits as it is told where the broker says that it is asked too often.
  template <typename Request>
  static auto AskPatiently(client::TokenClient& by, const Request& request) {
    for (int patience = 200;; --patience) {
      auto answer = by.Ask(request, Soon());
      const auto wait = RetryDelay(answer.status());
      if (answer.status().code() != absl::StatusCode::kResourceExhausted || !wait || patience == 0)
        return answer;
      std::this_thread::sleep_for(*wait);
    }
  }

  absl::StatusOr<Party> PartyOf(client::TokenClient& by, const IssueTokenRequest& request) {
    ASSIGN_OR_RETURN(const IssueTokenResponse token, AskPatiently(by, request));
    if (clock_ == nullptr) clock_ = std::make_unique<BrokerClock>(token.server_time());
    const auto& credentials = token.credentials();
    return Party{token.scope().has_key() ? token.scope().key() : token.scope().prefix(),
                 token.scope(),
                 {credentials.access_key_id(), SecretString(credentials.access_key_secret()),
                  SecretString(credentials.security_token()), std::nullopt}};
  }

  // Both callers' whole rights, and something of the victim's to reach for.
  absl::Status Prepare() {
    IssueTokenRequest all;
    all.set_grant(options_.grant);
    ASSIGN_OR_RETURN(own_, PartyOf(attacker_, all));
    ASSIGN_OR_RETURN(other_, PartyOf(victim_, all));
    if (own_.prefix == other_.prefix)
      return Fail(absl::StatusCode::kInvalidArgument, "USAGE",
                  "both callers have the same prefix " + own_.prefix);
    for (int operation : own_.scope.operations()) operations_.insert(operation);
    if (!operations_.contains(OPERATION_UPLOAD) || !operations_.contains(OPERATION_DOWNLOAD))
      return Fail(absl::StatusCode::kInvalidArgument, "USAGE",
                  "the grant must give UPLOAD and DOWNLOAD, so that there is something to reach for");
    for (const char* name : {"secret.txt", "a/b.jpg"})
      MustWork("the victim's PUT", Call(other_, {"PUT", "PUT", {}, kVictimText}, other_.prefix + name));
    const Answered begun = Call(other_, {"initiate", "POST", {{"uploads", ""}}, ""}, other_.prefix + "open");
    const size_t from = begun.body.find("<UploadId>");
    if (from != std::string::npos) {
      upload_id_ = begun.body.substr(from + 10, begun.body.find("</UploadId>") - from - 10);
      MustWork("the victim's part",
               Call(other_, {"part", "PUT", {{"partNumber", "1"}, {"uploadId", upload_id_}}, "x"},
                    other_.prefix + "open"));
    }
    const std::string folder = other_.prefix.substr(0, other_.prefix.size() - 1);
    const std::string name = folder.substr(folder.rfind('/') + 1);
    // Keys of the victim's, and spellings that a careless comparison would take for the attacker's own.
    targets_ = {other_.prefix + "secret.txt",
                other_.prefix + "a/b.jpg",
                other_.prefix + "open",
                other_.prefix + "new.txt",
                folder,
                own_.prefix.substr(0, own_.prefix.size() - 1),
                own_.prefix.substr(0, own_.prefix.size() - 1) + "x/secret.txt",
                own_.prefix.substr(0, own_.prefix.size() - 2) + "/secret.txt",
                own_.prefix.substr(0, own_.prefix.rfind('/', own_.prefix.size() - 2) + 1) + "secret.txt",
                "secret.txt"};
    // Text to a right judge, steps to a careless one: refused by nobody, and outside by nobody's rule but
    // these below the attacker's own prefix, so only the broker is asked for them.
    spellings_ = {"../" + name + "/secret.txt",
                  "..%2f" + name + "%2fsecret.txt",
                  "%2e%2e/" + name + "/secret.txt",
                  "/" + other_.prefix + "a",
                  "//" + name,
                  "./../" + name,
                  "a/../../" + name + "/a",
                  "..\\" + name,
                  "*",
                  "?",
                  "a*",
                  "${x}",
                  "..",
                  ".",
                  std::string("a\0b", 3),
                  "a\nb"};
    calls_ = {{"PUT", "PUT", {}, "owned"},
              {"GET", "GET", {}, ""},
              {"HEAD", "HEAD", {}, ""},
              {"PutTagging", "PUT", {{"tagging", ""}}, kTagging},
              {"GetTagging", "GET", {{"tagging", ""}}, ""},
              {"DeleteTagging", "DELETE", {{"tagging", ""}}, ""},
              {"Initiate", "POST", {{"uploads", ""}}, ""},
              {"UploadPart", "PUT", {{"partNumber", "1"}, {"uploadId", upload_id_}}, "owned"},
              {"ListParts", "GET", {{"uploadId", upload_id_}}, ""},
              {"Complete", "POST", {{"uploadId", upload_id_}}, "<CompleteMultipartUpload/>"},
              {"Abort", "DELETE", {{"uploadId", upload_id_}}, ""},
              {"Process", "GET", {{"x-oss-process", "image/resize,w_1"}}, ""},
              {"DELETE", "DELETE", {}, ""}};
    Say("prepared: " + own_.prefix + " against " + other_.prefix);
    return absl::OkStatus();
  }

  // Every set of operations worth telling apart: each alone, and all.
  std::vector<std::vector<int>> OperationSets() const {
    std::vector<std::vector<int>> out = {{operations_.begin(), operations_.end()}};
    for (int operation : operations_) out.push_back({operation});
    return out;
  }

  void TryTokens(client::TokenClient& by, const std::string& how) {
    for (const char* path : {"", "a/", "a/b.jpg"}) {
      for (const auto& set : OperationSets()) {
        IssueTokenRequest request;
        request.set_grant(options_.grant);
        request.set_path(path);
        const bool object = std::string_view(path).ends_with("jpg");
        std::string label = how + "token for \"" + path + "\" with";
        for (int operation : set) {
          if (object && operation == OPERATION_LIST) continue;
          request.add_operations(static_cast<Operation>(operation));
          label += " " + std::to_string(operation);
        }
        if (request.operations().empty()) continue;
        const auto party = PartyOf(by, request);
        if (!party.ok()) {
          Except("control: " + label + ": " + std::string(party.status().message()));
          continue;
        }
        TryToken(*party, label);
      }
    }
    Say(how + "tokens: " + std::to_string(out_.attempts) + " attempts so far");
  }

  void TryToken(const Party& party, const std::string& label) {
    for (const std::string& target : targets_) {
      for (const OssCall& call : calls_) {
        if (upload_id_.empty() && !call.query.empty() && call.query.back().first == "uploadId") continue;
        MustFail(label + ": " + call.name + " on " + target, Call(party, call, target));
      }
    }
    for (const std::string& listed :
         {other_.prefix, other_.prefix.substr(0, other_.prefix.size() - 1), std::string("uploads/"),
          std::string(), own_.prefix.substr(0, own_.prefix.size() - 1)})
      MustFail(label + ": listing " + listed,
               Call(party, {"List", "GET", {{"list-type", "2"}, {"prefix", listed}}, "", true}, ""));
    MustFail(label + ": listing all", Call(party, {"List", "GET", {{"list-type", "2"}}, "", true}, ""));
    const std::string own = party.scope.has_key() ? party.scope.key() : party.scope.prefix() + "mine";
    const auto& operations = party.scope.operations();
    const auto may = [&](Operation operation) {
      return std::find(operations.begin(), operations.end(), operation) != operations.end();
    };
    if (may(OPERATION_UPLOAD))
      MustWork(label + ": PUT on " + own, Call(party, {"PUT", "PUT", {}, "mine"}, own));
    if (may(OPERATION_DOWNLOAD))
      MustWork(label + ": GET on " + own, Call(party, {"GET", "GET", {}, ""}, own));
    if (may(OPERATION_TAG))
      MustWork(label + ": tagging " + own,
               Call(party, {"PutTagging", "PUT", {{"tagging", ""}}, kTagging}, own));
    if (may(OPERATION_LIST)) {
      const Pairs query{{"list-type", "2"}, {"prefix", party.scope.prefix()}};
      MustWork(label + ": listing " + party.scope.prefix(),
               Call(party, {"List", "GET", query, "", true}, ""));
    }
  }

  // Whatever is asked for, the broker refuses it or answers with something below the asker's own prefix.
  template <typename Request>
  void AskWith(client::TokenClient& by, Request request, const std::string& label) {
    ++out_.attempts;
    const auto answer = AskPatiently(by, request);
    if (!answer.ok()) return;
    const Scope& scope = answer->scope();
    const std::string& reached = scope.has_key() ? scope.key() : scope.prefix();
    if (!reached.starts_with(own_.prefix)) Except(label + " reaches " + reached);
  }

  void AskForOthers(client::TokenClient& by, const std::string& how) {
    std::vector<std::string> paths = spellings_;
    paths.insert(paths.end(), targets_.begin(), targets_.end());
    paths.push_back(other_.prefix);
    for (const std::string& path : paths) {
      const std::string label = how + "asking the broker for \"" + path + "\"";
      IssueTokenRequest token;
      token.set_grant(options_.grant);
      token.set_path(path);
      AskWith(by, token, label);
      IssueTicketRequest ticket;
      ticket.set_grant(options_.grant);
      ticket.set_path(path);
      AskWith(by, ticket, label);
      SignPostFormRequest form;
      form.set_grant(options_.grant);
      form.set_path(path);
      AskWith(by, form, label);
      for (int method = UrlMethod_MIN + 1; method <= UrlMethod_MAX; ++method)
        AskWith(by, UrlRequest(static_cast<UrlMethod>(method), path), label);
    }
    IssueTicketRequest named;
    named.set_grant(options_.grant);
    const std::string folder = other_.prefix.substr(0, other_.prefix.size() - 1);
    named.set_subject(folder.substr(folder.rfind('/') + 1));
    AskWith(by, named, how + "a ticket in the victim's name");
    Say(how + "asked the broker: " + std::to_string(out_.attempts) + " attempts so far");
  }

  SignUrlRequest UrlRequest(UrlMethod method, const std::string& path) const {
    SignUrlRequest out;
    out.set_grant(options_.grant);
    out.set_path(path);
    out.set_method(method);
    const bool of_upload = method >= URL_METHOD_UPLOAD_PART;
    if (of_upload) out.set_upload_id(upload_id_.empty() ? "none" : upload_id_);
    if (method == URL_METHOD_UPLOAD_PART) out.add_part_numbers(1);
    return out;
  }

  // A right URL of the attacker's, used for every key of the victim's and by every verb.
  void TryUrls() {
    const std::string mine = "mine";
    for (int number = UrlMethod_MIN + 1; number <= UrlMethod_MAX; ++number) {
      const auto method = static_cast<UrlMethod>(number);
      const std::string label = "URL of " + UrlMethod_Name(method);
      const auto answer = AskPatiently(attacker_, UrlRequest(method, mine));
      if (!answer.ok()) {
        // An operation that the grant does not give.
        if (Reason(answer.status()) != "SCOPE_NOT_GRANTED") Except("control: " + label);
        continue;
      }
      const SignedUrl& signed_url = answer->urls(0);
      const Pairs headers(signed_url.headers().begin(), signed_url.headers().end());
      if (method == URL_METHOD_PUT || method == URL_METHOD_GET || method == URL_METHOD_HEAD)
        MustWork(label, Send(signed_url.http_method(), signed_url.url(), headers, ""));
      const std::string own_key = crypto::PercentEncode(own_.prefix + mine, true);
      const size_t at = signed_url.url().find(own_key);
      for (const std::string& target : targets_) {
        std::string moved = signed_url.url();
        moved.replace(at, own_key.size(), crypto::PercentEncode(target, true));
        for (const char* verb : {"PUT", "GET", "HEAD", "POST", "DELETE"}) {
          MustFail(label + " as " + verb + " on " + target, Send(verb, moved, headers, ""));
          for (const char* extra : {"&tagging", "&uploads", "&x-oss-process=image/resize,w_1"})
            MustFail(label + " as " + verb + extra + " on " + target, Send(verb, moved + extra, headers, ""));
        }
      }
      // The attacker's own key, by a verb that was not signed.
      for (const char* verb : {"PUT", "GET", "DELETE"}) {
        if (signed_url.http_method() != verb &&
            !(signed_url.http_method() == "HEAD" && verb == std::string("GET")))
          MustFail(label + " as " + verb, Send(verb, signed_url.url(), headers, ""));
      }
    }
    Say("URLs: " + std::to_string(out_.attempts) + " attempts so far");
  }

  Answered PostForm(const std::string& url, const Pairs& fields) {
    const http::Request form = http::FormPost(url, fields, {"owned", "f", "application/octet-stream"});
    return Send(form.method, form.url, form.headers, form.body);
  }

  void TryForms() {
    for (const char* path : {"", "a/", "mine"}) {
      SignPostFormRequest request;
      request.set_grant(options_.grant);
      request.set_path(path);
      const std::string label = std::string("form for \"") + path + "\"";
      const auto form = AskPatiently(attacker_, request);
      if (!form.ok()) {
        Except("control: " + label + ": " + std::string(form.status().message()));
        continue;
      }
      const std::vector<std::pair<std::string, std::string>> fields(form->fields().begin(),
                                                                    form->fields().end());
      MustWork(label, PostForm(form->url(), fields));
      for (const std::string& target : targets_) {
        auto moved = fields;
        for (auto& [name, value] : moved) {
          if (name == "key") value = target;
        }
        MustFail(label + " on " + target, PostForm(form->url(), moved));
        // A second key, in case the first is judged and the last one used.
        auto twice = fields;
        twice.emplace_back("key", target);
        const Answered answered = PostForm(form->url(), twice);
        ++out_.attempts;
        if (answered.status >= 200 && answered.status < 300 && Stands(target, "owned"))
          Except(label + " with a second key wrote " + target);
      }
      for (const char* name :
           {"policy", "x-oss-signature", "x-oss-credential", "x-oss-security-token", "x-oss-date"}) {
        auto broken = fields;
        for (auto& field : broken) {
          if (field.first == name) field.second += "A";
        }
        MustFail(label + " with another " + name, PostForm(form->url(), broken));
      }
    }
    Say("forms: " + std::to_string(out_.attempts) + " attempts so far");
  }

  // Whether the victim sees this text there.
  bool Stands(const std::string& key, const std::string& text) {
    if (!key.starts_with(other_.prefix)) return false;
    const Answered got = Call(other_, {"GET", "GET", {}, ""}, key);
    return got.status == 200 && got.body == text;
  }

  absl::Status TryTickets() {
    IssueTicketRequest request;
    request.set_grant(options_.grant);
    ASSIGN_OR_RETURN(const IssueTicketResponse ticket, AskPatiently(attacker_, request));
    ASSIGN_OR_RETURN(const auto by_ticket, attacker_.WithTicket(SecretString(ticket.ticket())));
    AskForOthers(*by_ticket, "by ticket: ");
    TryTokens(*by_ticket, "by ticket: ");
    // Every claim of the ticket that could be turned, and a signature that is not its own.
    const std::string& text = ticket.ticket();
    const size_t first = text.find('.');
    const size_t second = text.find('.', first + 1);
    const std::string payload =
        crypto::Base64UrlDecode(text.substr(first + 1, second - first - 1)).value_or("");
    const auto folder = [](const Party& party) {
      const std::string path = party.prefix.substr(0, party.prefix.size() - 1);
      return path.substr(path.rfind('/') + 1);
    };
    const size_t at = payload.find("\"" + folder(own_) + "\"");
    std::vector<std::string> forged = {
        text.substr(0, second + 1), text.substr(0, second), text + "A",
        crypto::Base64UrlEncode(R"({"alg":"none","typ":"sluice-ticket+jwt"})") +
            text.substr(first, second - first + 1)};
    if (at != std::string::npos) {
      std::string turned = payload;
      turned.replace(at + 1, folder(own_).size(), folder(other_));
      forged.push_back(text.substr(0, first + 1) + crypto::Base64UrlEncode(turned) + text.substr(second));
    }
    for (const std::string& one : forged) {
      ASSIGN_OR_RETURN(const auto by_forged, attacker_.WithTicket(SecretString(one)));
      ++out_.attempts;
      IssueTokenRequest token;
      token.set_grant(options_.grant);
      if (by_forged->Ask(token, Soon()).ok()) Except("a forged ticket was accepted");
    }
    Say("tickets: " + std::to_string(out_.attempts) + " attempts so far");
    return absl::OkStatus();
  }

  // What the victim had is as it was.
  void CheckVictim() {
    for (const char* name : {"secret.txt", "a/b.jpg"}) {
      const Answered got = Call(other_, {"GET", "GET", {}, ""}, other_.prefix + name);
      MustWork("the victim's GET", got);
      if (got.body != kVictimText) Except("the victim's " + std::string(name) + " was changed");
    }
  }

  static constexpr char kVictimText[] = "the victim's own";
  static constexpr char kTagging[] =
      "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>";

  client::TokenClient& attacker_;
  client::TokenClient& victim_;
  http::Client& http_;
  const IsolationOptions& options_;
  IsolationResult out_;
  std::unique_ptr<BrokerClock> clock_;
  Party own_;
  Party other_;
  std::set<int> operations_;
  std::string upload_id_;
  std::vector<std::string> targets_;
  std::vector<std::string> spellings_;
  std::vector<OssCall> calls_;
};

}  // namespace

absl::StatusOr<IsolationResult> ProveIsolation(client::TokenClient& attacker, client::TokenClient& victim,
                                               http::Client& http, const IsolationOptions& options) {
  return Prover(attacker, victim, http, options).Run();
}

}  // namespace sluice::cli
