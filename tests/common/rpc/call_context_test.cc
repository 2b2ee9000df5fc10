// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/call_context.h"

#include "gtest/gtest.h"

namespace sluice::rpc {
namespace {

TEST(TraceIdOfTest, TakesTheCallersTrace) {
  EXPECT_EQ(TraceIdOf("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(TraceIdOf("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later"),
            "0af7651916cd43dd8448eb211c80319c");
}

TEST(TraceIdOfTest, MakesANewOneForAnythingElse) {
  for (const char* text : {"", "x", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
                           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                           "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"}) {
    const std::string made = TraceIdOf(text);
    EXPECT_EQ(made.size(), 32u) << text;
    EXPECT_NE(made, TraceIdOf(text)) << text;
  }
}

TEST(AddressOfTest, ReadsGrpcPeers) {
  EXPECT_EQ(AddressOf("ipv4:10.1.2.3:4567"), "10.1.2.3");
  EXPECT_EQ(AddressOf("ipv6:%5B::1%5D:4567"), "::1");
  EXPECT_EQ(AddressOf("ipv6:[::1]:4567"), "::1");
  EXPECT_EQ(AddressOf("unix:/tmp/x"), "");
  EXPECT_EQ(AddressOf(""), "");
  EXPECT_EQ(AddressOf("ipv4:%zz"), "");
}

TEST(BelieveProxiesTest, OnlyATrustedPeerIsBelievedAndOnlyItsOwnWord) {
  const std::vector<IpRange> trusted = {*IpRange::Parse("10.0.0.0/8")};
  auto seen = [&](const char* peer, const char* forwarded) {
    CallContext context;
    context.peer = peer;
    context.forwarded_for = forwarded;
    context.forwarded_proto = "https";
    BelieveProxies(trusted, context);
    return context.peer + (context.tls ? " tls" : "");
  };
  EXPECT_EQ(seen("10.0.0.1", "203.0.113.5"), "203.0.113.5 tls");
  EXPECT_EQ(seen("10.0.0.1", "1.2.3.4, 203.0.113.5, 10.0.0.9"), "203.0.113.5 tls");
  EXPECT_EQ(seen("10.0.0.1", ""), "10.0.0.1 tls");
  EXPECT_EQ(seen("10.0.0.1", "1.2.3.4, evil"), "10.0.0.1 tls");
  EXPECT_EQ(seen("10.0.0.1", "1.2.3.0/24"), "10.0.0.1 tls");
  EXPECT_EQ(seen("203.0.113.9", "10.0.0.1"), "203.0.113.9");
}

}  // namespace
}  // namespace sluice::rpc
