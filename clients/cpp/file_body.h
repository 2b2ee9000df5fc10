// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/http/message.h"

namespace sluice::client {

// A file that is read in places. Thread-safe; closed with the last body that refers to it.
class SourceFile {
 public:
  // `INVALID_ARGUMENT` `FILE_UNREADABLE` unless it is a regular file that may be read.
  static absl::StatusOr<std::shared_ptr<SourceFile>> Open(const std::string& path);
  ~SourceFile();
  uint64_t size() const { return size_; }

  // Bytes `[first, first + count)`, with the CRC-64 of what was read so far.
  class Body;
  static std::shared_ptr<Body> Part(std::shared_ptr<SourceFile> file, uint64_t first, uint64_t count);

 private:
  SourceFile(int fd, uint64_t size) : fd_(fd), size_(size) {}
  const int fd_;
  const uint64_t size_;
};

class SourceFile::Body final : public http::BodySource {
 public:
  Body(std::shared_ptr<SourceFile> file, uint64_t first, uint64_t count)
      : file_(std::move(file)), at_(first), left_(count), size_(count) {}
  uint64_t size() const override { return size_; }
  // `ABORTED` `FILE_CHANGED` when the file has become shorter.
  absl::StatusOr<size_t> Read(std::span<char> into) override;
  uint64_t crc64() const { return crc64_; }

 private:
  const std::shared_ptr<SourceFile> file_;
  uint64_t at_;
  uint64_t left_;
  const uint64_t size_;
  uint64_t crc64_ = 0;
};

// A new file beside `path` that takes its name when all is well, and is gone otherwise.
class TargetFile final : public http::BodySink {
 public:
  // `INVALID_ARGUMENT` `FILE_UNWRITABLE`.
  static absl::StatusOr<std::shared_ptr<TargetFile>> Create(const std::string& path);
  ~TargetFile() override;
  absl::Status Write(std::string_view bytes) override;
  // Puts the bytes on the disk and the file in its place.
  absl::Status Commit();
  uint64_t size() const { return size_; }
  uint64_t crc64() const { return crc64_; }

 private:
  TargetFile(int fd, std::string path, std::string half)
      : fd_(fd), path_(std::move(path)), half_(std::move(half)) {}
  int fd_;
  const std::string path_;
  std::string half_;  // empty once committed
  uint64_t size_ = 0;
  uint64_t crc64_ = 0;
};

}  // namespace sluice::client
