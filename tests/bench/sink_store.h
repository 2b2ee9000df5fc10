// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "tests/bench/request_reader.h"

namespace sluice::bench {

struct SinkAnswer {
  int status = 200;
  http::Headers headers;
  std::string body;
};

// Just enough of OSS: who uploaded what, of how many bytes, with which CRC; the bytes are gone. No signature
// is looked at. An ETag here is a form of the CRC, since MD5 would cost more than all the rest. Not
// thread-safe.
class SinkStore {
 public:
  // `GET /-/stats` answers what has been asked since the beginning: `{put, part, initiate, ..., bytes}`.
  SinkAnswer Answer(const SinkRequest& request);

 private:
  struct Stored {
    uint64_t bytes = 0;
    uint64_t crc64 = 0;
    std::string etag;
    http::Headers metadata;
  };
  struct Upload {
    std::string path;
    http::Headers metadata;
    std::map<int, Stored> parts;
  };

  SinkAnswer Put(const SinkRequest& request);
  SinkAnswer Initiate(const SinkRequest& request);
  SinkAnswer PutPart(const SinkRequest& request, Upload& upload);
  SinkAnswer ListParts(const SinkRequest& request, const Upload& upload);
  SinkAnswer Complete(const SinkRequest& request, const std::string& id, Upload& upload);
  SinkAnswer Head(const SinkRequest& request);
  SinkAnswer Stats() const;
  void Keep(const std::string& path, Stored stored);

  // The last of them, so that a long run needs no more memory than a short one.
  std::map<std::string, Stored> objects_;
  std::deque<std::string> order_;
  std::map<std::string, Upload> uploads_;
  std::map<std::string, uint64_t> counts_;
  uint64_t bytes_ = 0;
  uint64_t ids_ = 0;
};

}  // namespace sluice::bench
