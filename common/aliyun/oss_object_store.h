// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "common/aliyun/credentials.h"
#include "common/aliyun/object_store.h"
#include "common/aliyun/oss_signer.h"
#include "common/base/clock.h"
#include "common/http/client.h"

namespace sluice::aliyun {

struct OssLocation {
  // Scheme and host. A name is called in virtual-host style, an address or localhost in path style.
  std::string endpoint;
  std::string bucket;
  std::string region;
  // Accepts plain http beyond this machine, where anybody on the way can read the token.
  bool allow_http = false;
};

// ObjectStore on the real OSS, signed with V4 headers.
class OssObjectStore final : public ObjectStore {
 public:
  // `client` and `clock` must outlive it and the calls under way. `INVALID_ARGUMENT` `ENDPOINT_INVALID` for
  // an endpoint that is neither https nor on this machine.
  static absl::StatusOr<std::unique_ptr<OssObjectStore>> Make(http::Client& client, OssLocation location,
                                                              Credentials credentials, const Clock& clock);

  void Put(const std::string& key, std::shared_ptr<http::BodySource> body, const PutOptions& options,
           Deadline deadline, CancelToken cancel, Done<ObjectInfo> done) override;
  void Get(const std::string& key, std::shared_ptr<http::BodySink> sink, Deadline deadline,
           CancelToken cancel, Done<ObjectInfo> done) override;
  void Initiate(const std::string& key, const PutOptions& options, Deadline deadline, CancelToken cancel,
                Done<std::string> done) override;
  void PutPart(const std::string& key, const std::string& upload_id, int number,
               std::shared_ptr<http::BodySource> body, Deadline deadline, CancelToken cancel,
               Done<PartInfo> done) override;
  void Complete(const std::string& key, const std::string& upload_id, const std::vector<PartInfo>& parts,
                Deadline deadline, CancelToken cancel, Done<ObjectInfo> done) override;
  void Abort(const std::string& key, const std::string& upload_id, Deadline deadline, CancelToken cancel,
             absl::AnyInvocable<void(absl::Status)> done) override;

 private:
  OssObjectStore(http::Client& client, OssLocation location, Credentials credentials, const Clock& clock);
  http::Request Sign(OssRequest request);

  http::Client& client_;
  const OssLocation location_;
  const std::string base_url_;
  const Credentials credentials_;
  const Clock& clock_;
  OssSigner signer_;
};

}  // namespace sluice::aliyun
