// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/secret_string.h"

namespace sluice::crypto {

// One key of the ring: a name of `[A-Za-z0-9._-]`, at most 64, and 32 random bytes.
struct SealingKey {
  std::string id;
  SecretString bytes;
};

// Seals text so that nobody else can read it or make another: AES-256-GCM, for each text with a key of its
// own, derived by HKDF-SHA256 from a key of the ring and a random salt of 32 bytes, so that no number of
// texts wears a key out. Thread-safe, unchanging.
class SealingRing {
 public:
  // The first key seals, all open; a key must stay in the ring as long as what it sealed lives.
  // `INVALID_ARGUMENT` `SEALING_KEYS_INVALID`: no key, an id twice or odd, not 32 bytes.
  static absl::StatusOr<std::shared_ptr<const SealingRing>> Make(std::vector<SealingKey> keys);
  // One fresh key, which no other process has and which ends with this one.
  static std::shared_ptr<const SealingRing> Ephemeral();

  // URL-safe text, a third longer than `text` and 90 characters; it opens for the same `purpose` alone.
  std::string Seal(std::string_view text, std::string_view purpose) const;
  // Nothing for whatever Seal did not make with a key of the ring for that purpose.
  std::optional<std::string> Open(std::string_view sealed, std::string_view purpose) const;

  // 32 bytes that only holders of the ring's first key can compute of `text`, and of all keys, the first's
  // first.
  std::string Mac(std::string_view text, std::string_view purpose) const;
  std::vector<std::string> Macs(std::string_view text, std::string_view purpose) const;

 private:
  explicit SealingRing(std::vector<SealingKey> keys) : keys_(std::move(keys)) {}
  const std::vector<SealingKey> keys_;
};

}  // namespace sluice::crypto
