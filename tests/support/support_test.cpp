// The tools of the tests are tested too: a proxy that loses bytes or a process that survives its
// test would make every result above them worthless.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "support/http.h"
#include "support/mounts.h"
#include "support/proc_stat.h"
#include "support/process.h"
#include "support/recording_proxy.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"

namespace mlguard::support {
namespace {

TEST(ProcessTest, OutputAndExitCodeAreCaptured) {
  const CommandResult result = run_shell("echo out; echo err >&2; exit 3");
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
  EXPECT_EQ(result.exit.text(), "exit 3");
}

TEST(ProcessTest, StandardInputEnvironmentAndFolderReachTheProgram) {
  ProcessOptions options;
  options.stdin_text = "typed";
  options.environment = {{"MLGUARD_PROBE", "seen"}};
  options.folder = "/";
  EXPECT_EQ(run_shell("cat; echo \" $MLGUARD_PROBE $PWD\"", options).out, "typed seen /\n");
}

TEST(ProcessTest, AProgramThatIsNotThereExitsWith127) {
  EXPECT_EQ(run_command({{"/nonexistent/program"}, {}, {}, {}}).exit.text(), "exit 127");
}

TEST(ProcessTest, ACommandOverItsTimeIsKilled) {
  const Stopwatch watch;
  EXPECT_EQ(run_shell("sleep 30", {}, 50).exit.text(), "signal 9");
  EXPECT_LT(watch.ms(), 5'000);
}

TEST(ProcessTest, TheDestructorEndsTheChild) {
  pid_t pid = 0;
  {
    const Process process = Process::start({{"/bin/sleep", "30"}, {}, {}, {}});
    pid = process.pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_NE(kill(pid, 0), 0);
}

TEST(ProcessTest, ASignalIsReportedAsSuch) {
  Process process = Process::start({{"/bin/sleep", "30"}, {}, {}, {}});
  EXPECT_TRUE(process.running());
  process.signal(SIGTERM);
  ASSERT_TRUE(process.wait_exit(5'000).has_value());
  EXPECT_EQ(process.wait_exit(0)->text(), "signal 15");
  EXPECT_FALSE(process.running());
}

TEST(TempDirTest, ItIsGoneAfterwardsWithItsContents) {
  std::string path;
  {
    const TempDir folder;
    path = folder.path();
    write_text(folder / "file", "text");
    EXPECT_EQ(read_text(folder / "file"), "text");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TcpTest, AFreePortRefusesConnectionsUntilSomebodyListens) {
  const std::uint16_t port = free_port();
  EXPECT_FALSE(TcpClient::connect(port).has_value());
  const base::UniqueFd listener = listen_on(port);
  ASSERT_TRUE(listener.valid());
  EXPECT_TRUE(TcpClient::connect(port).has_value());
}

// Answers one connection with `reply`, having read `request_bytes`.
std::thread answer_once(const base::UniqueFd& listener, std::size_t request_bytes,
                        std::string reply) {
  return std::thread([fd = listener.get(), request_bytes, text = std::move(reply)] {
    const base::UniqueFd peer(accept(fd, nullptr, nullptr));
    std::string request(request_bytes, '\0');
    std::size_t got = 0;
    while (got < request_bytes) {
      const ssize_t count = recv(peer.get(), request.data() + got, request_bytes - got, 0);
      if (count <= 0) return;
      got += static_cast<std::size_t>(count);
    }
    send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL);
  });
}

TEST(HttpTest, RepliesAreReadByLengthInChunksAndToTheEnd) {
  const std::string request = http_request("GET", "/x", {{"Connection", "close"}}, "");
  for (const std::string text :
       {"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
        "HTTP/1.1 201 Created\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        "HTTP/1.1 201 Created\r\nX-A: b\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nx-a: b\r\n\r\nhello"}) {
    const base::UniqueFd listener = listen_on(0);
    std::thread server = answer_once(listener, request.size(), text);
    const HttpReply reply = http_get(port_of(listener), "/x");
    server.join();
    EXPECT_EQ(reply.status, 201) << text;
    EXPECT_EQ(reply.header("x-a"), "b") << text;
    EXPECT_EQ(reply.body, "hello") << text;
  }
}

TEST(HttpTest, AReplyCutShortIsNoReply) {
  const std::string request = http_request("GET", "/x", {{"Connection", "close"}}, "");
  const base::UniqueFd listener = listen_on(0);
  std::thread server =
      answer_once(listener, request.size(), "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
  EXPECT_EQ(http_get(port_of(listener), "/x").status, 0);
  server.join();
}

TEST(RecordingProxyTest, EveryByteOfBothDirectionsIsPassedOnAndKept) {
  const std::string big(3'000'000, 'q');
  const std::string request = http_request("PUT", "/x", {{"Connection", "close"}}, big);
  const base::UniqueFd listener = listen_on(0);
  const std::string reply_text = "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + big;
  RecordingProxy proxy(port_of(listener));
  std::thread server = answer_once(listener, request.size(), reply_text);
  const HttpReply reply = http_call(proxy.port(), "PUT", "/x", {}, big);
  server.join();
  EXPECT_EQ(reply.body.size(), big.size());
  EXPECT_EQ(proxy.client_bytes(), request);
  EXPECT_EQ(proxy.server_bytes(), reply_text);
  EXPECT_EQ(proxy.connections(), 1u);
}

TEST(ProcStatTest, ABusyProcessUsesTimeAndAnIdleOneDoesNot) {
  const Process busy = Process::start({{"/bin/sh", "-c", "while :; do :; done"}, {}, {}, {}});
  const Process idle = Process::start({{"/bin/sleep", "30"}, {}, {}, {}});
  EXPECT_TRUE(wait_until([&] { return cpu_ms(busy.pid()) >= 30; }));
  EXPECT_LT(cpu_ms(idle.pid()), 30);
  EXPECT_GT(resident_bytes(idle.pid()), 100'000u);
  EXPECT_GE(resident_bytes_peak(idle.pid()), resident_bytes(idle.pid()));
  EXPECT_GE(open_files(idle.pid()), 3u);
}

TEST(ProcStatTest, TimeStretchesWhenMoreThanTheMachineHasIsToBeDone) {
  std::vector<Process> busy;
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < 4 * cores; ++i) {
    busy.push_back(Process::start({{"/bin/sh", "-c", "while :; do :; done"}, {}, {}, {}}));
  }
  EXPECT_TRUE(wait_until([] { return time_stretch() > 1.5; }));
}

}  // namespace
}  // namespace mlguard::support
