// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/oss_answers.h"

#include <gtest/gtest.h>

#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace sluice::aliyun {
namespace {

using absl::StatusCode;
using sluice::testing::FailsWith;
using sluice::testing::IsOk;

http::Response Answer(int status, std::string body, http::Headers headers = {}) {
  return {status, std::move(headers), std::move(body)};
}

std::string Part(const std::string& number, const std::string& size = "5", const std::string& more = "") {
  return "<Part><PartNumber>" + number + "</PartNumber><Size>" + size + "</Size><ETag>\"A" + number +
         "\"</ETag>" + more + "</Part>";
}
http::Response Parts(const std::string& inside) {
  return Answer(200, "<?xml version=\"1.0\"?><ListPartsResult>" + inside + "</ListPartsResult>");
}

TEST(ReadPartsPageTest, ReadsPartsAndWhereToGoOn) {
  const auto page = ReadPartsPage(
      Parts("<IsTruncated>true</IsTruncated><NextPartNumberMarker>7</NextPartNumberMarker>" +
            Part("1", "262144", "<HashCrc64ecma>18446744073709551615</HashCrc64ecma>") + Part("7")));
  ASSERT_THAT(page, IsOk());
  ASSERT_EQ(page->parts.size(), 2u);
  EXPECT_EQ(page->parts[0].crc64, UINT64_MAX);
  EXPECT_EQ(page->parts[0].etag, "A1");
  EXPECT_EQ(page->parts[1].crc64, std::nullopt);
  EXPECT_EQ(page->next, 7u);
  EXPECT_EQ(ReadPartsPage(Parts(""))->next, std::nullopt);
}

TEST(ReadPartsPageTest, HostileListsAreRefused) {
  for (const std::string& inside :
       {Part("0"), Part("10001"), Part("-1"), Part("1e3"), Part("1", "99999999999999999999999"),
        Part("2") + Part("1"), Part("1") + Part("1"),
        std::string("<Part><PartNumber>1</PartNumber><Size>1</Size></Part>"),
        std::string("<Part><PartNumber>1</PartNumber><Size>1</Size><ETag>a b</ETag></Part>"),
        "<IsTruncated>true</IsTruncated>" + Part("1"),
        "<IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker>" + Part("5"),
        std::string("<IsTruncated>true</IsTruncated><NextPartNumberMarker>5</NextPartNumberMarker>")})
    EXPECT_THAT(ReadPartsPage(Parts(inside)).status(),
                FailsWith(StatusCode::kUnavailable, "OSS_ANSWER_INVALID"))
        << inside;
}

TEST(OssAnswersTest, WhatIsNotTheVendorsXmlIsNoAnswer) {
  const std::string entity =
      "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><ListPartsResult>&x;</ListPartsResult>";
  for (const std::string& body :
       {std::string(), std::string("<html>"), entity, std::string("\0\xff", 2), std::string(5 << 20, 'x')}) {
    EXPECT_EQ(Reason(ReadPartsPage(Answer(200, body)).status()), "OSS_ANSWER_INVALID");
    EXPECT_EQ(Reason(ReadInitiated(Answer(200, body)).status()), "OSS_ANSWER_INVALID");
    EXPECT_EQ(Reason(ReadCompleted(Answer(200, body)).status()), "OSS_ANSWER_INVALID");
  }
}

TEST(OssAnswersTest, AnErrorBehindASuccessAndASuccessThatIsNoneAreErrors) {
  const std::string error = "<Error><Code>InternalError</Code></Error>";
  EXPECT_THAT(ReadCompleted(Answer(200, error)).status(),
              FailsWith(StatusCode::kUnavailable, "OSS_UNAVAILABLE"));
  for (const int status : {201, 203, 204, 302}) {
    EXPECT_FALSE(
        ReadCompleted(
            Answer(status, "<CompleteMultipartUploadResult><ETag>a</ETag></CompleteMultipartUploadResult>"))
            .ok());
    EXPECT_FALSE(ReadStored(Answer(status, "", {{"ETag", "\"a\""}})).ok());
    EXPECT_FALSE(ReadFacts(Answer(status, "", {{"ETag", "\"a\""}})).ok());
  }
  EXPECT_THAT(ReadInitiated(Answer(403, "<Error><Code>AccessDenied</Code></Error>")).status(),
              FailsWith(StatusCode::kPermissionDenied, "OSS_ACCESS_DENIED"));
}

TEST(OssAnswersTest, SumsTagsAndMarksAreTakenFromTheHeaders) {
  const auto stored = ReadStored(Answer(200, "", {{"etag", "\"AB\""}, {"X-Oss-Hash-Crc64ecma", "12"}}));
  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ(stored->etag, "AB");
  EXPECT_EQ(stored->crc64, 12u);
  EXPECT_EQ(ReadStored(Answer(200, "", {{"ETag", "x"}, {"x-oss-hash-crc64ecma", "12x"}}))->crc64,
            std::nullopt);
  EXPECT_EQ(Reason(ReadStored(Answer(200, "")).status()), "OSS_ANSWER_INVALID");
  const auto facts = ReadFacts(Answer(200, "",
                                      {{"ETag", "\"A\""},
                                       {"Content-Length", "9"},
                                       {"X-Oss-Meta-Sluice-Upload", "mark"},
                                       {"x-oss-version-id", "v1"}}));
  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->info.size, 9u);
  EXPECT_EQ(facts->metadata.at("sluice-upload"), "mark");
  EXPECT_EQ(facts->version_id, "v1");
}

TEST(CompleteBodyTest, NamesThePartsInOrderAndEscapesWhatTheyAreCalled) {
  EXPECT_EQ(CompleteBody({{1, "A", std::nullopt}, {5, "<&", std::nullopt}}),
            "<?xml version=\"1.0\"?>"
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"A\"</ETag></"
            "Part><Part><PartNumber>5</PartNumber>"
            "<ETag>\"&lt;&amp;\"</ETag></Part></CompleteMultipartUpload>");
}

}  // namespace
}  // namespace sluice::aliyun
