// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/upload_audit.h"

#include "common/base/iso_time.h"
#include "common/base/json_line.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"

namespace sluice::gateway {

UploadEvent BeginEvent(const char* what, std::string_view method, const rpc::CallContext& context,
                       const SealedUpload* upload, Time now) {
  UploadEvent out;
  out.time = now;
  out.what = what;
  out.method = method;
  out.request_id = context.request_id;
  out.trace_id = context.trace_id;
  out.peer = context.peer;
  if (upload == nullptr) return out;
  out.provider = upload->owner_provider();
  out.subject = upload->owner_subject();
  out.grant = upload->grant();
  out.bucket = upload->bucket();
  out.key = upload->key();
  out.upload =
      crypto::HexLower(crypto::Sha256(upload->object_token() + upload->oss_upload_id())).substr(0, 32);
  return out;
}

std::string EventLine(const UploadEvent& event) {
  std::string time;
  AppendIsoMillis(event.time, time);
  const std::string kind = "audit";
  JsonLine line;
  const std::pair<const char*, const std::string&> texts[] = {{"time", time},
                                                              {"event", kind},
                                                              {"request_id", event.request_id},
                                                              {"trace_id", event.trace_id},
                                                              {"method", event.method},
                                                              {"what", event.what},
                                                              {"reason", event.reason},
                                                              {"provider", event.provider},
                                                              {"subject", event.subject},
                                                              {"grant", event.grant},
                                                              {"bucket", event.bucket},
                                                              {"key", event.key},
                                                              {"upload", event.upload},
                                                              {"peer", event.peer}};
  for (const auto& [name, value] : texts) {
    if (!value.empty()) line.Add(name, value);
  }
  if (event.bytes) line.Add("bytes", std::to_string(*event.bytes));
  if (event.crc64) line.Add("crc64", std::to_string(*event.crc64));
  return std::move(line).Take();
}

}  // namespace sluice::gateway
