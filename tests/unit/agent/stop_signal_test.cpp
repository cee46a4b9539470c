#include "agent/stop_signal.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace mlguard::agent {
namespace {

TEST(StopSignalTest, TheFirstSignalEndsTheWait) {
  StopSignal stop;
  ASSERT_TRUE(stop.install().ok());
  EXPECT_FALSE(stop.requested());
  std::thread sender([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ::kill(::getpid(), SIGTERM);
  });
  stop.wait();
  sender.join();
  EXPECT_TRUE(stop.requested());
}

TEST(StopSignalTest, ARequestEndsTheWaitAsWell) {
  StopSignal stop;
  ASSERT_TRUE(stop.install().ok());
  stop.request();
  stop.wait();
  EXPECT_TRUE(stop.requested());
}

TEST(StopSignalTest, TheSecondSignalEndsTheProcessAtOnce) {
  const pid_t child = ::fork();
  if (child == 0) {
    StopSignal stop;
    if (!stop.install().ok()) _exit(1);
    ::raise(SIGINT);
    ::raise(SIGINT);
    _exit(2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGINT);
}

TEST(StopSignalTest, AfterItsEndSignalsMeanWhatTheyMeantBefore) {
  struct sigaction before {};
  ::sigaction(SIGTERM, nullptr, &before);
  {
    StopSignal stop;
    ASSERT_TRUE(stop.install().ok());
  }
  struct sigaction after {};
  ::sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

}  // namespace
}  // namespace mlguard::agent
