// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/upload_progress.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/base/status.h"
#include "common/base/text.h"

namespace sluice::gateway {

UploadProgress::UploadProgress(const PartPlan& plan, std::optional<uint64_t> size, uint64_t most,
                               PartChain stored)
    : plan_(plan),
      size_(size),
      most_(most),
      joint_(plan.slot_bytes() > 0 ? plan.slot_bytes() : PartPlan::kSmallestSlot),
      chain_(std::move(stored)),
      cut_(chain_.bytes),
      received_(chain_.bytes),
      prefix_crc64_(chain_.crc64) {}

uint64_t UploadProgress::limit() const {
  if (size_) return *size_;
  return most_ > 0 ? std::min(most_, plan_.capacity()) : plan_.capacity();
}

uint64_t UploadProgress::slot_left() const {
  if (received_ >= plan_.capacity()) return 0;
  return plan_.Start(plan_.SlotOf(received_) + 1) - received_;
}

uint64_t UploadProgress::Join(uint64_t crc_a, const Slot& b) const {
  return b.bytes == joint_.length() ? joint_.Combine(crc_a, b.crc64)
                                    : crypto::CombineCrc64(crc_a, b.crc64, b.bytes);
}

std::optional<uint64_t> UploadProgress::crc64() const {
  if (!prefix_crc64_ || slots_.empty()) return prefix_crc64_;
  return Join(*prefix_crc64_, slots_.back());
}

absl::StatusOr<uint64_t> UploadProgress::Receive(uint64_t offset, absl::Cord bytes) {
  const uint64_t size = bytes.size();
  if (offset > received_) {
    return Fail(absl::StatusCode::kOutOfRange, "OFFSET_GAP",
                "the bytes between " + std::to_string(received_) + " and " + std::to_string(offset) +
                    " are missing; go on from wanted_offset")
        .With("wanted_offset", std::to_string(received_));
  }
  const uint64_t known = received_ - offset;
  // Subtracted, since an offset may be any number.
  if (size > known && size - known > limit() - received_) {
    return Fail(absl::StatusCode::kOutOfRange, "SIZE_EXCEEDED",
                size_ ? "more bytes came than the " + std::to_string(*size_) + " that were declared"
                      : "the object would be larger than the " + std::to_string(limit()) +
                            " bytes that the grant and an upload of unknown size allow")
        .With("limit", std::to_string(limit()));
  }
  if (size <= known) return 0;
  bytes.RemovePrefix(known);
  for (const absl::string_view piece : bytes.Chunks()) Count(piece);
  gathered_.Append(std::move(bytes));
  return size - known;
}

void UploadProgress::Count(absl::string_view bytes) {
  while (!bytes.empty()) {
    const uint64_t left = slot_left();
    const uint32_t slot = plan_.SlotOf(received_);
    if (slots_.empty() || plan_.Start(slot) == received_) {
      if (!slots_.empty() && prefix_crc64_) prefix_crc64_ = Join(*prefix_crc64_, slots_.back());
      slots_.emplace_back();
    }
    const absl::string_view now = bytes.substr(0, std::min<uint64_t>(left, bytes.size()));
    slots_.back().crc64 = crypto::Crc64(FromAbsl(now), slots_.back().crc64);
    slots_.back().bytes += now.size();
    received_ += now.size();
    bytes.remove_prefix(now.size());
  }
}

absl::Status UploadProgress::CheckWhole(std::optional<uint64_t> client_crc64) const {
  if (size_ && received_ != *size_) {
    return Fail(absl::StatusCode::kOutOfRange, "SIZE_UNMET",
                "finished after " + std::to_string(received_) + " of the " + std::to_string(*size_) +
                    " bytes that were declared; send the rest")
        .With("wanted_offset", std::to_string(received_));
  }
  const auto mine = crc64();
  if (client_crc64 && mine && *client_crc64 != *mine) {
    return Fail(absl::StatusCode::kDataLoss, "CHECKSUM_MISMATCH",
                "the object's CRC-64 here is not the client's; nothing was completed, start again");
  }
  return absl::OkStatus();
}

uint32_t UploadProgress::next_part() const { return plan_.SlotAt(cut_).value_or(0); }

uint32_t UploadProgress::SlotsWithin(uint64_t most) const {
  const uint32_t first = next_part();
  if (first == 0) return 1;
  uint32_t out = 1;
  while (first + out <= PartPlan::kSlots && plan_.Start(first + out + 1) - cut_ <= most) ++out;
  return out;
}

bool UploadProgress::CanCut(bool last) const {
  if (gathered_.empty() || streams()) return false;
  return last || gathered_.size() >= plan_.BytesOf(plan_.SlotOf(cut_));
}

UploadProgress::Part UploadProgress::Cut(uint64_t most, bool last) {
  Part out;
  out.number = next_part();
  out.offset = cut_;
  // The last slot that is gathered is cut only where it is full, or nothing more comes.
  while (!slots_.empty()) {
    const Slot slot = slots_.front();
    const bool full = slot.bytes == plan_.BytesOf(plan_.SlotOf(cut_ + out.size));
    if ((!full && !last) || (out.size > 0 && out.size + slot.bytes > most)) break;
    // Where the size is not declared no chain goes on behind a tail, so nothing else may be lost with it.
    if (!full && !size_ && out.size > 0) break;
    out.crc64 = Join(out.crc64, slot);
    out.size += slot.bytes;
    // What the prefix's sum covers must not fall behind the slots that are left.
    if (slots_.size() == 1 && prefix_crc64_) prefix_crc64_ = Join(*prefix_crc64_, slot);
    slots_.pop_front();
  }
  out.bytes = gathered_.Subcord(0, out.size);
  gathered_.RemovePrefix(out.size);
  cut_ += out.size;
  in_flight_[out.offset] = {out.size, out.crc64};
  bytes_in_flight_ += out.size;
  return out;
}

bool UploadProgress::streams() const {
  return cut_ < plan_.capacity() && plan_.BytesOf(plan_.SlotOf(cut_)) > kLargestKept &&
         (!size_ || *size_ - cut_ > kLargestKept);
}

std::optional<uint64_t> UploadProgress::streamed_bytes() const {
  if (!size_) return std::nullopt;
  return std::min(plan_.BytesOf(plan_.SlotOf(cut_)), *size_ - cut_);
}

absl::Cord UploadProgress::TakeStreamed() {
  const uint64_t left = slots_.empty() ? 0 : slots_.front().bytes - taken_;
  absl::Cord out = gathered_.Subcord(0, left);
  gathered_.RemovePrefix(left);
  taken_ += left;
  return out;
}

bool UploadProgress::CanFinishStreamed(bool last) const {
  if (slots_.empty() || taken_ != slots_.front().bytes) return false;
  const bool full = taken_ == plan_.BytesOf(plan_.SlotOf(cut_)) || (size_ && cut_ + taken_ == *size_);
  return full || (last && taken_ > 0);
}

UploadProgress::Part UploadProgress::FinishStreamed() {
  const Slot slot = slots_.front();
  if (slots_.size() == 1 && prefix_crc64_) prefix_crc64_ = Join(*prefix_crc64_, slot);
  slots_.pop_front();
  Part out{next_part(), cut_, slot.bytes, slot.crc64, {}};
  taken_ = 0;
  cut_ += slot.bytes;
  in_flight_[out.offset] = slot;
  bytes_in_flight_ += slot.bytes;
  return out;
}

void UploadProgress::Store(StoredPart part) {
  const auto cut = in_flight_.find(plan_.Start(part.number));
  if (cut == in_flight_.end()) return;
  part.bytes = cut->second.bytes;
  part.crc64 = cut->second.crc64;
  stored_[cut->first] = std::move(part);
  bytes_in_flight_ -= cut->second.bytes;
  in_flight_.erase(cut);
  for (auto next = stored_.find(chain_.bytes); next != stored_.end(); next = stored_.find(chain_.bytes)) {
    chain_.bytes += next->second.bytes;
    chain_.parts.push_back(std::move(next->second));
    stored_.erase(next);
  }
}

}  // namespace sluice::gateway
