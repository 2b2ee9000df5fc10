// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/object_shelf.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "common/crypto/crc64.h"
#include "common/crypto/encoding.h"
#include "common/crypto/random.h"

namespace sluice::sandbox {

void ContentWriter::Add(std::string_view piece) {
  content_->crc64 = crypto::Crc64(piece, content_->crc64);
  content_->size += piece.size();
  md5_.Update(piece);
  content_->pieces.push_back(std::make_shared<const std::string>(piece));
}

ContentPtr ContentWriter::Finish() {
  content_->md5 = md5_.Finish();
  return content_;
}

std::shared_ptr<http::BodySource> ReadContent(ContentPtr content, uint64_t first, uint64_t count) {
  class Reader final : public http::BodySource {
   public:
    Reader(ContentPtr content, uint64_t first, uint64_t count)
        : content_(std::move(content)), skip_(first), left_(count), size_(count) {}
    uint64_t size() const override { return size_; }
    absl::StatusOr<size_t> Read(std::span<char> into) override {
      while (left_ > 0 && piece_ < content_->pieces.size()) {
        const std::string& piece = *content_->pieces[piece_];
        if (skip_ >= piece.size()) {
          skip_ -= piece.size();
          ++piece_;
          continue;
        }
        const size_t count = std::min<uint64_t>({piece.size() - skip_, left_, into.size()});
        std::memcpy(into.data(), piece.data() + skip_, count);
        skip_ += count;
        left_ -= count;
        return count;
      }
      return 0;
    }

   private:
    ContentPtr content_;
    size_t piece_ = 0;
    uint64_t skip_;
    uint64_t left_;
    uint64_t size_;
  };
  return std::make_shared<Reader>(std::move(content), first, count);
}

bool ObjectShelf::Put(const std::string& bucket, const std::string& key, Object object,
                      bool forbid_overwrite) {
  std::lock_guard lock(mutex_);
  if (forbid_overwrite) return objects_.try_emplace({bucket, key}, std::move(object)).second;
  objects_[{bucket, key}] = std::move(object);
  return true;
}

std::optional<Object> ObjectShelf::Get(const std::string& bucket, const std::string& key) const {
  std::lock_guard lock(mutex_);
  auto found = objects_.find({bucket, key});
  if (found == objects_.end()) return std::nullopt;
  return found->second;
}

void ObjectShelf::Delete(const std::string& bucket, const std::string& key) {
  std::lock_guard lock(mutex_);
  objects_.erase({bucket, key});
}

bool ObjectShelf::SetTags(const std::string& bucket, const std::string& key, Tags tags) {
  std::lock_guard lock(mutex_);
  auto found = objects_.find({bucket, key});
  if (found == objects_.end()) return false;
  found->second.tags = std::move(tags);
  return true;
}

std::vector<std::pair<std::string, Object>> ObjectShelf::List(const std::string& bucket,
                                                              const std::string& prefix,
                                                              const std::string& after) const {
  std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, Object>> out;
  for (auto at = objects_.lower_bound({bucket, std::max(prefix, after)});
       at != objects_.end() && at->first.first == bucket; ++at) {
    const std::string& key = at->first.second;
    if (key.starts_with(prefix) && key > after) out.emplace_back(key, at->second);
    if (!key.starts_with(prefix) && key > prefix) break;
  }
  return out;
}

std::string ObjectShelf::BeginUpload(Upload upload) {
  std::string id = crypto::HexUpper(crypto::RandomBytes(16));
  std::lock_guard lock(mutex_);
  uploads_[id] = std::move(upload);
  return id;
}

bool ObjectShelf::PutPart(const std::string& id, const std::string& bucket, const std::string& key,
                          int number, Part part) {
  std::lock_guard lock(mutex_);
  auto found = uploads_.find(id);
  if (found == uploads_.end() || found->second.bucket != bucket || found->second.key != key) return false;
  found->second.parts[number] = std::move(part);
  return true;
}

std::optional<Upload> ObjectShelf::FindUpload(const std::string& id, const std::string& bucket,
                                              const std::string& key) const {
  std::lock_guard lock(mutex_);
  auto found = uploads_.find(id);
  if (found == uploads_.end() || found->second.bucket != bucket || found->second.key != key)
    return std::nullopt;
  return found->second;
}

ObjectShelf::Completion ObjectShelf::CompleteUpload(const std::string& id, const std::string& bucket,
                                                    const std::string& key, Object object,
                                                    bool forbid_overwrite) {
  std::lock_guard lock(mutex_);
  auto found = uploads_.find(id);
  if (found == uploads_.end() || found->second.bucket != bucket || found->second.key != key)
    return Completion::kNoSuchUpload;
  if (forbid_overwrite && objects_.contains({bucket, key})) return Completion::kObjectExists;
  objects_[{bucket, key}] = std::move(object);
  uploads_.erase(found);
  return Completion::kDone;
}

bool ObjectShelf::EndUpload(const std::string& id, const std::string& bucket, const std::string& key) {
  std::lock_guard lock(mutex_);
  auto found = uploads_.find(id);
  if (found == uploads_.end() || found->second.bucket != bucket || found->second.key != key) return false;
  uploads_.erase(found);
  return true;
}

std::vector<std::pair<std::string, Upload>> ObjectShelf::ListUploads(const std::string& bucket) const {
  std::vector<std::pair<std::string, Upload>> out;
  std::lock_guard lock(mutex_);
  for (const auto& [id, upload] : uploads_) {
    if (upload.bucket != bucket) continue;
    out.emplace_back(id, Upload{upload.bucket, upload.key, {}, {}, {}, upload.initiated});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return std::tie(a.second.key, a.first) < std::tie(b.second.key, b.first);
  });
  return out;
}

ObjectShelf::Sizes ObjectShelf::sizes() const {
  std::lock_guard lock(mutex_);
  return {objects_.size(), uploads_.size()};
}

}  // namespace sluice::sandbox
