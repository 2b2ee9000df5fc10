// SPDX-License-Identifier: Apache-2.0
#include "clients/cpp/broker_address.h"

#include "tests/support/status_matchers.h"

namespace sluice::client {
namespace {

using sluice::testing::FailsWith;

TEST(ParseBrokerAddressTest, PlainTextIsForThisMachineAlone) {
  for (const char* text :
       {"127.0.0.1:50051", "127.9.9.9:1", "localhost:50051", "LOCALHOST:1", "[::1]:50051"}) {
    ASSERT_TRUE(ParseBrokerAddress(text).ok()) << text;
    EXPECT_FALSE(ParseBrokerAddress(text)->tls);
  }
  for (const char* text :
       {"10.0.0.1:50051", "127.example.com:1", "localhost.example.com:1", "[fe80::1]:1", "broker:50051"}) {
    EXPECT_THAT(ParseBrokerAddress(text),
                FailsWith(absl::StatusCode::kInvalidArgument, "BROKER_ADDRESS_INVALID"))
        << text;
  }
}

TEST(ParseBrokerAddressTest, HttpsGoesAnywhere) {
  EXPECT_EQ(ParseBrokerAddress("https://broker.example.com:443")->target, "broker.example.com:443");
  EXPECT_TRUE(ParseBrokerAddress("https://10.0.0.1:1/")->tls);
}

TEST(ParseBrokerAddressTest, RefusesWhatIsNoAddress) {
  for (const char* text : {"", ":", "localhost", "localhost:", "localhost:0", "localhost:65536",
                           "localhost:1x", "http://localhost:1", "https://", "https://a b:1",
                           "https://a:1/path", "::1:50051", "unix:/tmp/x", "localhost:1\n"}) {
    EXPECT_THAT(ParseBrokerAddress(text),
                FailsWith(absl::StatusCode::kInvalidArgument, "BROKER_ADDRESS_INVALID"))
        << text;
  }
}

}  // namespace
}  // namespace sluice::client
