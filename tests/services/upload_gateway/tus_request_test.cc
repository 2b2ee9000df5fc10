// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/tus_request.h"

#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "tests/support/status_matchers.h"

namespace sluice::gateway {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

std::string Pair(const std::string& name, const std::string& value) {
  return name + " " + crypto::Base64Encode(value);
}

absl::StatusOr<upload::v1::StartUploadRequest> Creation(const std::string& metadata,
                                                        const std::string& length = "10") {
  return ReadCreation({{"Upload-Length", length}, {"Upload-Metadata", metadata}});
}

TEST(TusRequestTest, MetadataNamesPathTypeAndGrantAndTheRestGoesToTheObject) {
  const std::string text = Pair("filename", "cat.jpg") + "," + Pair("filetype", "image/jpeg") + ", " +
                           Pair("grant", "photos") + "," + Pair("overwrite", "true") + "," +
                           Pair("crc64", "18446744073709551615") + "," + Pair("album", "summer");
  const auto request = Creation(text);

  ASSERT_THAT(request, IsOk());
  EXPECT_EQ(request->path(), "cat.jpg");
  EXPECT_EQ(request->content_type(), "image/jpeg");
  EXPECT_EQ(request->grant(), "photos");
  EXPECT_TRUE(request->overwrite());
  EXPECT_EQ(request->crc64(), 18446744073709551615u);
  EXPECT_EQ(request->size_bytes(), 10u);
  EXPECT_EQ(request->metadata().size(), 1u);
  EXPECT_EQ(request->metadata().at("album"), "summer");
  EXPECT_EQ(request->note(), text);
}

TEST(TusRequestTest, APathOfItsOwnGoesBeforeTheFilesName) {
  const auto request = Creation(Pair("name", "a") + "," + Pair("path", "b/c") + "," + Pair("filename", "d"));

  ASSERT_THAT(request, IsOk());
  EXPECT_EQ(request->path(), "b/c");
  EXPECT_TRUE(request->metadata().empty());
}

TEST(TusRequestTest, WhatAnObjectCannotHaveIsKeptInTheNoteAlone) {
  const std::string text =
      Pair("relativePath", "x") + "," + Pair("caption", "Straße") + ",empty," + Pair("spaced", " x");
  const auto request = Creation(text);

  ASSERT_THAT(request, IsOk());
  EXPECT_TRUE(request->metadata().empty());
  EXPECT_EQ(request->note(), text);
}

TEST(TusRequestTest, BrokenMetadataIsRefused) {
  for (const std::string& text : std::vector<std::string>{
           ",", "a YQ==,", ",a YQ==", "a YQ=", "a !", "a YQ== b", " ",
           "a YQ==,a YQ==", "\x01 YQ==", "a  YQ==", Pair("path", "\xff\xfe"), Pair("overwrite", "yes"),
           Pair("crc64", "0x1"), Pair("crc64", "18446744073709551616")}) {
    EXPECT_THAT(Creation(text), FailsWith(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED")) << text;
  }
  EXPECT_THAT(Creation(Pair("a", std::string(2048, 'x'))),
              FailsWith(absl::StatusCode::kInvalidArgument, "METADATA_INVALID"));
}

TEST(TusRequestTest, ALengthIsADecimalNumberAndThereOnce) {
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "1.0", "0x10", "18446744073709551616", "ten"}) {
    EXPECT_THAT(Creation("", text), FailsWith(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED"))
        << text;
  }
  EXPECT_THAT(ReadCreation({{"Upload-Length", "1"}, {"upload-length", "1"}}),
              FailsWith(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED"));
  EXPECT_THAT(ReadCreation({}), FailsWith(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED"));
  EXPECT_EQ(Creation("", "18446744073709551615")->size_bytes(), 18446744073709551615u);
}

TEST(TusRequestTest, ExtensionsThatAreNotHereAreRefused) {
  EXPECT_THAT(ReadCreation({{"Upload-Length", "1"}, {"Upload-Concat", "partial"}}),
              FailsWith(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED"));
  EXPECT_THAT(ReadCreation({{"Upload-Defer-Length", "1"}}),
              FailsWith(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED"));
}

TEST(TusRequestTest, EachAlgorithmOfAChecksumIsRead) {
  const std::pair<const char*, std::string> sums[] = {
      {"sha1", crypto::Sha1("x")}, {"sha256", crypto::Sha256("x")}, {"md5", crypto::Md5("x")}};
  for (const auto& [name, digest] : sums) {
    const auto sum = ReadChecksum({{"Upload-Checksum", Pair(name, digest)}});
    ASSERT_THAT(sum, IsOk()) << name;
    EXPECT_EQ((**sum).digest, digest);
  }
  EXPECT_FALSE(ReadChecksum({})->has_value());
}

TEST(TusRequestTest, BrokenChecksumsAreRefused) {
  for (const std::string& text :
       {std::string(), std::string("sha1"), std::string("sha1 "), std::string("sha1 YQ=="),
        Pair("crc32", "1234"), Pair("SHA1", crypto::Sha1("x")), Pair("md5", crypto::Sha1("x")),
        "sha1  " + crypto::Base64Encode(crypto::Sha1("x"))}) {
    EXPECT_THAT(ReadChecksum({{"Upload-Checksum", text}}),
                FailsWith(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED"))
        << text;
  }
}

TEST(TusRequestTest, ErrorsHaveTheStatusThatClientsOfTusKnow) {
  const auto of = [](absl::StatusCode code, const char* reason, const char* field = "") {
    return TusStatusOf(Fail(code, reason, "x").With("field", field));
  };
  EXPECT_EQ(of(absl::StatusCode::kAborted, "OFFSET_MISMATCH"), 409);
  EXPECT_EQ(of(absl::StatusCode::kDataLoss, "CHECKSUM_MISMATCH"), 460);
  EXPECT_EQ(of(absl::StatusCode::kFailedPrecondition, "TUS_VERSION_UNSUPPORTED"), 412);
  EXPECT_EQ(of(absl::StatusCode::kFailedPrecondition, "OSS_REFUSED"), 500);
  EXPECT_EQ(of(absl::StatusCode::kPermissionDenied, "LIMIT_EXCEEDED", "size_bytes"), 413);
  EXPECT_EQ(of(absl::StatusCode::kPermissionDenied, "LIMIT_EXCEEDED", "content_type"), 403);
  EXPECT_EQ(of(absl::StatusCode::kOutOfRange, "SIZE_EXCEEDED"), 413);
  EXPECT_EQ(of(absl::StatusCode::kResourceExhausted, "GATEWAY_OVERLOADED"), 503);
  EXPECT_EQ(of(absl::StatusCode::kNotFound, "UPLOAD_NOT_FOUND"), 404);
  EXPECT_EQ(of(absl::StatusCode::kUnauthenticated, "JWT_INVALID"), 401);
  EXPECT_EQ(of(absl::StatusCode::kAlreadyExists, "OBJECT_EXISTS"), 403);
  EXPECT_EQ(of(absl::StatusCode::kUnavailable, "GATEWAY_DRAINING"), 503);
}

}  // namespace
}  // namespace sluice::gateway
