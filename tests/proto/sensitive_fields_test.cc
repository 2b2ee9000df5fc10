// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "sluice/config/v1/client_config.pb.h"
#include "sluice/config/v1/sandbox_config.pb.h"
#include "sluice/config/v1/token_broker_config.pb.h"
#include "sluice/config/v1/upload_gateway_config.pb.h"
#include "sluice/options/v1/field_options.pb.h"
#include "sluice/token/v1/token_broker.pb.h"
#include "sluice/upload/v1/upload_gateway.pb.h"
#include "sluice/upload_gateway/v1/sealed_upload.pb.h"

namespace sluice {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

// Names that only ever hold what must not be printed.
bool LooksSensitive(std::string_view name) {
  constexpr std::array kNames = {"secret",    "token",   "password",  "ticket",
                                 "presigned", "sts_url", "upload_id", "form_fields"};
  for (std::string_view part : kNames) {
    if (name.find(part) != std::string_view::npos) return true;
  }
  return false;
}

void Walk(const Descriptor& message, std::vector<std::string>& unmarked, int& marked) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    const bool mark = field.options().GetExtension(options::v1::sensitive);
    const bool text =
        field.type() == FieldDescriptor::TYPE_STRING || field.type() == FieldDescriptor::TYPE_BYTES;
    marked += mark ? 1 : 0;
    if (text && LooksSensitive(field.name()) && !mark) unmarked.push_back(field.full_name());
  }
  for (int i = 0; i < message.nested_type_count(); ++i) Walk(*message.nested_type(i), unmarked, marked);
}

TEST(SensitiveFieldsTest, EveryFieldNamedLikeASecretIsMarked) {
  // A mention of each library, or the linker would leave its descriptors out.
  (void)token::v1::IssueTokenRequest::descriptor();
  (void)config::v1::TokenBrokerConfig::descriptor();
  (void)config::v1::SandboxConfig::descriptor();
  (void)config::v1::ClientConfig::descriptor();
  (void)config::v1::UploadGatewayConfig::descriptor();
  (void)upload::v1::UploadRequest::descriptor();
  (void)upload_gateway::v1::SealedUpload::descriptor();
  std::vector<std::string> unmarked;
  int marked = 0;
  int walked = 0;

  const std::filesystem::path root = std::string(SLUICE_SOURCE_DIR) + "/proto";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "sluice")) {
    if (entry.path().extension() != ".proto") continue;
    const std::string name = std::filesystem::relative(entry.path(), root).string();
    const FileDescriptor* file = DescriptorPool::generated_pool()->FindFileByName(name);
    ASSERT_NE(file, nullptr) << name << " is not linked into this test";
    for (int i = 0; i < file->message_type_count(); ++i) Walk(*file->message_type(i), unmarked, marked);
    ++walked;
  }

  EXPECT_GE(walked, 8);
  EXPECT_EQ(unmarked, std::vector<std::string>{});
  EXPECT_GE(marked, 3);
}

}  // namespace
}  // namespace sluice
