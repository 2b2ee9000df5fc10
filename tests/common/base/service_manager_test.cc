// SPDX-License-Identifier: Apache-2.0
#include "common/base/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

Environment With(const std::string& socket) {
  return [socket](const std::string& name) -> std::optional<std::string> {
    if (name == "NOTIFY_SOCKET") return socket;
    return std::nullopt;
  };
}

// The receiving end of a service manager.
class Listener {
 public:
  explicit Listener(const std::string& path) : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (path[0] == '@') address.sun_path[0] = '\0';
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size())),
              0);
  }
  ~Listener() { close(fd_); }

  // What has come, in one piece; nothing where nothing has.
  std::string Heard() const {
    char text[64];
    const ssize_t size = recv(fd_, text, sizeof(text), MSG_DONTWAIT);
    return size < 0 ? "" : std::string(text, static_cast<size_t>(size));
  }

 private:
  const int fd_;
};

TEST(TellServiceManagerTest, ReachesItsSocket) {
  const sluice::testing::TempDir dir;
  const std::string path = dir.Path("notify");
  const Listener listener(path);
  TellServiceManager("READY=1", With(path));
  EXPECT_EQ(listener.Heard(), "READY=1");
}

TEST(TellServiceManagerTest, ReachesASocketWithoutAFile) {
  const std::string name = "@sluice-test-" + std::to_string(getpid());
  const Listener listener(name);
  TellServiceManager("STOPPING=1", With(name));
  EXPECT_EQ(listener.Heard(), "STOPPING=1");
}

TEST(TellServiceManagerTest, DoesNothingWhereNobodyListens) {
  TellServiceManager("READY=1", [](const std::string&) { return std::nullopt; });
  TellServiceManager("READY=1", With(""));
  TellServiceManager("READY=1", With("/nowhere/at/all"));
  TellServiceManager("READY=1", With(std::string(200, 'x')));
}

}  // namespace
}  // namespace sluice
