// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/digest.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

namespace sluice::crypto {
namespace {

// Looked up once: OpenSSL 3 otherwise searches its providers at every digest.
const EVP_MD* Fetched(const char* name) {
  const EVP_MD* kind = EVP_MD_fetch(nullptr, name, nullptr);
  if (kind == nullptr) std::abort();
  return kind;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

std::string Digest(const EVP_MD* kind, std::string_view bytes) {
  // Kept: making one costs as much as digesting 200 bytes.
  thread_local const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  // Fails only without memory or with a broken OpenSSL: nothing a caller could handle.
  if (EVP_DigestInit_ex2(context.get(), kind, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), out, &size) != 1)
    std::abort();
  return std::string(reinterpret_cast<char*>(out), size);
}

}  // namespace

std::string Sha256(std::string_view bytes) {
  static const EVP_MD* const kind = Fetched("SHA256");
  return Digest(kind, bytes);
}
std::string Sha1(std::string_view bytes) {
  static const EVP_MD* const kind = Fetched("SHA1");
  return Digest(kind, bytes);
}

std::string Md5(std::string_view bytes) {
  static const EVP_MD* const kind = Fetched("MD5");
  return Digest(kind, bytes);
}

struct Md5Digest::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Md5Digest::Md5Digest() : state_(std::make_unique<State>()) {
  if (EVP_DigestInit_ex(state_->context, EVP_md5(), nullptr) != 1) std::abort();
}
Md5Digest::~Md5Digest() = default;

void Md5Digest::Update(std::string_view bytes) {
  if (EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) != 1) std::abort();
}

std::string Md5Digest::Finish() {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(state_->context, out, &size) != 1) std::abort();
  return std::string(reinterpret_cast<char*>(out), size);
}

}  // namespace sluice::crypto
