// SPDX-License-Identifier: Apache-2.0
// Others' knowledge of how verifiers of signatures fail.
#include "common/base/file.h"
#include "common/base/json.h"
#include "common/identity/compact_jws.h"
#include "common/identity/jwks.h"
#include "gtest/gtest.h"

namespace sluice::identity {
namespace {

namespace json = boost::json;

json::array Groups(const std::string& file) {
  // Larger than what ParseJson is for; the file is ours.
  const auto text = ReadFile(std::string(SLUICE_SOURCE_DIR) + "/tests/vectors/wycheproof/" + file);
  return json::parse(text.value()).as_object().at("testGroups").as_array();
}

bool Accepts(const std::string& keys_text, const std::string& token) {
  const auto keys = ParseJwks(keys_text);
  const auto jws = ParseCompactJws(token, 64 * 1024);
  if (!keys.ok() || !jws.ok()) return false;
  const VerificationKey* key = (*keys)->Find(jws->kid, jws->algorithm);
  return key != nullptr && key->Verifies(jws->signed_text, jws->signature);
}

// Every vector of a file with a public key (those with HMAC alone have none): an invalid one is refused, a
// valid one accepted unless its kind is refused on purpose.
void RunAll(const std::string& file, size_t least) {
  size_t refused = 0;
  size_t accepted = 0;
  for (const auto& item : Groups(file)) {
    const auto& group = item.as_object();
    // Where there is only a secret, it must not become a key either.
    const auto& key = group.contains("public") ? group.at("public") : group.at("private");
    const bool is_set = key.as_object().contains("keys");
    const std::string keys =
        json::serialize(is_set ? key : json::value(json::object{{"keys", json::array{key}}}));
    for (const auto& one : group.at("tests").as_array()) {
      const auto& test = one.as_object();
      const std::string name = std::string(JsonText(group, "comment")) + " tcId " +
                               json::serialize(test.at("tcId")) + " " +
                               std::string(JsonText(test, "comment"));
      if (!test.at("jws").is_string()) continue;  // the JSON form is not taken here
      const bool accepts = Accepts(keys, std::string(JsonText(test, "jws")));
      // `ES521` is no algorithm of RFC 7518; HMAC has no public key; Figure 20 is PS384 with a key that says
      // PS256, and a key is pinned to what it says.
      const bool ours = keys.find("\"ES521\"") == std::string::npos && group.contains("public") &&
                        JsonText(test, "comment") != "Figure20";
      const bool valid = JsonText(test, "result") == "valid";
      if (!valid || !ours) {
        EXPECT_FALSE(accepts) << name;
        ++refused;
      } else {
        EXPECT_TRUE(accepts) << name;
        ++accepted;
      }
    }
  }
  EXPECT_GE(refused + accepted, least);
  EXPECT_GT(accepted, 0u);
}

TEST(WycheproofTest, Signatures) { RunAll("json_web_signature_test.json", 400); }
TEST(WycheproofTest, Keys) { RunAll("json_web_key_test.json", 26); }

}  // namespace
}  // namespace sluice::identity
