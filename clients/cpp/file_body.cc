// SPDX-License-Identifier: Apache-2.0
#include "clients/cpp/file_body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "common/base/status.h"
#include "common/crypto/crc64.h"

namespace sluice::client {
namespace {

Failure Unreadable(const std::string& path, const char* why) {
  return Fail(absl::StatusCode::kInvalidArgument, "FILE_UNREADABLE", "cannot read " + path + ": " + why);
}
Failure Unwritable(const std::string& path, const char* why) {
  return Fail(absl::StatusCode::kInvalidArgument, "FILE_UNWRITABLE", "cannot write " + path + ": " + why);
}

}  // namespace

absl::StatusOr<std::shared_ptr<SourceFile>> SourceFile::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not hang here
  if (fd < 0) return Unreadable(path, std::strerror(errno));
  struct stat about {};
  if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
    close(fd);
    return Unreadable(path, "it is not a regular file");
  }
  return std::shared_ptr<SourceFile>(new SourceFile(fd, static_cast<uint64_t>(about.st_size)));
}

SourceFile::~SourceFile() { close(fd_); }

std::shared_ptr<SourceFile::Body> SourceFile::Part(std::shared_ptr<SourceFile> file, uint64_t first,
                                                   uint64_t count) {
  return std::make_shared<Body>(std::move(file), first, count);
}

absl::StatusOr<size_t> SourceFile::Body::Read(std::span<char> into) {
  const size_t wanted = static_cast<size_t>(std::min<uint64_t>(into.size(), left_));
  if (wanted == 0) return size_t{0};
  ssize_t got = 0;
  do {
    got = pread(file_->fd_, into.data(), wanted, static_cast<off_t>(at_));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return Unreadable("the file", std::strerror(errno));
  if (got == 0)
    return Fail(absl::StatusCode::kAborted, "FILE_CHANGED",
                "the file became shorter while it was read; try again");
  const auto count = static_cast<size_t>(got);
  crc64_ = crypto::Crc64({into.data(), count}, crc64_);
  at_ += count;
  left_ -= count;
  return count;
}

absl::StatusOr<std::shared_ptr<TargetFile>> TargetFile::Create(const std::string& path) {
  std::string half = path + ".sluice-XXXXXX";
  const int fd = mkostemp(half.data(), O_CLOEXEC);
  if (fd < 0) return Unwritable(path, std::strerror(errno));
  return std::shared_ptr<TargetFile>(new TargetFile(fd, path, half));
}

TargetFile::~TargetFile() {
  if (fd_ >= 0) close(fd_);
  if (!half_.empty()) unlink(half_.c_str());
}

absl::Status TargetFile::Write(std::string_view bytes) {
  crc64_ = crypto::Crc64(bytes, crc64_);
  size_ += bytes.size();
  while (!bytes.empty()) {
    const ssize_t wrote = write(fd_, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return Unwritable(path_, std::strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  return absl::OkStatus();
}

absl::Status TargetFile::Commit() {
  const bool kept = fchmod(fd_, 0644) == 0 && fsync(fd_) == 0 && rename(half_.c_str(), path_.c_str()) == 0;
  if (!kept) return Unwritable(path_, std::strerror(errno));
  half_.clear();
  return absl::OkStatus();
}

}  // namespace sluice::client
