// Hostile bytes from somebody without any key: noise, endless headers, bodies over every limit,
// clients slower than patience. All refused, nothing held, the server well afterwards.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/ids.h"
#include "live.h"
#include "support/proc_stat.h"
#include "support/tcp.h"

namespace mlguard::e2e {
namespace {

using support::http_call;
using support::http_get;
using support::HttpReply;
using support::TcpClient;
using support::wait_until;

constexpr std::size_t kMiB = 1024 * 1024;
constexpr std::size_t kGrowthBytesMax = 160 * kMiB * kSlowdown;

std::string random_bytes(std::mt19937& random, std::size_t count) {
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// Of what a busy machine does now and then, it shows nothing. REQUIRES: not empty.
double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

class BadRequestsTest : public LiveServerTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(start());
    ASSERT_TRUE(server_is_well());
    before_ = support::resident_bytes(server_.pid());
  }

  void expect_well_and_small() {
    EXPECT_TRUE(server_is_well());
    const std::size_t peak = support::resident_bytes_peak(server_.pid());
    EXPECT_LT(peak, before_ + kGrowthBytesMax);
    std::printf("server's memory: %.1f MiB before, %.1f now, %.1f at its peak\n",
                static_cast<double>(before_) / kMiB,
                static_cast<double>(support::resident_bytes(server_.pid())) / kMiB,
                static_cast<double>(peak) / kMiB);
  }

  // Sends as much of `bytes` as the server takes; its status, 0 when it just closes.
  int status_of(const std::string& bytes, std::int64_t timeout_ms = 5'000) {
    std::optional<TcpClient> client = TcpClient::connect(server_.port());
    if (!client) return -1;
    client->send(bytes);
    return support::read_reply(*client, timeout_ms).status;
  }
  static bool refused(int status) { return status == 0 || (status >= 400 && status < 500); }

