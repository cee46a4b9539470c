#include "server/http_server.h"

#include <gtest/gtest.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/wait_until.h"
#include "tests/unit/server/raw_client.h"

namespace mlguard::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using support::wait_until;
using test::RawAnswer;
using test::RawClient;

class HttpServerTest : public ::testing::Test {
 protected:
  static HttpOptions options() {
    HttpOptions options;
    options.address = "127.0.0.1";
    options.port = 0;
    options.body_bytes_max = 1024 * 1024;
    options.sweep_ms = 50;
    return options;
  }
  void start(const HttpOptions& options) {
    auto started = HttpServer::start(options, [this](HttpRequest request, Responder responder) {
      handle(std::move(request), std::move(responder));
    });
    ASSERT_TRUE(started.ok()) << started.error().message;
    server_ = std::move(*started);
  }
  // "/later" is kept for the test to answer; all else is answered with what was asked.
  void handle(HttpRequest request, Responder responder) {
    if (request.target == "/later") {
      const std::lock_guard lock(mutex_);
      later_.push_back(std::move(responder));
      return;
    }
    if (request.target == "/drop") return;
    if (request.target == "/big") {
      return responder.answer({.status = 200, .body = std::string(8 * 1024 * 1024, 'x')});
    }
    responder.answer({.status = 200,
                      .body = request.method + " " + request.target + " " +
                              std::to_string(request.body.size())});
  }
  std::size_t later() {
    const std::lock_guard lock(mutex_);
    return later_.size();
  }
  void await_later(std::size_t count) {
    while (later() < count) std::this_thread::sleep_for(milliseconds(1));
  }
  Responder take_later() {
    const std::lock_guard lock(mutex_);
    Responder responder = std::move(later_.front());
    later_.pop_front();
    return responder;
  }

  std::mutex mutex_;
  std::deque<Responder> later_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, RequestsOnOneConnectionAreAnsweredInTurn) {
  start(options());
  RawClient client(server_->port());
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.request("POST", "/x?y=1", {}, "four");
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "POST /x?y=1 4");
  }
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start(options());
  RawClient client(server_->port());
  ASSERT_TRUE(client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(client.receive()->body, "GET /a 0");
  EXPECT_EQ(client.receive()->body, "GET /b 0");
}

TEST_F(HttpServerTest, AnswersMayComeLaterFromAnyThread) {
  start(options());
  constexpr std::size_t kClients = 200;
  std::vector<RawClient> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.emplace_back(server_->port());
    ASSERT_TRUE(clients.back().send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
  }
  await_later(kClients);
  std::thread other([this] {
    for (std::size_t i = 0; i < kClients; ++i) {
      take_later().answer_with([] { return HttpAnswer{.status = 201, .body = "made"}; });
    }
  });
  other.join();
  for (RawClient& client : clients) {
    const auto answer = client.receive();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->status, 201);
  }
}

TEST_F(HttpServerTest, ADroppedRequestIsStillAnswered) {
  start(options());
  RawClient client(server_->port());
  EXPECT_EQ(client.request("GET", "/drop")->status, 500);
}

