// SPDX-License-Identifier: Apache-2.0
#include "common/base/ip_range.h"

#include "gtest/gtest.h"

namespace sluice {
namespace {

TEST(IpRangeTest, ContainsWhatLiesInIt) {
  const auto four = IpRange::Parse("10.1.0.0/16").value();
  EXPECT_TRUE(four.Contains("10.1.255.255"));
  EXPECT_TRUE(four.Contains("::ffff:10.1.2.3"));
  EXPECT_FALSE(four.Contains("10.2.0.0"));
  EXPECT_FALSE(four.Contains("::10.1.2.3"));
  EXPECT_TRUE(IpRange::Parse("192.0.2.7").value().Contains("192.0.2.7"));
  EXPECT_FALSE(IpRange::Parse("192.0.2.7").value().Contains("192.0.2.6"));
  const auto six = IpRange::Parse("2001:db8::/33").value();
  EXPECT_TRUE(six.Contains("2001:db8:7fff::1"));
  EXPECT_FALSE(six.Contains("2001:db8:8000::1"));
  EXPECT_TRUE(IpRange::Parse("0.0.0.0/0").value().Contains("255.1.2.3"));
  EXPECT_FALSE(IpRange::Parse("0.0.0.0/0").value().Contains("2001:db8::1"));
}

TEST(IpRangeTest, WhatIsNoAddressIsInNothing) {
  const auto all = IpRange::Parse("::/0").value();
  for (const char* text : {"", "localhost", "10.0.0.1:80", "10.0.0", "10.0.0.1 ", "::1%eth0", "1"})
    EXPECT_FALSE(all.Contains(text)) << text;
  EXPECT_FALSE(all.Contains(std::string_view("::1\0", 4)));
}

TEST(IpRangeTest, RefusesWhatSaysTwoThingsOrNothing) {
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.1/8",
                           "2001:db8::1/64", "::/129", "10.0.0.0/8/8", "example.com"})
    EXPECT_FALSE(IpRange::Parse(text).has_value()) << text;
}

}  // namespace
}  // namespace sluice