  std::size_t before_ = 0;
};

TEST_F(BadRequestsTest, RandomBytesAreRefusedOnEveryWayIn) {
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    std::optional<TcpClient> client = TcpClient::connect(server_.port());
    ASSERT_TRUE(client);
    client->send(random_bytes(random, 1 + random() % 3'000));
  }
  for (int i = 0; i < 200; ++i) {
    const HttpReply reply = http_call(server_.port(), "POST", "/v1/session", {},
                                      random_bytes(random, random() % 5'000));
    EXPECT_TRUE(reply.status >= 400 && reply.status < 500) << reply.status;
  }
  for (int i = 0; i < 100; ++i) {
    const support::Headers headers = {{"X-Session", base::random_hex(16)}};
    const HttpReply reply = http_call(server_.port(), "POST", "/heartbeat", headers,
                                      random_bytes(random, random() % 5'000));
    EXPECT_EQ(reply.status, 401);
  }
  expect_well_and_small();
}

TEST_F(BadRequestsTest, MalformedHttpIsRefused) {
  for (const std::string& text :
       {std::string("GET\r\n\r\n"), std::string("GET / HTTP/9.9\r\n\r\n"),
        std::string("FLY /status HTTP/1.1\r\n\r\n"),
        std::string("POST /heartbeat HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        std::string("POST /heartbeat HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        std::string("POST /heartbeat HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        std::string(5'000, '\r'), std::string("\0\0\0\0", 4)}) {
    const int status = status_of(text, 300);
    EXPECT_TRUE(refused(status) || status == 501 || status == 505) << status << " for " << text;
  }
  EXPECT_EQ(http_get(server_.port(), "/no/such/path").status, 404);
  EXPECT_EQ(http_call(server_.port(), "DELETE", "/status").status, 405);
  expect_well_and_small();
}

TEST_F(BadRequestsTest, TenThousandHeadersAndAnEndlessHeaderAreRefused) {
  std::string many = "GET /status HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 10'000; ++i) many += "X-Header-" + std::to_string(i) + ": value\r\n";
  EXPECT_TRUE(refused(status_of(many + "\r\n")));

  std::optional<TcpClient> client = TcpClient::connect(server_.port());
  ASSERT_TRUE(client);
  client->send("GET /status HTTP/1.1\r\nX-Endless: ");
  const std::string piece(kMiB, 'a');
  std::size_t sent_mib = 0;
  while (sent_mib < 200 && client->send(piece, 2'000)) ++sent_mib;
  EXPECT_LT(sent_mib, 100u) << "the server swallowed an endless header";
  expect_well_and_small();
}

TEST_F(BadRequestsTest, ABodyOverTheLimitIsRefusedByItsLengthAndInChunks) {
  for (int i = 0; i < 10; ++i) {
    std::optional<TcpClient> client = TcpClient::connect(server_.port());
    ASSERT_TRUE(client);
    client->send("PUT /v1/config/sniffer HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\n\r\n");
    const HttpReply reply = support::read_reply(*client, 5'000);
    EXPECT_TRUE(reply.status == 413 || reply.status == 0) << reply.status;
  }
  for (int i = 0; i < 10; ++i) {
    std::optional<TcpClient> client = TcpClient::connect(server_.port());
    ASSERT_TRUE(client);
    client->send(
        "PUT /v1/config/sniffer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "100000\r\n" + std::string(kMiB, 'c') + "\r\n";
    std::size_t sent_mib = 0;
    while (sent_mib < 100 && client->send(chunk, 2'000)) ++sent_mib;
    EXPECT_LT(sent_mib, 60u) << "the server swallowed a hundred MiB in chunks";
    const int status = support::read_reply(*client, 2'000).status;
    EXPECT_TRUE(status == 413 || status == 0) << status;
  }
  expect_well_and_small();
}

TEST_F(BadRequestsTest, ManyLargeBodiesThatNeverEndDoNotFillTheMemory) {
  std::vector<TcpClient> clients;
  const std::string most_of_a_body(3 * kMiB, 'b');
  for (int i = 0; i < 80; ++i) {
    std::optional<TcpClient> client = TcpClient::connect(server_.port());
    ASSERT_TRUE(client);
    client->send("PUT /v1/config/sniffer HTTP/1.1\r\nHost: x\r\nContent-Length: 4194304\r\n\r\n");
    client->send(most_of_a_body, 500);
    clients.push_back(std::move(*client));
  }
  EXPECT_EQ(http_get(server_.port(), "/status").status, 200);
  expect_well_and_small();
}

TEST_F(BadRequestsTest, ThousandsOfSilentConnectionsDoNotKeepOthersOut) {
  support::raise_open_files_limit();
  std::vector<TcpClient> clients;
  for (int i = 0; i < 3'000; ++i) {
    std::optional<TcpClient> client = TcpClient::connect(server_.port());
    ASSERT_TRUE(client) << i;
    clients.push_back(std::move(*client));
  }
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    const support::Stopwatch watch;
    EXPECT_EQ(http_get(server_.port(), "/status").status, 200);
    times.push_back(watch.ms());
  }
  EXPECT_LT(median(times), 500 * kSlowdown);
  expect_well_and_small();
}

// The server gives a request 30 seconds from its first byte to its last.
TEST_F(BadRequestsTest, AClientThatSendsOneByteASecondIsCutOffAndHoldsNobodyUp) {
  constexpr std::int64_t kCutWithinMs = 60'000;
  std::vector<TcpClient> slow;
  for (int i = 0; i < 50; ++i) {
    std::optional<TcpClient> client = TcpClient::connect(server_.port());
    ASSERT_TRUE(client);
    slow.push_back(std::move(*client));
  }
  const std::string request = "GET /status HTTP/1.1\r\nX-Slow: " + std::string(100, 's');
  std::size_t sent = 0;
  std::size_t cut = 0;
  std::vector<double> others_ms;
  const support::Stopwatch whole;
  while (cut < slow.size() && whole.ms() < kCutWithinMs) {
    cut = 0;
    for (TcpClient& client : slow) {
      if (!client.ended()) client.send(request.substr(sent % request.size(), 1), 0);
      client.receive_some(0);
      cut += client.ended() ? 1u : 0u;
    }
    ++sent;
    const support::Stopwatch other;
    EXPECT_EQ(http_get(server_.port(), "/status").status, 200);
    others_ms.push_back(other.ms());
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  EXPECT_EQ(cut, slow.size()) << "still connected after " << whole.ms() << " ms";
  EXPECT_LT(median(others_ms), 500 * kSlowdown);
  expect_well_and_small();
}

}  // namespace
}  // namespace mlguard::e2e
