// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/form_data.h"

#include "gtest/gtest.h"

namespace sluice::sandbox {
namespace {

using Verdict = FormDataReader::Verdict;

constexpr char kForm[] =
    "preamble\r\n--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nuploads/a\r\n"
    "--b\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n"
    "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"c \\\"a\\\".jpg\"\r\nContent-Type: "
    "image/jpeg\r\n\r\nline\r\n--not\r\nmore\r\n"
    "--b\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nlater\r\n--b--\r\nepilogue";

std::string Text(const Content& content) {
  std::string out;
  for (const auto& piece : content.pieces) out += *piece;
  return out;
}

TEST(FormDataReaderTest, ReadsTheSameHoweverItIsCut) {
  const std::string whole = kForm;
  for (size_t step : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, whole.size()}) {
    FormDataReader reader("b");
    for (size_t at = 0; at < whole.size(); at += step)
      ASSERT_EQ(reader.Feed(std::string_view(whole).substr(at, step)), Verdict::kFine) << step << " " << at;
    EXPECT_TRUE(reader.ended());
    ASSERT_EQ(reader.fields().size(), 2u) << step;
    EXPECT_EQ(reader.fields()[0], (std::pair<std::string, std::string>("key", "uploads/a")));
    EXPECT_EQ(reader.fields()[1], (std::pair<std::string, std::string>("empty", "")));
    EXPECT_EQ(reader.file_name(), "c \"a\".jpg");
    EXPECT_EQ(reader.file_type(), "image/jpeg");
    EXPECT_EQ(Text(*reader.TakeFile()), "line\r\n--not\r\nmore");
  }
}

TEST(FormDataReaderTest, APartWithoutABodyIsEmpty) {
  FormDataReader reader("b");
  EXPECT_EQ(reader.Feed("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n--b--"), Verdict::kFine);
  EXPECT_TRUE(reader.ended());
  EXPECT_EQ(reader.fields()[0], (std::pair<std::string, std::string>("a", "")));
}

TEST(FormDataReaderTest, AFormThatBreaksOffHasNotEnded) {
  const std::string whole = kForm;
  const size_t end = whole.find("--b--") + 5;
  for (size_t size = 0; size < end; ++size) {
    FormDataReader reader("b");
    (void)reader.Feed(std::string_view(whole).substr(0, size));
    EXPECT_FALSE(reader.ended()) << size;
  }
}

TEST(FormDataReaderTest, HostileFormsAreRefused) {
  const auto judge = [](const std::string& text) {
    FormDataReader reader("b");
    return reader.Feed(text);
  };
  EXPECT_EQ(judge("--bXY"), Verdict::kMalformed);
  EXPECT_EQ(judge("--b\r\nno colon\r\n\r\n"), Verdict::kMalformed);
  EXPECT_EQ(judge("--b\r\nContent-Type: a/b\r\n\r\n"), Verdict::kMalformed);
  EXPECT_EQ(judge("--b\r\nContent-Disposition: form-data\r\n\r\n"), Verdict::kMalformed);
  EXPECT_EQ(judge("--b\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n"), Verdict::kMalformed);
  EXPECT_EQ(judge("--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\n"), Verdict::kMalformed);
  EXPECT_EQ(judge("--b\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n"), Verdict::kMalformed);
  EXPECT_EQ(judge("--b\r\n" + std::string(20000, 'h')), Verdict::kTooLong);
  EXPECT_EQ(judge("--b\r\nContent-Disposition: form-data; name=\"" + std::string(9000, 'n') + "\"\r\n\r\n"),
            Verdict::kTooLong);
  EXPECT_EQ(judge("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" + std::string(3 << 20, 'v')),
            Verdict::kTooLong);
  std::string many;
  for (int i = 0; i < 200; ++i) many += "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nv\r\n";
  EXPECT_EQ(judge(many), Verdict::kTooLong);
}

TEST(FormDataReaderTest, OnlyTheFirstFileCounts) {
  FormDataReader reader("b");
  const std::string file = "--b\r\nContent-Disposition: form-data; name=file; filename=";
  EXPECT_EQ(
      reader.Feed(file + "one\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name=key\r\n\r\nlate\r\n" +
                  file + "two\r\n\r\n2\r\n--b--"),
      Verdict::kFine);
  EXPECT_EQ(reader.file_name(), "one");
  EXPECT_TRUE(reader.fields().empty());
  EXPECT_EQ(Text(*reader.TakeFile()), "1");
}

TEST(FormDataReaderTest, OnlyARightBoundaryCounts) {
  EXPECT_EQ(FormDataReader::BoundaryOf("multipart/form-data; boundary=ab"), "ab");
  EXPECT_EQ(FormDataReader::BoundaryOf("Multipart/Form-Data; charset=x; boundary=\"a b\""), "a b");
  for (const char* type : {"", "text/plain; boundary=a", "multipart/mixed; boundary=a", "multipart/form-data",
                           "multipart/form-data; boundary=", "multipart/form-data; boundary=\"a",
                           "multipart/form-data; boundary=a\r", "multipart/form-data; boundary=\"a \""})
    EXPECT_EQ(FormDataReader::BoundaryOf(type), "") << type;
  EXPECT_EQ(FormDataReader::BoundaryOf("multipart/form-data; boundary=" + std::string(71, 'a')), "");
}

}  // namespace
}  // namespace sluice::sandbox
