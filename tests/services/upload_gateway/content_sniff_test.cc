// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/content_sniff.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace sluice::gateway {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using std::string_literals::operator""s;

const std::string kPng = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"s;

TEST(SniffTypeTest, KnowsFilesByTheirFirstBytes) {
  EXPECT_EQ(SniffType(kPng), "image/png");
  EXPECT_EQ(SniffType("\xff\xd8\xff\xe0\0\x10JFIF"s), "image/jpeg");
  EXPECT_EQ(SniffType("RIFF\x24\0\0\0WEBPVP8 "s), "image/webp");
  EXPECT_EQ(SniffType("RIFF\x24\0\0\0WAVEfmt "s), "audio/wav");
  EXPECT_EQ(SniffType("\0\0\0\x18"
                      "ftypheic"s),
            "image/heic");
  EXPECT_EQ(SniffType("\0\0\0\x18"
                      "ftypisom"s),
            "video/mp4");
  EXPECT_EQ(SniffType("%PDF-1.7"), "application/pdf");
  EXPECT_EQ(SniffType("\x7f"
                      "ELF\x02"),
            "application/x-elf");
  EXPECT_EQ(SniffType("\xef\xbb\xbf \n<!DOCTYPE HTML><html>"), "text/html");
  EXPECT_EQ(SniffType("<svg xmlns="), "image/svg+xml");
}

TEST(SniffTypeTest, SaysNothingOfOtherBytesHoweverFew) {
  for (const std::string& bytes : {""s, "\0"s, "\x89"s, "\x89PN"s, "GIF8"s, "hello <html>"s, "   "s, "RIFF"s})
    EXPECT_EQ(SniffType(bytes), "") << bytes;
}

TEST(CheckFirstBytesTest, APictureMustLookLikeOneWhereOnlyPicturesAreTaken) {
  const std::vector<std::string> pictures = {"image/*"};
  EXPECT_THAT(CheckFirstBytes(pictures, "image/png", kPng), IsOk());
  EXPECT_THAT(CheckFirstBytes(pictures, "image/PNG; q=1", kPng), IsOk());
  // A kind whose files do not all begin alike is believed.
  EXPECT_THAT(CheckFirstBytes(pictures, "image/x-raw", "anything"), IsOk());
  for (const std::string& bytes :
       {"<script>alert(1)</script>"s, "MZ\x90"s, "hello"s, "%PDF-1.4"s, "\xff\xd8\xff"s})
    EXPECT_THAT(CheckFirstBytes(pictures, "image/png", bytes),
                FailsWith(absl::StatusCode::kPermissionDenied, "LIMIT_EXCEEDED"))
        << bytes;
  // A page behind a type that nobody can check.
  EXPECT_THAT(CheckFirstBytes(pictures, "image/x-raw", "<html>"),
              FailsWith(absl::StatusCode::kPermissionDenied, "LIMIT_EXCEEDED"));
}

TEST(CheckFirstBytesTest, WithoutALimitNothingIsJudged) {
  EXPECT_THAT(CheckFirstBytes({}, "image/png", "<html>"), IsOk());
  EXPECT_THAT(CheckFirstBytes({"image/*"}, "image/png", ""), IsOk());  // an empty object has no bytes to show
}

TEST(CheckFirstBytesTest, OtherNamesOfOneKindAreThatKind) {
  EXPECT_THAT(CheckFirstBytes({"image/jpg"}, "image/jpg", "\xff\xd8\xff\xe0"), IsOk());
  EXPECT_THAT(CheckFirstBytes({"audio/mp4"}, "audio/mp4",
                              "\0\0\0\x18"
                              "ftypM4A "s),
              IsOk());
}

TEST(AllowsTypeTest, PatternsCoverTheirKindAndNoOther) {
  EXPECT_TRUE(AllowsType({}, "anything/at-all"));
  EXPECT_TRUE(AllowsType({"image/*"}, "IMAGE/png"));
  EXPECT_FALSE(AllowsType({"image/*"}, "imagex/png"));
  EXPECT_TRUE(AllowsType({"image/png", "text/plain"}, "text/plain; charset=utf-8"));
  EXPECT_FALSE(AllowsType({"image/png"}, "image/pngx"));
}

}  // namespace
}  // namespace sluice::gateway
