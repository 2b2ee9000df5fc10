// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::identity {

// A public key that verifies with the one algorithm it is pinned to. Unchanging, thread-safe.
class VerificationKey {
 public:
  virtual ~VerificationKey() = default;
  // Empty where the JWKS gives none.
  virtual const std::string& kid() const = 0;
  // As `alg` names it.
  virtual const std::string& algorithm() const = 0;
  virtual bool Verifies(std::string_view text, std::string_view signature) const = 0;
};

// The keys of one provider. Unchanging.
class Jwks {
 public:
  explicit Jwks(std::vector<std::unique_ptr<VerificationKey>> keys) : keys_(std::move(keys)) {}
  // The key named `kid`; without one, the only key there is for `algorithm`. Null when there is none,
  // several, or one that is pinned to another algorithm.
  const VerificationKey* Find(std::string_view kid, std::string_view algorithm) const;
  size_t size() const { return keys_.size(); }

 private:
  std::vector<std::unique_ptr<VerificationKey>> keys_;
};

// Reads an RFC 7517 set: RSA of 2048 to 8192 bits (the RS or PS algorithm that `alg` names, RS256 without),
// P-256, P-384 and P-521 (ES256, ES384, ES512) and Ed25519 (EdDSA). Keys of other kinds, for encryption, for
// other operations than `verify`, or for other algorithms are left out. Fails with `INVALID_ARGUMENT`
// `JWKS_INVALID`: not such a document, over 1 MiB or 64 keys, a key that is malformed, weak, private or
// symmetric, a kid twice, or no usable key.
absl::StatusOr<std::shared_ptr<const Jwks>> ParseJwks(std::string_view text);

}  // namespace sluice::identity
