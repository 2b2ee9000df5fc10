// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/image_process.h"

#include "common/crypto/encoding.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

constexpr char kPrefix[] = "uploads/alice/";

std::string Mark(const std::string& picture) {
  return "image/watermark,image_" + crypto::Base64UrlEncode(picture);
}

TEST(ImageProcessTest, AllowedActionsPassWithTheirOwnParameters) {
  for (const std::string& process :
       {std::string("image/resize,w_100"), std::string("image/resize,m_fill,w_1,h_1,limit_0,color_FFFFFF"),
        std::string("image/resize,p_50/watermark,text_SGk,g_se,x_1"), Mark("uploads/alice/logo.png"),
        Mark("uploads/alice/logo.png?x-oss-process=image/resize,p_10")})
    EXPECT_THAT(CheckProcess(process, {}, kPrefix), IsOk()) << process;
  EXPECT_THAT(CheckProcess("style/thumb", {{}, {"thumb"}}, kPrefix), IsOk());
}

TEST(ImageProcessTest, NothingReachesBeyondThePrefixOrTheRules) {
  for (const std::string& process : {std::string(),
                                     std::string("image/"),
                                     std::string("resize,w_1"),
                                     std::string("image/blur,r_1,s_1"),
                                     std::string("image/resize,w_1|sys/saveas,o_eA,b_eA"),
                                     std::string("image/resize,w_1/"),
                                     std::string("image/resize,evil_1"),
                                     std::string("image/resize,w_"),
                                     std::string("image/resize,w_1 "),
                                     std::string("image/resize,w_1\n"),
                                     std::string("image/resize,w_%31"),
                                     std::string("IMAGE/resize,w_1"),
                                     std::string("video/snapshot,t_1"),
                                     std::string("style/thumb"),
                                     std::string("style/"),
                                     Mark("uploads/bob/logo.png"),
                                     Mark("uploads/alice"),
                                     Mark("uploads/alice/"),
                                     Mark("uploads/alice/../bob/x"),
                                     Mark("uploads/alice/*"),
                                     Mark("/uploads/alice/x"),
                                     Mark("uploads/alice/x?x-oss-process=image/watermark,text_QQ"),
                                     Mark("uploads/alice/x?x-oss-process=style/thumb"),
                                     Mark("uploads/alice/x?versionId=1"),
                                     Mark(std::string("uploads/alice/x\0", 16)),
                                     std::string("image/watermark,image_!!!!"),
                                     "image/resize,w_" + std::string(2000, '1')})
    EXPECT_THAT(CheckProcess(process, {}, kPrefix),
                FailsWith(absl::StatusCode::kInvalidArgument, "PROCESS_INVALID"))
        << process;
}

}  // namespace
}  // namespace sluice::broker
