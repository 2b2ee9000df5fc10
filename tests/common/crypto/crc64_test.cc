// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/crc64.h"

#include "tests/support/vectors.h"

namespace sluice::crypto {
namespace {

using sluice::testing::Text;
using sluice::testing::Vectors;

uint64_t Number(const boost::json::value& value) {
  return value.is_string() ? std::stoull(std::string(value.as_string())) : value.to_number<uint64_t>();
}

TEST(Crc64Test, AgreesWithPublishedVectors) {
  for (const auto& vector : Vectors("crc64.json", "crc64")) {
    const uint64_t running = vector.as_object().contains("running") ? Number(vector.at("running")) : 0;
    EXPECT_EQ(Crc64(Text(vector, "data"), running), Number(vector.at("expected").at("crc64")))
        << Text(vector, "name");
  }
}

TEST(Crc64Test, CombinesLikePublishedVectors) {
  for (const auto& vector : Vectors("crc64.json", "crc64-combine")) {
    uint64_t crc = 0;
    if (const auto* parts = vector.as_object().if_contains("parts")) {
      for (const auto& part : parts->as_array()) {
        const std::string data(part.as_string());
        crc = CombineCrc64(crc, Crc64(data), data.size());
      }
    } else {
      crc = CombineCrc64(Number(vector.at("crc_first")), Number(vector.at("crc_second")),
                         Number(vector.at("second_length")));
    }
    EXPECT_EQ(crc, Number(vector.at("expected").at("crc64"))) << Text(vector, "name");
  }
}

TEST(Crc64Test, AnySplitGivesTheSameSum) {
  const std::string text = "The quick brown fox jumps over the lazy dog";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    const std::string head = text.substr(0, cut);
    const std::string tail = text.substr(cut);
    EXPECT_EQ(Crc64(tail, Crc64(head)), Crc64(text));
    EXPECT_EQ(CombineCrc64(Crc64(head), Crc64(tail), tail.size()), Crc64(text));
  }
}

}  // namespace
}  // namespace sluice::crypto
