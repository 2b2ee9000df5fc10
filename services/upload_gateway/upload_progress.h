// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "common/crypto/crc64.h"
#include "services/upload_gateway/part_chain.h"
#include "services/upload_gateway/part_plan.h"

namespace sluice::gateway {

// How far one stream is with its upload: bytes received, parts cut from them, parts stored. A stream goes on
// where the stored chain ends. Not thread-safe; pure.
class UploadProgress {
 public:
  // Parts up to this are kept until they are stored, so that they can be sent again, in bytes.
  static constexpr uint64_t kLargestKept = 16 << 20;

  // A part that may be sent.
  struct Part {
    uint32_t number = 0;
    // In the object.
    uint64_t offset = 0;
    uint64_t size = 0;
    uint64_t crc64 = 0;
    absl::Cord bytes;
  };

  // `size` as declared; `most` bytes are allowed, 0 for no limit but the plan's.
  UploadProgress(const PartPlan& plan, std::optional<uint64_t> size, uint64_t most, PartChain stored);

  // What is stored in one chain from the first byte on. Never decreases.
  uint64_t committed() const { return chain_.bytes; }
  // Where the next byte belongs.
  uint64_t received() const { return received_; }
  // Received and not cut yet.
  uint64_t gathered() const { return gathered_.size(); }
  // Parts cut and not stored, and their bytes.
  size_t parts_in_flight() const { return in_flight_.size(); }
  uint64_t bytes_in_flight() const { return bytes_in_flight_; }
  // What is missing of the slot that is being filled; a whole one where it is empty. 0 at the last slot's
  // end.
  uint64_t slot_left() const;
  bool is_whole() const { return size_ && received_ == *size_; }
  // Of all received bytes; absent where OSS told none of a part that was there before.
  std::optional<uint64_t> crc64() const;

  // Takes the bytes at `offset` and says how many were new: what was received before is skipped.
  // `OUT_OF_RANGE`: `OFFSET_GAP` with `wanted_offset` in its metadata, `SIZE_EXCEEDED`.
  absl::StatusOr<uint64_t> Receive(uint64_t offset, absl::Cord bytes);
  // `OUT_OF_RANGE` `SIZE_UNMET` where more was declared than came; `DATA_LOSS` `CHECKSUM_MISMATCH` where the
  // client's sum of the whole is known and another one.
  absl::Status CheckWhole(std::optional<uint64_t> client_crc64) const;

  // The number of the next part to be cut or streamed; 0 at the end of the last slot.
  uint32_t next_part() const;
  // How many slots it has where it becomes as large as it can: `most` bytes, but at least one slot.
  uint32_t SlotsWithin(uint64_t most) const;
  // Whether a part can be cut now: a whole slot is there, or, when `last`, anything at all. Not where
  // streams().
  bool CanCut(bool last) const;
  // Cuts the next part off: whole slots up to `most` bytes, but at least one, and when `last` the tail too,
  // which is a part of its own where the size is not declared.
  // CanCut must hold.
  Part Cut(uint64_t most, bool last);

  // Whether the next part is too large to be kept until it is stored, so that its bytes go as they come.
  bool streams() const;
  // How long that part will be; absent where only the object's end will tell.
  std::optional<uint64_t> streamed_bytes() const;
  // Its bytes that have come, and were not taken before.
  absl::Cord TakeStreamed();
  // Whether it is complete, or, when `last`, has any bytes; then FinishStreamed cuts it, without its bytes.
  bool CanFinishStreamed(bool last) const;
  Part FinishStreamed();

  // A part that was cut is stored, as OSS answered; its sum is the one of what was received.
  void Store(StoredPart part);
  const std::vector<StoredPart>& stored_parts() const { return chain_.parts; }

 private:
  // One slot's worth of what is not cut yet; only the last one may lack bytes.
  struct Slot {
    uint64_t bytes = 0;
    uint64_t crc64 = 0;
  };
  // Where the object must end at the latest.
  uint64_t limit() const;
  uint64_t Join(uint64_t crc_a, const Slot& b) const;
  void Count(absl::string_view bytes);

  const PartPlan plan_;
  const std::optional<uint64_t> size_;
  const uint64_t most_;
  // Of slots that all have one size.
  const crypto::Crc64Joint joint_;
  PartChain chain_;
  // Where the next part begins, and the next byte.
  uint64_t cut_;
  uint64_t received_;
  // Of all bytes before the last slot of `slots_`.
  std::optional<uint64_t> prefix_crc64_;
  std::deque<Slot> slots_;
  absl::Cord gathered_;
  // Of the part that streams, what was taken.
  uint64_t taken_ = 0;
  // By offset; what is stored waits for those before it.
  std::map<uint64_t, Slot> in_flight_;
  std::map<uint64_t, StoredPart> stored_;
  uint64_t bytes_in_flight_ = 0;
};

}  // namespace sluice::gateway
