// SPDX-License-Identifier: Apache-2.0
#include "common/base/secret_string.h"

#include <utility>

namespace sluice {

SecretString::SecretString(SecretString&& other) noexcept : text_(std::move(other.text_)) { other.Wipe(); }

SecretString& SecretString::operator=(const SecretString& other) {
  if (this != &other) {
    Wipe();
    text_ = other.text_;
  }
  return *this;
}

SecretString& SecretString::operator=(SecretString&& other) noexcept {
  if (this != &other) {
    Wipe();
    text_ = std::move(other.text_);
    other.Wipe();
  }
  return *this;
}

SecretString::~SecretString() { Wipe(); }

void SecretString::Wipe() {
  // The whole capacity, through volatile: a short string moved from still holds its bytes, and a plain memset
  // may be dropped.
  text_.resize(text_.capacity());
  volatile char* bytes = text_.data();
  for (size_t i = 0; i < text_.size(); ++i) bytes[i] = 0;
  text_.clear();
}

bool operator==(const SecretString& a, const SecretString& b) { return EqualsConstantTime(a.text_, b.text_); }

bool EqualsConstantTime(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace sluice
