// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>
#include <string_view>

namespace sluice {

// Text that must not be seen: wiped when released, prints as `[redacted]`, compares in constant time.
// Its bytes come out only through Reveal(), so that one search finds every use.
class SecretString {
 public:
  SecretString() = default;
  explicit SecretString(std::string_view text) : text_(text) {}
  SecretString(const SecretString&) = default;
  SecretString(SecretString&& other) noexcept;
  SecretString& operator=(const SecretString& other);
  SecretString& operator=(SecretString&& other) noexcept;
  ~SecretString();

  const std::string& Reveal() const { return text_; }
  bool empty() const { return text_.empty(); }
  // Constant time in the content; the lengths may show.
  friend bool operator==(const SecretString& a, const SecretString& b);
  friend std::ostream& operator<<(std::ostream& out, const SecretString&) { return out << "[redacted]"; }

 private:
  void Wipe();
  std::string text_;
};

// For proofs that arrive as plain text, such as signatures. Constant time in the content.
bool EqualsConstantTime(std::string_view a, std::string_view b);

}  // namespace sluice
