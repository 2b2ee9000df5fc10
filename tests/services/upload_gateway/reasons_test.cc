// SPDX-License-Identifier: Apache-2.0
#include "common/reasons/upload_gateway.h"
#include "tests/support/reason_pages.h"

namespace sluice::gateway {
namespace {

constexpr char kProto[] = "proto/sluice/upload/v1/upload_gateway.proto";

TEST(ReasonsTest, EachIsInTheProtosCommentsAndTheReadmesTable) {
  sluice::testing::ExpectReasonsOnPages(reasons::kUploadGateway, kProto, "services/upload_gateway/README.md");
}

TEST(ReasonsTest, TheProtoNamesNoOther) {
  sluice::testing::ExpectNoOtherReasons(reasons::kUploadGateway, kProto);
}

}  // namespace
}  // namespace sluice::gateway