TEST_F(HttpServerTest, AnAnswerAfterTheClientLeftIsHarmless) {
  start(options());
  {
    RawClient client(server_->port());
    ASSERT_TRUE(client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    await_later(1);
  }
  take_later().answer({.status = 200, .body = "nobody hears this"});
  RawClient client(server_->port());
  EXPECT_EQ(client.request("GET", "/x")->status, 200);
}

TEST_F(HttpServerTest, AnAnswerAfterTheServerStoppedIsHarmless) {
  start(options());
  RawClient client(server_->port());
  ASSERT_TRUE(client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
  await_later(1);
  server_->stop(0);
  EXPECT_EQ(client.receive()->status, 503);
  take_later().answer({.status = 200});
  server_.reset();
}

TEST_F(HttpServerTest, AClientThatSendsOneByteNowAndThenIsCutOff) {
  HttpOptions slow = options();
  slow.request_deadline_ms = 400;
  start(slow);
  RawClient client(server_->port());
  const std::string request = "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n";
  ASSERT_TRUE(client.send(request));
  const auto begin = std::chrono::steady_clock::now();
  bool open = true;
  while (open && std::chrono::steady_clock::now() - begin < seconds(30)) {
    open = client.send("x") && !client.closed_within(milliseconds(20));
  }
  EXPECT_FALSE(open);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(10));
  EXPECT_EQ(server_->counters().cut_slow_request, 1U);
}

TEST_F(HttpServerTest, ASlowHeaderIsCutOffToo) {
  HttpOptions slow = options();
  slow.request_deadline_ms = 200;
  start(slow);
  RawClient client(server_->port());
  ASSERT_TRUE(client.send("GET /x HT"));
  EXPECT_TRUE(client.closed_within(seconds(30)));
}

TEST_F(HttpServerTest, AnIdleConnectionIsNotASlowRequest) {
  HttpOptions slow = options();
  slow.request_deadline_ms = 200;
  start(slow);
  RawClient client(server_->port());
  EXPECT_EQ(client.request("GET", "/x")->status, 200);
  EXPECT_FALSE(client.closed_within(milliseconds(600)));
  EXPECT_EQ(client.request("GET", "/x")->status, 200);
}

TEST_F(HttpServerTest, AnIdleConnectionIsClosedInTheEnd) {
  HttpOptions brief = options();
  brief.idle_timeout_ms = 200;
  start(brief);
  RawClient client(server_->port());
  EXPECT_EQ(client.request("GET", "/x")->status, 200);
  EXPECT_TRUE(client.closed_within(seconds(30)));
}

TEST_F(HttpServerTest, AClientThatDoesNotTakeItsAnswerIsCutOff) {
  HttpOptions slow = options();
  slow.answer_deadline_ms = 300;
  start(slow);
  RawClient client(server_->port());
  ASSERT_TRUE(client.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_TRUE(wait_until([this] { return server_->counters().cut_slow_answer == 1; }));
  EXPECT_TRUE(wait_until([this] { return server_->counters().untaken_bytes == 0; }));
}

TEST_F(HttpServerTest, TenThousandHeadersAreRefused) {
  start(options());
  RawClient client(server_->port());
  std::string request = "GET /x HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 10'000; ++i) request += "a" + std::to_string(i) + ": b\r\n";
  client.send(request + "\r\n");
  const auto answer = client.receive();
  if (answer) {
    EXPECT_EQ(answer->status, 400);
  }
  EXPECT_TRUE(client.closed_within(seconds(30)));
  EXPECT_EQ(server_->counters().requests, 0U);
}

TEST_F(HttpServerTest, ABodyOverTheLimitIsRefusedAnnouncedOrChunked) {
  start(options());
  {
    RawClient client(server_->port());
    client.send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n");
    EXPECT_TRUE(client.closed_within(seconds(30)));
  }
  {
    RawClient client(server_->port());
    client.send("POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
    for (int i = 0; i < 32; ++i) {
      if (!client.send(chunk)) break;
    }
    EXPECT_TRUE(client.closed_within(seconds(30)));
  }
  EXPECT_EQ(server_->counters().requests, 0U);
  RawClient client(server_->port());
  EXPECT_EQ(client.request("POST", "/x", {}, std::string(1024 * 1024, 'x'))->status, 200);
}

TEST_F(HttpServerTest, GarbageIsRefusedAndTheServerGoesOn) {
  start(options());
  std::uint32_t seed = 12345;
  for (int round = 0; round < 50; ++round) {
    RawClient client(server_->port());
    std::string garbage;
    for (int i = 0; i < 500; ++i) {
      seed = seed * 1664525 + 1013904223;
      garbage += static_cast<char>(seed >> 24);
    }
    client.send(garbage + "\r\n\r\n");
    EXPECT_TRUE(client.closed_within(seconds(3)) || client.connected());
  }
  RawClient client(server_->port());
  EXPECT_EQ(client.request("GET", "/x")->status, 200);
}

TEST_F(HttpServerTest, LargeRequestsInProgressAreBoundedAndSmallOnesPass) {
  HttpOptions tight = options();
  tight.unhandled_bytes_max = 256 * 1024;
  start(tight);
  std::vector<RawClient> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back(server_->port());
    clients.back().send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" +
                        std::string(64 * 1024, 'x'));
  }
  EXPECT_TRUE(wait_until([this] { return server_->counters().cut_memory >= 1; }));
  RawClient client(server_->port());
  EXPECT_EQ(client.request("POST", "/x", {}, "small")->status, 200);
}

TEST_F(HttpServerTest, ConnectionsOverTheLimitWaitUntilOneEnds) {
  HttpOptions few = options();
  few.connections_max = 4;
  few.threads = 1;
  start(few);
  std::vector<RawClient> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back(server_->port());
    ASSERT_EQ(clients.back().request("GET", "/x")->status, 200);
  }
  RawClient fifth(server_->port());
  fifth.send("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_FALSE(fifth.receive(milliseconds(300)).has_value());
  clients.pop_back();
  const auto answer = fifth.receive();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 200);
}

