// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/cancel.h"
#include "common/base/clock.h"
#include "common/base/deadline.h"
#include "common/base/secret_string.h"
#include "common/http/message.h"
#include "services/upload_gateway/sealed_upload.h"

namespace sluice::gateway {

// The requests that make one object. None of them reads, lists or deletes one.
enum class OssVerb { kPut, kInitiate, kPart, kListParts, kComplete, kAbort, kHead };

struct OssOrder {
  OssVerb verb = OssVerb::kPut;
  // Of kPart: 1 to 100 of them.
  std::vector<uint32_t> parts;
  // Of kListParts: the part that the page begins behind.
  uint32_t after_part = 0;
};

// One request to OSS that somebody has signed, for one object alone.
struct Permit {
  std::string method;
  SecretString url;
  // To be sent exactly so.
  http::Headers headers;
  // Of kPart.
  uint32_t part = 0;
  // Last moment at which OSS takes it, by the signer's clock.
  Time expires;

  http::Request request() const { return {method, url.Reveal(), headers, {}, nullptr, nullptr}; }
};

// Whose call something is done for: in logs and traces, and how long it may take.
struct CallFacts {
  std::string trace_id;
  std::string request_id;
  Deadline deadline = Deadline::After(std::chrono::seconds(10));
  CancelToken cancel;
};

// Where the right to write an object comes from. Thread-safe; never blocks.
class OssAccess {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<std::vector<Permit>>)>;
  virtual ~OssAccess() = default;

  // Permits for `order`, one or one for each part in the order asked for, each good for at least some seconds
  // and at most kPermitLife, so that a caller who was shut out meets it soon. `done` exactly once, on a
  // thread that must not be blocked. Errors are the broker's; `UNAVAILABLE` `BROKER_UNREACHABLE` where it
  // does not answer.
  virtual void Ask(const SealedUpload& upload, OssOrder order, const CallFacts& call, Done done) = 0;
};

constexpr std::chrono::seconds kPermitLife{60};

}  // namespace sluice::gateway
