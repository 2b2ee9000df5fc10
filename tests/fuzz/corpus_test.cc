// SPDX-License-Identifier: Apache-2.0
// Every input that a fuzzer found worth keeping, and those it began with, once more.
#include <filesystem>
#include <random>

#include "common/base/file.h"
#include "gtest/gtest.h"
#include "tests/fuzz/targets.h"

namespace sluice::fuzz {
namespace {

TEST(FuzzCorpusTest, EveryInputIsServedWithoutABrokenPromise) {
  for (const auto& [name, target] : kTargets) {
    size_t inputs = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(SLUICE_SOURCE_DIR) + "/tests/fuzz/corpus/" + name)) {
      SCOPED_TRACE(entry.path().string());
      const auto input = ReadFile(entry.path().string());
      ASSERT_TRUE(input);
      target(*input);
      ++inputs;
    }
    EXPECT_GT(inputs, 3u) << name;
  }
}

// What every target meets whatever is in the corpus.
TEST(FuzzCorpusTest, NothingAndNoiseAreServed) {
  std::string noise;
  for (int i = 0; i < 4096; ++i) noise += static_cast<char>(i * 2654435761u >> 13);
  for (const auto& [name, target] : kTargets) {
    SCOPED_TRACE(name);
    for (size_t size : {0, 1, 2, 17, 255, 4096}) target(std::string_view(noise).substr(0, size));
    target("\n");
    target(std::string(20000, 'A'));
    target(std::string(20000, '.'));
    target(std::string(5000, '{'));
  }
}

// Two evaluators that share no code, on what a random caller would be given.
TEST(DifferentialTest, OurEvaluatorAndTheSandboxsAgreeOnRandomScopes) {
  std::mt19937 random(2026);
  const std::string letters = "abz/.*?$-_=%@ \xC3\xA9";
  const auto text = [&](size_t longest) {
    std::string out;
    for (size_t left = random() % longest; left > 0; --left) out += letters[random() % letters.size()];
    return out;
  };
  for (int i = 0; i < 400; ++i) FuzzPolicy(text(12) + "\n" + text(10));
}

}  // namespace
}  // namespace sluice::fuzz