// An address of this machine that is not loopback's; empty: it has none.
std::string own_address() {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return {};
  std::string found;
  for (const ifaddrs* one = all; one != nullptr && found.empty(); one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    std::array<char, NI_MAXHOST> text{};
    const int failed = getnameinfo(one->ifa_addr, sizeof(sockaddr_in), text.data(), text.size(),
                                   nullptr, 0, NI_NUMERICHOST);
    if (failed == 0 && !is_loopback(text.data())) found = text.data();
  }
  freeifaddrs(all);
  return found;
}

TEST_F(HttpServerTest, OneAddressCannotTakeAllConnections) {
  const std::string host = own_address();
  if (host.empty()) GTEST_SKIP() << "this machine has no address but loopback's";
  HttpOptions few = options();
  few.address = "";
  few.connections_per_address_max = 3;
  few.threads = 2;
  start(few);
  std::deque<RawClient> clients;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(clients.emplace_back(server_->port(), host).request("GET", "/x")->status, 200);
  }
  RawClient fourth(server_->port(), host);
  const auto refused = fourth.request("GET", "/x");
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->status, 429);
  EXPECT_NE(refused->body.find("too_many_connections"), std::string::npos) << refused->body;
  EXPECT_TRUE(fourth.closed_within(seconds(5)));
  RawClient silent(server_->port(), host);
  EXPECT_TRUE(silent.closed_within(seconds(5))) << "it says nothing, and takes a place";
  EXPECT_EQ(server_->counters().cut_address, 2U);

  EXPECT_EQ(RawClient(server_->port()).request("GET", "/x")->status, 200) << "loopback";
  EXPECT_EQ(clients.front().request("GET", "/x")->status, 200) << "who came first stays";
  clients.clear();
  const auto deadline = std::chrono::steady_clock::now() + seconds(10);
  int status = 0;
  while (status != 200 && std::chrono::steady_clock::now() < deadline) {
    const auto answer = RawClient(server_->port(), host).request("GET", "/x");
    status = answer ? answer->status : 0;
  }
  EXPECT_EQ(status, 200) << "places are free again";
}

TEST_F(HttpServerTest, AManyfoldOfConnectionsLeavesNothingBehind) {
  start(options());
  for (int i = 0; i < 500; ++i) {
    RawClient client(server_->port());
    ASSERT_EQ(client.request("GET", "/x")->status, 200);
  }
  EXPECT_TRUE(wait_until([this] { return server_->counters().connections == 0; }));
  EXPECT_TRUE(wait_until([this] { return server_->counters().unhandled_bytes == 0; }));
}

TEST_F(HttpServerTest, APortInUseIsNamed) {
  start(options());
  HttpOptions same = options();
  same.port = server_->port();
  const auto second = HttpServer::start(same, [](HttpRequest, Responder) {});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().reason, "port_in_use");
  EXPECT_NE(second.error().message.find(std::to_string(server_->port())), std::string::npos);
}

TEST_F(HttpServerTest, EveryAddressMeansIpv4AndIpv6) {
  HttpOptions everywhere = options();
  everywhere.address = "";
  start(everywhere);
  RawClient client(server_->port());
  EXPECT_EQ(client.request("GET", "/x")->status, 200);
}

TEST_F(HttpServerTest, AnAddressThatIsNoneIsRefused) {
  HttpOptions wrong = options();
  wrong.address = "no such host";
  const auto server = HttpServer::start(wrong, [](HttpRequest, Responder) {});
  ASSERT_FALSE(server.ok());
  EXPECT_EQ(server.error().reason, "invalid_listen");
}

TEST_F(HttpServerTest, StoppingWaitsForAnswersUnderWay) {
  start(options());
  RawClient client(server_->port());
  ASSERT_TRUE(client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
  await_later(1);
  std::thread answering([this] {
    std::this_thread::sleep_for(milliseconds(200));
    take_later().answer({.status = 200, .body = "in time"});
  });
  server_->stop(5'000);
  answering.join();
  EXPECT_EQ(client.receive()->body, "in time");
}

TEST(LoopbackTest, AllOf127AndItsMappedFormAreLoopback) {
  EXPECT_TRUE(is_loopback("127.0.0.1"));
  EXPECT_TRUE(is_loopback("127.3.2.1"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_TRUE(is_loopback("::ffff:127.0.0.1"));
  EXPECT_FALSE(is_loopback("10.0.0.1"));
  EXPECT_FALSE(is_loopback("2001:db8::1"));
}

}  // namespace
}  // namespace mlguard::server
