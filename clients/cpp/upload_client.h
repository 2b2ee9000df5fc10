// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cpp/file_body.h"
#include "common/base/cancel.h"
#include "common/base/secret_string.h"
#include "sluice/upload/v1/upload_gateway.pb.h"

namespace sluice::client {

struct UploadClientOptions {
  // Replicas or balancers, tried in turn; each as TokenClientOptions::address.
  std::vector<std::string> gateways;
  // The caller's JWT for the gateway, asked for before each stream, so that it may be a fresh one; empty to
  // come as `anonymous`. Null for none.
  std::function<absl::StatusOr<SecretString>()> jwt;
  // PEM of the authority behind the gateways' certificates; the system's when empty. Only for TLS.
  std::string ca_file;
  // How long an upload may go without any new byte being stored.
  std::chrono::milliseconds patience{300'000};
};

// What is uploaded, and as what.
struct UploadOrder {
  std::string grant;
  // Relative to the grant's prefix.
  std::string path;
  std::string content_type;
  std::map<std::string, std::string> metadata;
  std::map<std::string, std::string> tags;
  bool overwrite = true;
};

// Puts files into OSS through the upload gateway, going on by itself after whatever breaks: a stream, a
// replica, a JWT that ended. Bytes are kept (in the file) until they are stored, and read again where they
// were not. Messages are as large as a fifth of a second carries, 64 KiB to 1 MiB, so that little is sent
// again. Thread-safe.
class UploadClient {
 public:
  // Told of each byte that is stored, never less than before; on a thread of the client's.
  using Progress = std::function<void(uint64_t committed, uint64_t total)>;

  // Fails with `INVALID_ARGUMENT` and `GATEWAY_UNSET`, `BROKER_ADDRESS_INVALID` or `CA_UNREADABLE`.
  static absl::StatusOr<std::unique_ptr<UploadClient>> Make(UploadClientOptions options);
  ~UploadClient();

  // Blocks until the object exists. `upload_id`, empty for a new upload, names one to go on with, and is set
  // as soon as there is one: whoever keeps it can go on in another process. A secret. Errors are the
  // gateway's, with its reason, once they cannot be mended by going on; `UNAVAILABLE` `GATEWAY_UNREACHABLE`
  // when patience ended; `CANCELLED` `CALL_CANCELLED`; `ABORTED` `FILE_CHANGED`.
  absl::StatusOr<upload::v1::UploadedObject> Upload(const std::shared_ptr<SourceFile>& file,
                                                    const UploadOrder& order, std::string& upload_id,
                                                    const Progress& progress, const CancelToken& cancel);

 private:
  struct Replica;
  class Attempt;
  class Run;
  UploadClient(UploadClientOptions options, std::vector<Replica> replicas);
  const UploadClientOptions options_;
  const std::vector<Replica> replicas_;
};

}  // namespace sluice::client
