// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/sealing_ring.h"

#include "common/crypto/encoding.h"
#include "common/crypto/random.h"
#include "tests/support/status_matchers.h"

namespace sluice::crypto {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

SealingKey Key(const std::string& id, char fill) { return {id, SecretString(std::string(32, fill))}; }

std::shared_ptr<const SealingRing> Ring(std::vector<SealingKey> keys) {
  return SealingRing::Make(std::move(keys)).value();
}

TEST(SealingRingTest, WhatWasSealedOpensForItsPurposeAlone) {
  const auto ring = Ring({Key("a", 'a')});
  for (const std::string& text : {std::string(), std::string("text"), std::string(5000, '\0')}) {
    const std::string sealed = ring->Seal(text, "upload");
    EXPECT_EQ(ring->Open(sealed, "upload"), text);
    EXPECT_EQ(ring->Open(sealed, "other"), std::nullopt);
    EXPECT_EQ(sealed.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
              std::string::npos);
    EXPECT_LE(sealed.size(), text.size() * 4 / 3 + 90);
    EXPECT_NE(ring->Seal(text, "upload"), sealed);
  }
  EXPECT_EQ(ring->Seal("Alice's secret", "upload").find(Base64UrlEncode("Alice")), std::string::npos);
}

TEST(SealingRingTest, AnyChangedBitAnyCutAndAnyOtherKeyOpensNothing) {
  const auto ring = Ring({Key("a", 'a')});
  const std::string sealed = ring->Seal("some text", "upload");
  const std::string bytes = *Base64UrlDecode(sealed);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    ASSERT_EQ(ring->Open(Base64UrlEncode(changed), "upload"), std::nullopt) << bit;
  }
  for (size_t length = 0; length < bytes.size(); ++length)
    ASSERT_EQ(ring->Open(Base64UrlEncode(bytes.substr(0, length)), "upload"), std::nullopt) << length;
  EXPECT_EQ(ring->Open(Base64UrlEncode(bytes + "x"), "upload"), std::nullopt);
  EXPECT_EQ(ring->Open("", "upload"), std::nullopt);
  EXPECT_EQ(ring->Open("\xff not base64", "upload"), std::nullopt);
  EXPECT_EQ(ring->Open(std::string(100000, 'A'), "upload"), std::nullopt);
  // Of the same name, and of another.
  EXPECT_EQ(Ring({Key("a", 'b')})->Open(sealed, "upload"), std::nullopt);
  EXPECT_EQ(Ring({Key("b", 'a')})->Open(sealed, "upload"), std::nullopt);
}

TEST(SealingRingTest, ANewKeyInFrontSealsAndTheOldOneStillOpens) {
  const std::string old = Ring({Key("a", 'a')})->Seal("text", "upload");
  const auto both = Ring({Key("b", 'b'), Key("a", 'a')});
  EXPECT_EQ(both->Open(old, "upload"), "text");
  EXPECT_EQ(Ring({Key("b", 'b')})->Open(both->Seal("text", "upload"), "upload"), "text");
}

TEST(SealingRingTest, MacsAreOfTextPurposeAndKey) {
  const auto ring = Ring({Key("b", 'b'), Key("a", 'a')});
  EXPECT_EQ(ring->Mac("text", "object").size(), 32u);
  EXPECT_EQ(ring->Mac("text", "object"), ring->Mac("text", "object"));
  EXPECT_NE(ring->Mac("text", "object"), ring->Mac("text", "upload"));
  EXPECT_NE(ring->Mac("text", "object"), ring->Mac("texts", "object"));
  EXPECT_EQ(ring->Macs("text", "object"),
            (std::vector<std::string>{Ring({Key("b", 'b')})->Mac("text", "object"),
                                      Ring({Key("a", 'a')})->Mac("text", "object")}));
}

TEST(SealingRingTest, EphemeralRingsOpenNothingOfEachOther) {
  EXPECT_EQ(SealingRing::Ephemeral()->Open(SealingRing::Ephemeral()->Seal("text", "upload"), "upload"),
            std::nullopt);
}

TEST(SealingRingTest, BadKeysAreRefusedByName) {
  const std::vector<std::vector<SealingKey>> bad = {{},
                                                    {Key("", 'a')},
                                                    {Key("a b", 'a')},
                                                    {Key(std::string(65, 'a'), 'a')},
                                                    {Key("a", 'a'), Key("a", 'b')},
                                                    {{"a", SecretString("short")}},
                                                    {{"a", SecretString(std::string(33, 'a'))}}};
  for (const auto& keys : bad) {
    EXPECT_THAT(SealingRing::Make(keys).status(),
                FailsWith(absl::StatusCode::kInvalidArgument, "SEALING_KEYS_INVALID"));
  }
}

}  // namespace
}  // namespace sluice::crypto
