// What a sealed channel does for two honest sides.
#include "wire/channel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "session.h"

namespace mlguard::wire {
namespace {

using testing::make_session;
using testing::Session;

constexpr std::size_t kMax = kPlainBodyBytesMax;

std::string random_bytes(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::string json_like(std::size_t count) {
  std::string text;
  for (int i = 0; text.size() < count; ++i) {
    text += "{\"port\": " + std::to_string(i * 7919 % 65536) + ", \"enabled\": true},\n";
  }
  return text.substr(0, count);
}

void expect_round_trip(Session& session, const Message& message) {
  auto sealed = session.client.seal("PUT", "/v1/config/sniffer?x=1", message);
  ASSERT_TRUE(sealed.ok());
  EXPECT_EQ(sealed->sealed.seal.empty(), !message.body.empty());
  EXPECT_EQ(sealed->sealed.body.empty(), message.body.empty());
  auto opened = session.server.open("PUT", "/v1/config/sniffer?x=1", sealed->sealed, kMax);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(opened->counter, sealed->counter);
  EXPECT_EQ(opened->message.body, message.body);
  ASSERT_EQ(opened->message.fields.size(), message.fields.size());
  auto answer = session.server.seal(opened->counter, 200, opened->message);
  ASSERT_TRUE(answer.ok());
  auto back = session.client.open(sealed->counter, 200, *answer);
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->body, message.body);
  for (std::size_t i = 0; i < message.fields.size(); ++i) {
    EXPECT_EQ(back->fields[i].name, message.fields[i].name);
    EXPECT_EQ(back->fields[i].value, message.fields[i].value);
  }
}

TEST(ChannelTest, MessagesOfEverySizeAndKindRoundTrip) {
  Session session = make_session();
  for (const unsigned size : {0u, 1u, 2u, 40u, 100u, 101u, 135u, 255u, 4096u, 65537u, 1u << 20}) {
    for (const std::string& body : {random_bytes(size, 1), json_like(size)}) {
      expect_round_trip(session, {{}, body});
      expect_round_trip(session, {{{"request-id", "abc"}, {"comment", "naïve: a:b"}}, body});
    }
  }
}

TEST(ChannelTest, RandomMessagesRoundTrip) {
  Session session = make_session();
  std::mt19937 random(7);
  for (unsigned i = 0; i < 300; ++i) {
    Message message;
    message.body =
        random() % 2 == 0 ? random_bytes(random() % 3000, i) : json_like(random() % 3000);
    for (unsigned f = static_cast<unsigned>(random() % 5); f > 0; --f) {
      std::string value = random_bytes(random() % 50, f);
      std::replace(value.begin(), value.end(), '\n', ' ');
      std::replace(value.begin(), value.end(), '\0', ' ');
      message.fields.push_back({"field-" + std::to_string(f), value});
    }
    expect_round_trip(session, message);
  }
}

TEST(ChannelTest, OnlyBodiesOverAHundredBytesThatShrinkAreCompressed) {
  Session session = make_session();
  const auto size_of = [&session](const std::string& body) {
    return session.client.seal("POST", "/x", {{}, body})->sealed.original_size;
  };
  EXPECT_FALSE(size_of(std::string(kCompressAboveBytes, 'a')).has_value());
  EXPECT_EQ(size_of(std::string(kCompressAboveBytes + 1, 'a')), kCompressAboveBytes + 1);
  EXPECT_FALSE(size_of(random_bytes(5000, 3)).has_value());
  const auto large = session.client.seal("POST", "/x", {{}, json_like(1 << 20)});
  EXPECT_LT(large->sealed.body.size(), (1u << 20) / 2);
}

TEST(ChannelTest, NothingOfTheContentShowsInTheSealedBytes) {
  Session session = make_session();
  const std::string secret = "the-password-of-the-database";
  const auto request = session.client.seal("POST", "/x", {{{"comment", secret}}, secret + secret});
  EXPECT_EQ(request->sealed.body.find(secret.substr(0, 8)), std::string::npos);
  const auto answer = session.server.seal(0, 200, {{{"comment", secret}}, json_like(500)});
  EXPECT_EQ(answer->body.find(secret.substr(0, 8)), std::string::npos);
}

TEST(ChannelTest, FieldsAreFoundByNameAndTheFirstOneWins) {
  const Message message{{{"a", "1"}, {"b", "2"}, {"a", "3"}}, {}};
  ASSERT_NE(message.field("a"), nullptr);
  EXPECT_EQ(*message.field("a"), "1");
  EXPECT_EQ(message.field("c"), nullptr);
}

TEST(ChannelTest, FieldsThatCannotTravelAreRefusedBeforeSealing) {
  Session session = make_session();
  for (const Field& bad : {Field{"", "x"}, Field{"Upper", "x"}, Field{"a b", "x"}, Field{"a:", "x"},
                           Field{"a", "x\ny"}, Field{"a", std::string(1, '\0')}}) {
    const auto sealed = session.client.seal("GET", "/x", {{bad}, {}});
    ASSERT_FALSE(sealed.ok());
    EXPECT_EQ(sealed.error().reason, "invalid_field");
    EXPECT_FALSE(session.server.seal(0, 200, {{bad}, {}}).ok());
  }
}

TEST(ChannelTest, MessagesOverTheLimitsAreRefusedBeforeSealing) {
  Session session = make_session();
  const Message long_field{{{"a", std::string(kFieldBlockBytesMax, 'x')}}, {}};
  EXPECT_EQ(session.client.seal("GET", "/x", long_field).error().code, base::ErrorCode::too_large);
  const Message many{std::vector<Field>(65, Field{"a", "b"}), {}};
  EXPECT_EQ(session.client.seal("GET", "/x", many).error().code, base::ErrorCode::too_large);
  const Message huge{{}, std::string(kPlainBodyBytesMax + 1, 'x')};
  EXPECT_EQ(session.server.seal(0, 200, huge).error().code, base::ErrorCode::too_large);
}

TEST(ChannelTest, RequestLinesWithALineBreakAreRefused) {
  Session session = make_session();
  EXPECT_EQ(session.client.seal("GET", "/x\n/y", {}).error().reason, "invalid_target");
  EXPECT_EQ(session.client.seal("GE\nT", "/x", {}).error().reason, "invalid_target");
  EXPECT_EQ(session.client.seal("GET", "", {}).error().reason, "invalid_target");
  EXPECT_TRUE(session.client.seal("GET", std::string(kTargetBytesMax, '/'), {}).ok());
  EXPECT_FALSE(session.client.seal("GET", std::string(kTargetBytesMax + 1, '/'), {}).ok());
}

TEST(ChannelTest, RequestsMayArriveInAnyOrderInsideTheWindow) {
  Session session = make_session();
  std::vector<ClientChannel::Request> requests;
  for (int i = 0; i < 1000; ++i) requests.push_back(*session.client.seal("GET", "/x", {}));
  std::shuffle(requests.begin(), requests.end(), std::mt19937(5));
  for (const auto& request : requests) {
    EXPECT_TRUE(session.server.open("GET", "/x", request.sealed, kMax).ok());
  }
  for (const auto& request : requests) {
    EXPECT_EQ(session.server.open("GET", "/x", request.sealed, kMax).error().reason, "replayed");
  }
  EXPECT_EQ(session.server.replays_refused(), 1000u);
}

// Many threads on both ends of one session; ThreadSanitizer watches in the tsan preset.
TEST(ChannelTest, ManyThreadsSealAndOpenAtOnce) {
  Session session = make_session();
  constexpr int kThreads = 4;
  constexpr int kRequests = 300;
  std::atomic<int> completed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&session, &completed, t] {
      for (int i = 0; i < kRequests; ++i) {
        const Message message{{{"n", std::to_string(i)}}, json_like(static_cast<unsigned>(t) * 90)};
        auto request = session.client.seal("POST", "/x", message);
        auto opened = session.server.open("POST", "/x", request->sealed, kMax);
        if (!opened.ok()) continue;
        auto again = session.server.open("POST", "/x", request->sealed, kMax);
        auto answer = session.server.seal(opened->counter, 200, opened->message);
        auto back = session.client.open(request->counter, 200, *answer);
        if (!again.ok() && back.ok() && back->body == message.body) ++completed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(completed, kThreads * kRequests);
  EXPECT_EQ(session.server.replays_refused(), static_cast<std::uint64_t>(kThreads * kRequests));
}

}  // namespace
}  // namespace mlguard::wire
