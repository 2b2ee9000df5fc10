// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/kept_places.h"

#include "gtest/gtest.h"

namespace sluice::broker {
namespace {

using std::chrono::seconds;
const KeptPlaces::SteadyTime kStart{seconds(1000)};

TEST(KeptPlacesTest, APlaceIsGivenOutOnce) {
  KeptPlaces places;
  places.Keep("a", {7, kStart + seconds(5)});
  EXPECT_EQ(places.Count(kStart), 1u);
  EXPECT_FALSE(places.Take("b", kStart).has_value());
  EXPECT_EQ(places.Take("a", kStart)->number, 7u);
  EXPECT_FALSE(places.Take("a", kStart).has_value());
  EXPECT_EQ(places.Count(kStart), 0u);
}

TEST(KeptPlacesTest, OneTurnHasOnePlace) {
  KeptPlaces places;
  places.Keep("a", {7, kStart + seconds(5)});
  places.Keep("a", {7, kStart + seconds(50)});
  EXPECT_EQ(places.Count(kStart + seconds(20)), 1u);
  EXPECT_EQ(places.Take("a", kStart + seconds(20))->at, kStart + seconds(50));
  EXPECT_EQ(places.Count(kStart), 0u);
}

TEST(KeptPlacesTest, NobodyComingForThreeSecondsLosesIt) {
  KeptPlaces places;
  places.Keep("a", {1, kStart});
  places.Keep("b", {2, kStart + seconds(1)});
  EXPECT_EQ(places.Count(kStart + seconds(3)), 2u);
  EXPECT_FALSE(places.Take("a", kStart + seconds(3) + std::chrono::nanoseconds(1)).has_value());
  EXPECT_TRUE(places.Take("b", kStart + seconds(4)).has_value());
}

}  // namespace
}  // namespace sluice::broker
