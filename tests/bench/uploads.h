// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/calls.h"
#include "tests/bench/payload.h"
#include "tests/bench/tally.h"

namespace sluice::bench {

// Who uploads what to where. A value.
struct UploadSpec {
  std::string target;
  // File with the authority behind its certificate; plaintext when empty.
  std::string ca_file;
  // `Bearer <JWT>`; streams take them in turn. May be empty.
  std::vector<std::string> bearers;
  uint32_t streams = 1;
  // That the streams share; of HTTP each stream has one of its own.
  uint32_t channels = 1;
  std::string grant;
  // Before each path; differs in each run, so that every object is a new one.
  std::string tag;
};

// What became of the uploads. Not thread-safe.
struct UploadTally {
  uint64_t objects = 0;
  uint64_t failed = 0;
  std::map<std::string, uint64_t> errors;
  // From the first byte sent to the object answered.
  Times durable;

  void Done(std::chrono::nanoseconds took);
  void Failed(const std::string& error);
  void Add(const UploadTally& other);
};

// Streams that stay connected from run to run.
class Uploads {
 public:
  virtual ~Uploads() = default;
  // Each stream uploads one object after the other, at least one, until `end` has passed or one has failed;
  // returns when all have ended.
  virtual void Run(Instant end, UploadTally& tally) = 0;
};

// By `sluice.upload.v1.UploadGateway`: one thread for all streams, bytes that are never copied here. Null
// with the error printed when the target cannot be reached.
std::unique_ptr<Uploads> MakeGrpcUploads(const UploadSpec& spec, const Payload& payload);

// By plain PUT, as a proxy takes it: a thread for each stream.
std::unique_ptr<Uploads> MakeHttpUploads(const UploadSpec& spec, const Payload& payload);

}  // namespace sluice::bench
