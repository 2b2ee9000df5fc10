// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/incoming_frame.h"

#include <google/protobuf/stubs/logging.h>

#include <random>

#include "tests/support/status_matchers.h"

namespace sluice::gateway {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using upload::v1::UploadRequest;
using Kind = IncomingFrame::Kind;

absl::StatusOr<IncomingFrame> Read(std::string_view bytes) {
  const std::string_view slices[] = {bytes};
  return ReadFrame(slices);
}

std::string Joined(const IncomingFrame& frame) {
  std::string out;
  for (std::string_view view : frame.data) out += view;
  return out;
}

// Both ways to read some bytes come to the same.
void ExpectAsProtobuf(const std::string& bytes, const std::vector<std::string_view>& slices) {
  UploadRequest theirs;
  const bool good = theirs.ParseFromString(bytes);
  const auto ours = ReadFrame(slices);
  ASSERT_EQ(ours.ok(), good) << "of " << bytes.size() << " bytes";
  if (!good) return;
  switch (theirs.message_case()) {
    case UploadRequest::kUploadId:
      ASSERT_EQ(ours->kind, Kind::kUploadId);
      EXPECT_EQ(ours->upload_id, theirs.upload_id());
      break;
    case UploadRequest::kStart:
      ASSERT_EQ(ours->kind, Kind::kStart);
      EXPECT_EQ(ours->start.SerializeAsString(), theirs.start().SerializeAsString());
      break;
    case UploadRequest::kChunk:
      ASSERT_EQ(ours->kind, Kind::kChunk);
      EXPECT_EQ(ours->offset, theirs.chunk().offset());
      EXPECT_EQ(ours->crc32c.has_value(), theirs.chunk().has_crc32c());
      EXPECT_EQ(ours->crc32c.value_or(0), theirs.chunk().crc32c());
      EXPECT_EQ(Joined(*ours), theirs.chunk().data());
      break;
    case UploadRequest::kFinish:
      ASSERT_EQ(ours->kind, Kind::kFinish);
      EXPECT_EQ(ours->crc64.has_value(), theirs.finish().has_crc64());
      EXPECT_EQ(ours->crc64.value_or(0), theirs.finish().crc64());
      break;
    case UploadRequest::MESSAGE_NOT_SET:
      EXPECT_EQ(ours->kind, Kind::kNone);
      break;
  }
}

TEST(ReadFrameTest, ThePayloadStaysWhereItLies) {
  UploadRequest request;
  request.mutable_chunk()->set_offset(uint64_t{1} << 40);
  request.mutable_chunk()->set_crc32c(0xfedcba98);
  request.mutable_chunk()->set_data(std::string(1000, 'x'));
  const std::string bytes = request.SerializeAsString();
  const std::string_view all = bytes;
  const std::string_view slices[] = {all.substr(0, 5), all.substr(5, 0), all.substr(5, 500), all.substr(505)};

  const auto frame = ReadFrame(slices);

  ASSERT_THAT(frame, IsOk());
  EXPECT_EQ(frame->kind, Kind::kChunk);
  EXPECT_EQ(frame->offset, uint64_t{1} << 40);
  EXPECT_EQ(frame->crc32c, 0xfedcba98u);
  EXPECT_EQ(frame->data_bytes(), 1000u);
  ASSERT_EQ(frame->data.size(), 2u);
  for (std::string_view view : frame->data) {
    EXPECT_GE(view.data(), all.data());
    EXPECT_LE(view.data() + view.size(), all.data() + all.size());
  }
}

TEST(ReadFrameTest, BytesThatAreNoMessageAreRefused) {
  using namespace std::string_literals;
  const std::string bad[] = {
      "\x1a"s,                 // a chunk without its length
      "\x1a\x05\x1a\x04xyz"s,  // data that is cut short
      "\x1a\x7f"s,             // longer than what came
      "\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,
      "\x1a\x02\x08\x80"s,  // a varint that does not end inside
      "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,
      "\x02\x00"s,      // a field of number 0
      "\x2b\x2b\x2c"s,  // a group that is not closed
      "\x2b\x34"s,      // closed by another
      "\x2c"s,          // closed without being open
      "\x2f"s,
      "\x2e"s,  // wire types that nobody has
      "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,
      std::string(300, '\x2b'),  // groups beyond any depth
  };
  for (const std::string& bytes : bad) {
    EXPECT_THAT(Read(bytes), FailsWith(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED"));
    ExpectAsProtobuf(bytes, {bytes});
  }
}

TEST(ReadFrameTest, TextBeyondItsBoundIsRefusedBeforeItIsCopied) {
  UploadRequest request;
  request.set_upload_id(std::string(64 * 1024, 'i'));
  EXPECT_THAT(Read(request.SerializeAsString()), IsOk());
  request.set_upload_id(std::string(64 * 1024 + 1, 'i'));
  EXPECT_FALSE(Read(request.SerializeAsString()).ok());
}

TEST(ReadFrameTest, AgreesWithProtobufOnMessagesJoinedCutAndSpoiled) {
  google::protobuf::SetLogHandler(nullptr);  // of texts that are no UTF-8 there are many
  std::mt19937 random(11);
  const auto number = [&](unsigned below) { return random() % below; };
  for (int round = 0; round < 20000; ++round) {
    std::string bytes;
    for (unsigned part = 0, parts = 1 + number(3); part < parts; ++part) {
      UploadRequest request;
      switch (number(5)) {
        case 0:
          request.set_upload_id(std::string(number(40), 'u'));
          break;
        case 1:
          request.mutable_start()->set_path(std::string(number(20), 'p'));
          if (number(2)) request.mutable_start()->set_size_bytes(random());
          break;
        case 2:
          if (number(2)) request.mutable_finish()->set_crc64((uint64_t{random()} << 32) + random());
          request.mutable_finish();
          break;
        default:
          request.mutable_chunk()->set_offset(uint64_t{random()} << number(32));
          if (number(2)) request.mutable_chunk()->set_crc32c(random());
          if (number(4))
            request.mutable_chunk()->set_data(std::string(number(300), static_cast<char>('a' + part)));
      }
      bytes += request.SerializeAsString();
      if (number(4) == 0)
        bytes += std::string(
            "\xa2\x06\x03"
            "abc",
            6);                                                                 // unknown, with a length
      if (number(4) == 0) bytes += std::string("\xa3\x06\x08\x01\xa4\x06", 6);  // unknown, a group
    }
    if (number(3) == 0 && !bytes.empty())
      bytes[number(static_cast<unsigned>(bytes.size()))] ^= static_cast<char>(1 << number(8));
    if (number(5) == 0) bytes.resize(number(static_cast<unsigned>(bytes.size()) + 1));
    std::vector<std::string_view> slices;
    for (std::string_view left = bytes; !left.empty();) {
      const size_t cut = number(40);
      slices.push_back(left.substr(0, cut));
      left.remove_prefix(std::min(cut, left.size()));
    }
    ASSERT_NO_FATAL_FAILURE(ExpectAsProtobuf(bytes, slices)) << "round " << round;
  }
}

}  // namespace
}  // namespace sluice::gateway
