// SPDX-License-Identifier: Apache-2.0
#include "common/reasons/token_broker.h"
#include "tests/support/reason_pages.h"

namespace sluice::broker {
namespace {

constexpr char kProto[] = "proto/sluice/token/v1/token_broker.proto";

TEST(ReasonsTest, EachIsInTheProtosCommentsAndTheReadmesTable) {
  sluice::testing::ExpectReasonsOnPages(reasons::kTokenBroker, kProto, "services/token_broker/README.md");
}

TEST(ReasonsTest, TheProtoNamesNoOther) {
  sluice::testing::ExpectNoOtherReasons(reasons::kTokenBroker, kProto);
}

}  // namespace
}  // namespace sluice::broker
