// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "common/aliyun/object_store.h"
#include "common/base/status.h"
#include "common/crypto/crc64.h"

namespace sluice::testing {

// Objects in memory; answers at once. Fails or lies when told to. Thread-safe.
class FakeObjectStore final : public aliyun::ObjectStore {
 public:
  std::map<std::string, std::string> objects;
  // Taken one by one by Put, PutPart, Get and Complete; OK lets a call through.
  std::deque<absl::Status> failures;
  bool wrong_crc = false;
  int calls = 0;
  int aborted = 0;

  void Put(const std::string& key, std::shared_ptr<http::BodySource> body, const aliyun::PutOptions& options,
           Deadline, CancelToken cancel, Done<aliyun::ObjectInfo> done) override {
    if (auto failed = Next(cancel); !failed.ok()) return done(failed);
    auto text = ReadAll(*body);
    if (!text.ok()) return done(text.status());
    std::unique_lock lock(mutex_);
    objects[key] = *text;
    lock.unlock();
    done(aliyun::ObjectInfo{text->size(), "etag", Crc(*text), options.content_type});
  }
  void Get(const std::string& key, std::shared_ptr<http::BodySink> sink, Deadline, CancelToken cancel,
           Done<aliyun::ObjectInfo> done) override {
    const absl::Status failed = Next(cancel);
    // A failed attempt may have brought some bytes.
    (void)sink->Write(objects[key].substr(0, failed.ok() ? std::string::npos : 1));
    if (!failed.ok()) return done(failed);
    done(aliyun::ObjectInfo{objects[key].size(), "etag", Crc(objects[key]), "text/plain"});
  }
  void Initiate(const std::string&, const aliyun::PutOptions&, Deadline, CancelToken,
                Done<std::string> done) override {
    done(std::string("upload"));
  }
  void PutPart(const std::string&, const std::string&, int number, std::shared_ptr<http::BodySource> body,
               Deadline, CancelToken cancel, Done<aliyun::PartInfo> done) override {
    if (auto failed = Next(cancel); !failed.ok()) return done(failed);
    auto text = ReadAll(*body);
    if (!text.ok()) return done(text.status());
    std::unique_lock lock(mutex_);
    parts_[number] = *text;
    lock.unlock();
    done(aliyun::PartInfo{number, "e" + std::to_string(number), Crc(*text)});
  }
  void Complete(const std::string& key, const std::string&, const std::vector<aliyun::PartInfo>& parts,
                Deadline, CancelToken cancel, Done<aliyun::ObjectInfo> done) override {
    if (auto failed = Next(cancel); !failed.ok()) return done(failed);
    std::string whole;
    for (const auto& part : parts) whole += parts_[part.number];
    objects[key] = whole;
    done(aliyun::ObjectInfo{0, "etag-2", Crc(whole), ""});
  }
  void Abort(const std::string&, const std::string&, Deadline, CancelToken,
             absl::AnyInvocable<void(absl::Status)> done) override {
    ++aborted;
    done(absl::OkStatus());
  }

 private:
  absl::Status Next(const CancelToken& cancel) {
    std::lock_guard lock(mutex_);
    ++calls;
    if (cancel.cancelled()) return Fail(absl::StatusCode::kCancelled, "HTTP_CANCELLED", "cancelled");
    if (failures.empty()) return absl::OkStatus();
    absl::Status out = failures.front();
    failures.pop_front();
    return out;
  }
  uint64_t Crc(const std::string& text) const { return crypto::Crc64(text) + (wrong_crc ? 1 : 0); }
  static absl::StatusOr<std::string> ReadAll(http::BodySource& body) {
    std::string out(body.size(), '\0');
    size_t at = 0;
    while (at < out.size()) {
      auto got = body.Read({out.data() + at, out.size() - at});
      if (!got.ok()) return got.status();
      at += *got;
    }
    return out;
  }

  std::mutex mutex_;
  std::map<int, std::string> parts_;  // guarded by mutex_
};

}  // namespace sluice::testing
