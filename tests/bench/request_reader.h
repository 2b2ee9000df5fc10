// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/http/message.h"
#include "common/http/target.h"

namespace sluice::bench {

// A request whose body was looked at and let go. A value.
struct SinkRequest {
  std::string method;
  http::Target target;
  http::Headers headers;
  uint64_t body_bytes = 0;
  uint64_t crc64 = 0;
  // Of POST alone, up to 2 MiB.
  std::string body;
};

// Reads the requests of one connection from the pieces in which they come: bodies by `Content-Length` or
// chunked, neither kept nor copied. Pure.
class RequestReader {
 public:
  enum class Came {
    // All bytes are used up and the request is not whole.
    kPart,
    // The head is there and the client waits for `100 Continue` before it sends the body.
    kExpectation,
    // `request` is whole; what is left in `bytes` belongs to the next one.
    kWhole,
    // What came is no such request; the connection is of no use any more.
    kNonsense,
  };

  // Takes what it reads off the front of `bytes`.
  Came Read(std::string_view& bytes);
  const SinkRequest& request() const { return request_; }

 private:
  enum class Place { kHead, kBody, kChunkSize, kChunk, kChunkEnd, kTrailer };

  bool ReadHead();
  void TakeBody(std::string_view& bytes);
  // Adds to `line_` up to its end.
  Came TakeLine(std::string_view& bytes);

  SinkRequest request_;
  Place place_ = Place::kHead;
  std::string head_;
  std::string line_;
  // Of the body or of the chunk.
  uint64_t left_ = 0;
};

}  // namespace sluice::bench
