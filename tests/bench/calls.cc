// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/calls.h"

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>

#include "absl/status/status.h"
#include "common/base/text.h"

namespace sluice::bench {

void Describe(const grpc::Status& status, Outcome& out) {
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  out.error = absl::StatusCodeToString(code);
  std::string reason = "-";
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    for (const auto& detail : details.details()) {
      google::rpc::ErrorInfo info;
      google::rpc::RetryInfo retry;
      if (detail.type_url().ends_with("google.rpc.ErrorInfo") && info.ParseFromString(detail.value()))
        reason = info.reason();
      if (detail.type_url().ends_with("google.rpc.RetryInfo") && retry.ParseFromString(detail.value()))
        out.retry = std::chrono::milliseconds(retry.retry_delay().seconds() * 1000 +
                                              retry.retry_delay().nanos() / 1'000'000);
    }
  }
  out.error += "/" + reason;
}

struct Calls::Call {
  std::optional<grpc::ClientContext> context;
  std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader;
  grpc::Status status;
  Outcome outcome;
  Done done;
};

Calls::Calls(const std::string& target, const std::string& ca, unsigned connections) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = ca;
  const auto credentials = ca.empty() ? grpc::InsecureChannelCredentials() : grpc::SslCredentials(tls);
  for (unsigned i = 0; i < connections; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // or the channels would share one connection
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);             // what is counted here is what was sent
    channels_.push_back(grpc::CreateCustomChannel(target, credentials, arguments));
    stubs_.push_back(std::make_unique<grpc::GenericStub>(channels_.back()));
  }
}

Calls::~Calls() {
  for (const auto& call : all_) {
    if (call->context) call->context->TryCancel();
  }
  queue_.Shutdown();
  void* tag = nullptr;
  for (bool ok = false; queue_.Next(&tag, &ok);) {
  }
}

bool Calls::Connect() {
  const auto end = std::chrono::system_clock::now() + std::chrono::seconds(10);
  for (const auto& channel : channels_) {
    if (!channel->WaitForConnected(end)) return false;
  }
  return true;
}

void Calls::Start(const std::string& method, const grpc::ByteBuffer& request,
                  const std::string& authorization, std::chrono::milliseconds deadline, Done done) {
  if (idle_.empty()) {
    all_.push_back(std::make_unique<Call>());
    idle_.push_back(all_.back().get());
  }
  Call& call = *idle_.back();
  idle_.pop_back();
  call.context.emplace();
  call.context->AddMetadata("authorization", authorization);
  call.context->set_deadline(std::chrono::system_clock::now() + deadline);
  call.done = std::move(done);
  call.outcome = {};
  call.outcome.began = std::chrono::steady_clock::now();
  auto& stub = *stubs_[next_++ % stubs_.size()];
  call.reader = stub.PrepareUnaryCall(&*call.context, method, request, &queue_);
  call.reader->StartCall();
  call.reader->Finish(&call.outcome.answer, &call.status, &call);
}

void Calls::At(Instant when, std::function<void()> what) { timers_.emplace(when, std::move(what)); }

void Calls::Finish(Call& call) {
  call.outcome.ended = std::chrono::steady_clock::now();
  call.outcome.ok = call.status.ok();
  if (!call.outcome.ok) Describe(call.status, call.outcome);
  const Outcome outcome = std::move(call.outcome);
  const Done done = std::move(call.done);
  call.reader.reset();
  call.context.reset();
  idle_.push_back(&call);  // before `done`, which often starts the next
  done(outcome);
}

bool Calls::Run(Instant end) {
  for (;;) {
    const Instant now = std::chrono::steady_clock::now();
    if (now >= end) return false;
    while (!timers_.empty() && timers_.begin()->first <= now) {
      const auto what = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
      what();
    }
    if (timers_.empty() && idle_.size() == all_.size()) return true;
    const Instant wake = timers_.empty() ? end : std::min(end, timers_.begin()->first);
    void* tag = nullptr;
    bool ok = false;
    const auto next = queue_.AsyncNext(
        &tag, &ok, std::chrono::system_clock::now() + (wake - std::chrono::steady_clock::now()));
    if (next == grpc::CompletionQueue::GOT_EVENT) Finish(*static_cast<Call*>(tag));
  }
}

}  // namespace sluice::bench
