// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/audit.h"

#include <sys/stat.h>

#include "common/base/json.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

AuditRecord Record(const std::string& subject) {
  AuditRecord record;
  record.time = sluice::testing::FakeClock().Now();
  record.method = "IssueToken";
  record.subject = subject;
  record.allowed = true;
  record.scope = std::make_shared<const Scope>(
      Scope{"b", "uploads/a/", false, {token::v1::OPERATION_UPLOAD, token::v1::OPERATION_LIST}});
  record.expires = record.time;
  return record;
}

TEST(AuditLineTest, IsOneLineOfJsonWhateverTheSubjectHolds) {
  const std::string line = AuditLine(Record("a\n\"b\xE2\x80\xA8"));

  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto object = ParseJson(line).value().as_object();
  EXPECT_EQ(JsonText(object, "subject"), "a\n\"b\xE2\x80\xA8");
  EXPECT_EQ(JsonText(object, "decision"), "allowed");
  EXPECT_EQ(JsonText(object, "operations"), "UPLOAD,LIST");
  EXPECT_EQ(JsonText(object, "prefix"), "uploads/a/");
  EXPECT_EQ(JsonText(object, "expires"), "2026-01-01T00:00:00Z");
  EXPECT_FALSE(object.contains("reason"));
}

TEST(OpenAuditTest, WhatWasAcceptedIsInTheFileWhenItCloses) {
  const sluice::testing::TempDir dir;
  {
    auto audit = OpenAudit(dir.Path("audit"));
    ASSERT_THAT(audit, IsOk());
    for (int i = 0; i < 500; ++i) EXPECT_THAT((*audit)->Accept(Record(std::to_string(i))), IsOk());
  }
  const std::string text = dir.Read("audit");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 500);
  EXPECT_NE(text.find("\"subject\":\"499\""), std::string::npos);
  struct stat about {};
  ASSERT_EQ(stat(dir.Path("audit").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
}

TEST(OpenAuditTest, ADecisionThatIsRepeatedLeavesTheLineThatItsOwnRecordWould) {
  const sluice::testing::TempDir dir;
  AuditRecord record = Record("a\"b");
  const RepeatedAudit repeated(record);
  record.time += std::chrono::hours(26);
  record.request_id = "0123456789abcdef";
  record.trace_id = "0af7651916cd43dd8448eb211c80319c";
  {
    auto audit = OpenAudit(dir.Path("audit"));
    ASSERT_THAT(audit, IsOk());
    ASSERT_THAT((*audit)->Accept(record), IsOk());
    ASSERT_THAT((*audit)->AcceptAgain(repeated, {record.time, record.request_id, record.trace_id}), IsOk());
  }
  EXPECT_EQ(dir.Read("audit"), AuditLine(record) + "\n" + AuditLine(record) + "\n");
  EXPECT_EQ(JsonText(ParseJson(AuditLine(record))->as_object(), "request_id"), record.request_id);
}

TEST(OpenAuditTest, AFullDiskIsRefusedRatherThanForgotten) {
  auto audit = OpenAudit("/dev/full");
  ASSERT_THAT(audit, IsOk());
  // The first are taken before the disk has said no; soon none is, or the queue itself is full.
  absl::Status status;
  for (int i = 0; i < 100000 && status.ok(); ++i) status = (*audit)->Accept(Record("x"));

  EXPECT_THAT(status, FailsWith(absl::StatusCode::kUnavailable, "AUDIT_UNAVAILABLE"));
  EXPECT_TRUE(RetryDelay(status).has_value());
}

TEST(OpenAuditTest, AFileThatCannotBeOpenedStopsStartUp) {
  EXPECT_THAT(OpenAudit("/nonexistent/folder/audit"),
              FailsWith(absl::StatusCode::kInvalidArgument, "CONFIG_INVALID"));
}

}  // namespace
}  // namespace sluice::broker
