// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/request_reader.h"

#include <algorithm>
#include <charconv>

#include "common/base/text.h"
#include "common/crypto/crc64.h"

namespace sluice::bench {
namespace {

constexpr size_t kMostHead = 64 * 1024;
constexpr size_t kMostLine = 1024;
constexpr size_t kMostKept = 2 * 1024 * 1024;
// The head is copied in steps of so many bytes, lest the body's beginning is copied with it.
constexpr size_t kStep = 2048;

bool ParseNumber(std::string_view text, int base, uint64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

bool RequestReader::ReadHead() {
  const size_t end = head_.find("\r\n");
  const std::vector<std::string> words = Split(std::string_view(head_).substr(0, end), ' ');
  if (words.size() != 3 || words[2] != "HTTP/1.1") return false;
  request_ = {};
  request_.method = words[0];
  auto target = http::ParseTarget(words[1]);
  if (!target) return false;
  request_.target = *std::move(target);
  for (std::string_view rest = std::string_view(head_).substr(end + 2); !rest.starts_with("\r\n");) {
    const size_t stop = rest.find("\r\n");
    const std::string_view line = rest.substr(0, stop);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    const size_t value = std::min(line.find_first_not_of(" \t", colon + 1), line.size());
    request_.headers.emplace_back(line.substr(0, colon), line.substr(value));
    rest.remove_prefix(stop + 2);
  }
  head_.clear();
  if (Lower(http::FindHeader(request_.headers, "Transfer-Encoding")) == "chunked") {
    place_ = Place::kChunkSize;
    return true;
  }
  const std::string_view length = http::FindHeader(request_.headers, "Content-Length");
  left_ = 0;
  place_ = Place::kBody;
  return length.empty() || ParseNumber(length, 10, left_);
}

void RequestReader::TakeBody(std::string_view& bytes) {
  const std::string_view here = bytes.substr(0, left_);
  request_.crc64 = crypto::Crc64(here, request_.crc64);
  request_.body_bytes += here.size();
  if (request_.method == "POST" && request_.body.size() + here.size() <= kMostKept) request_.body += here;
  left_ -= here.size();
  bytes.remove_prefix(here.size());
}

RequestReader::Came RequestReader::TakeLine(std::string_view& bytes) {
  const size_t end = bytes.find('\n');
  const size_t taken = end == std::string_view::npos ? bytes.size() : end + 1;
  line_ += bytes.substr(0, taken);
  bytes.remove_prefix(taken);
  if (line_.size() > kMostLine) return Came::kNonsense;
  return end == std::string_view::npos ? Came::kPart : Came::kWhole;
}

RequestReader::Came RequestReader::Read(std::string_view& bytes) {
  for (;;) {
    switch (place_) {
      case Place::kHead: {
        if (bytes.empty()) return Came::kPart;
        const size_t before = head_.size();
        head_ += bytes.substr(0, kStep);
        const size_t end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
        if (end == std::string::npos) {
          if (head_.size() > kMostHead) return Came::kNonsense;
          bytes.remove_prefix(std::min(bytes.size(), kStep));
          continue;
        }
        bytes.remove_prefix(end + 4 - before);
        head_.resize(end + 4);
        if (!ReadHead()) return Came::kNonsense;
        if (Lower(http::FindHeader(request_.headers, "Expect")) == "100-continue") return Came::kExpectation;
        continue;
      }
      case Place::kBody:
        TakeBody(bytes);
        if (left_ > 0) return Came::kPart;
        place_ = Place::kHead;
        return Came::kWhole;
      case Place::kChunkSize: {
        if (const Came line = TakeLine(bytes); line != Came::kWhole) return line;
        const std::string_view size = std::string_view(line_).substr(0, line_.find_first_of(";\r\n"));
        if (!ParseNumber(size, 16, left_)) return Came::kNonsense;
        line_.clear();
        place_ = left_ == 0 ? Place::kTrailer : Place::kChunk;
        continue;
      }
      case Place::kChunk:
        TakeBody(bytes);
        if (left_ > 0) return Came::kPart;
        place_ = Place::kChunkEnd;
        continue;
      case Place::kChunkEnd:
        if (const Came line = TakeLine(bytes); line != Came::kWhole) return line;
        if (line_ != "\r\n") return Came::kNonsense;
        line_.clear();
        place_ = Place::kChunkSize;
        continue;
      case Place::kTrailer: {
        if (const Came line = TakeLine(bytes); line != Came::kWhole) return line;
        const bool last = line_ == "\r\n" || line_ == "\n";
        line_.clear();
        if (!last) continue;
        place_ = Place::kHead;
        return Came::kWhole;
      }
    }
  }
}

}  // namespace sluice::bench
