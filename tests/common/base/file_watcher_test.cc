// SPDX-License-Identifier: Apache-2.0
#include "common/base/file_watcher.h"

#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "common/base/file.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

// What was told, in order.
class Told {
 public:
  void Add(std::string what) {
    std::lock_guard lock(mutex_);
    all_.push_back(std::move(what));
    changed_.notify_all();
  }
  std::string Await(size_t index) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return all_.size() > index; });
    return all_[index];
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> all_;
};

class FileWatcherTest : public ::testing::Test {
 protected:
  void Watch(const std::string& path, const std::string& known) {
    watcher_.Watch(
        path, known, [this](std::string text) { told_.Add(std::move(text)); },
        [this] { told_.Add("unreadable"); });
  }
  testing::TempDir dir_;
  Told told_;
  FileWatcher watcher_{std::chrono::milliseconds(1)};
};

TEST_F(FileWatcherTest, TellsEachNewTextOnce) {
  const std::string path = dir_.Write("f", "one");
  Watch(path, "one");
  ASSERT_TRUE(WriteFileWhole(path, "two"));
  EXPECT_EQ(told_.Await(0), "two");
  ASSERT_TRUE(WriteFileWhole(path, "three"));
  EXPECT_EQ(told_.Await(1), "three");
}

TEST_F(FileWatcherTest, SeesARenamedFileALinkThatMovesAndAnEmptyFile) {
  namespace fs = std::filesystem;
  dir_.Write("a", "A");
  dir_.Write("b", "B");
  fs::create_symlink(dir_.Path("a"), dir_.Path("link"));
  Watch(dir_.Path("link"), "A");
  fs::create_symlink(dir_.Path("b"), dir_.Path("next"));
  fs::rename(dir_.Path("next"), dir_.Path("link"));
  EXPECT_EQ(told_.Await(0), "B");
  dir_.Write("c", "");
  fs::rename(dir_.Path("c"), dir_.Path("b"));
  EXPECT_EQ(told_.Await(1), "");
}

TEST_F(FileWatcherTest, AFileThatGoesAndComesBackIsTold) {
  const std::string path = dir_.Write("f", "one");
  Watch(path, "one");
  std::filesystem::remove(path);
  EXPECT_EQ(told_.Await(0), "unreadable");
  ASSERT_TRUE(WriteFileWhole(path, "two"));
  EXPECT_EQ(told_.Await(1), "two");
}

}  // namespace
}  // namespace sluice
