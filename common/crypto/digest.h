// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace sluice::crypto {

// Raw digests of one text.
std::string Sha256(std::string_view bytes);
std::string Md5(std::string_view bytes);
// For peers that know nothing better; proves nothing against an attacker.
std::string Sha1(std::string_view bytes);

// MD5 of bytes that arrive in pieces. One thread at a time.
class Md5Digest {
 public:
  Md5Digest();
  ~Md5Digest();
  void Update(std::string_view bytes);
  // 16 raw bytes; ends the digest.
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::crypto
