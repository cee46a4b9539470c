#include "base/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/unique_fd.h"
#include "support/temp_dir.h"

namespace mlguard::base {
namespace {

class ServiceManagerTest : public testing::Test {
 protected:
  void SetUp() override { forget(); }
  void TearDown() override { forget(); }

  // As systemd does for a service of Type=notify.
  void listen() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path_.c_str());
    socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
  }
  std::string heard() {
    std::array<char, 64> text{};
    const auto length = ::recv(socket_.get(), text.data(), text.size(), 0);
    return length < 0 ? "" : std::string(text.data(), static_cast<std::size_t>(length));
  }

  const support::TempDir folder_;
  const std::string path_ = folder_ / "notify";
  UniqueFd socket_;

 private:
  static void forget() {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("JOURNAL_STREAM");
  }
};

TEST_F(ServiceManagerTest, WhereNobodyWaitsNothingIsSaid) {
  EXPECT_FALSE(readiness_is_awaited());
  EXPECT_TRUE(tell_ready().ok());
}

TEST_F(ServiceManagerTest, ReadinessIsOneDatagram) {
  ASSERT_NO_FATAL_FAILURE(listen());
  ::setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  EXPECT_TRUE(readiness_is_awaited());
  EXPECT_EQ(heard(), "");
  ASSERT_TRUE(tell_ready().ok());
  EXPECT_EQ(heard(), "READY=1");
  EXPECT_EQ(heard(), "");
}

TEST_F(ServiceManagerTest, ASocketThatIsNotThereIsAnError) {
  ::setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  EXPECT_EQ(tell_ready().error().code, ErrorCode::io);
  ::setenv("NOTIFY_SOCKET", std::string(200, 'x').c_str(), 1);
  EXPECT_EQ(tell_ready().error().code, ErrorCode::invalid_argument);
}

TEST_F(ServiceManagerTest, OnlyTheStreamThatStandardErrorIsCountsAsTheJournal) {
  EXPECT_FALSE(stderr_is_journal());
  struct stat about = {};
  ASSERT_EQ(::fstat(STDERR_FILENO, &about), 0);
  const auto name = [&](ino_t file) {
    return std::to_string(about.st_dev) + ":" + std::to_string(file);
  };
  ::setenv("JOURNAL_STREAM", name(about.st_ino).c_str(), 1);
  EXPECT_TRUE(stderr_is_journal());
  // A service whose standard error was sent elsewhere, and not to the journal that it began with.
  ::setenv("JOURNAL_STREAM", name(about.st_ino + 1).c_str(), 1);
  EXPECT_FALSE(stderr_is_journal());
}

}  // namespace
}  // namespace mlguard::base
