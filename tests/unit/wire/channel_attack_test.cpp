// What a sealed channel does for a side that lies, and for somebody in between.
#include <gtest/gtest.h>
#include <lz4.h>

#include <functional>
#include <string>

#include "session.h"
#include "tests/support/handmade_client.h"
#include "wire/channel.h"
#include "wire/envelope.h"
#include "wire/replay_window.h"

namespace mlguard::wire {
namespace {

using support::HandmadeClient;
using testing::make_session;
using testing::Session;

constexpr std::size_t kMax = 1 << 20;

std::string reason_of(const base::Result<ServerChannel::Request>& opened) {
  return opened.ok() ? "opened" : opened.error().reason;
}

std::string flipped(std::string text, std::size_t bit) {
  text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
  return text;
}

TEST(ChannelAttackTest, ARequestMovedToAnotherPlaceIsRefused) {
  Session session = make_session();
  Session other = make_session();
  const Message message{{{"a", "b"}}, "body"};
  const Sealed sealed = session.client.seal("POST", "/v1/rules", message)->sealed;
  EXPECT_EQ(reason_of(session.server.open("POST", "/v1/rules/1", sealed, kMax)), "bad_seal");
  EXPECT_EQ(reason_of(session.server.open("POST", "/v1/rules?a=1", sealed, kMax)), "bad_seal");
  EXPECT_EQ(reason_of(session.server.open("PUT", "/v1/rules", sealed, kMax)), "bad_seal");
  EXPECT_EQ(reason_of(session.server.open("POST", "/v1/rules\n", sealed, kMax)), "bad_seal");
  EXPECT_EQ(reason_of(other.server.open("POST", "/v1/rules", sealed, kMax)), "bad_seal");
  Sealed stolen = sealed;
  stolen.session = other.server.session_id();
  EXPECT_EQ(reason_of(other.server.open("POST", "/v1/rules", stolen, kMax)), "bad_seal");
  EXPECT_EQ(reason_of(session.server.open("POST", "/v1/rules", stolen, kMax)), "bad_seal");
  EXPECT_EQ(reason_of(session.server.open("POST", "/v1/rules", sealed, kMax)), "opened");
}

TEST(ChannelAttackTest, AFlippedBitAnywhereInARequestIsRefused) {
  Session session = make_session();
  const Sealed with_body = session.client.seal("POST", "/x", {{{"a", "b"}}, "body"})->sealed;
  for (std::size_t bit = 0; bit < with_body.body.size() * 8; ++bit) {
    Sealed damaged = with_body;
    damaged.body = flipped(damaged.body, bit);
    EXPECT_EQ(reason_of(session.server.open("POST", "/x", damaged, kMax)), "bad_seal") << bit;
  }
  const Sealed in_header = session.client.seal("GET", "/x", {{{"a", "b"}}, {}})->sealed;
  for (std::size_t bit = 0; bit < in_header.seal.size() * 8; ++bit) {
    Sealed damaged = in_header;
    damaged.seal = flipped(damaged.seal, bit);
    EXPECT_EQ(reason_of(session.server.open("GET", "/x", damaged, kMax)), "bad_seal") << bit;
  }
  // None of these moved the window: both originals still pass.
  EXPECT_EQ(reason_of(session.server.open("POST", "/x", with_body, kMax)), "opened");
  EXPECT_EQ(reason_of(session.server.open("GET", "/x", in_header, kMax)), "opened");
}

TEST(ChannelAttackTest, ARequestCutAnywhereIsRefused) {
  Session session = make_session();
  const Sealed with_body = session.client.seal("POST", "/x", {{}, std::string(300, 'a')})->sealed;
  for (std::size_t length = 0; length < with_body.body.size(); ++length) {
    Sealed cut = with_body;
    cut.body.resize(length);
    EXPECT_EQ(reason_of(session.server.open("POST", "/x", cut, kMax)), "bad_seal") << length;
  }
  const Sealed in_header = session.client.seal("GET", "/x", {})->sealed;
  for (std::size_t length = 0; length < in_header.seal.size(); ++length) {
    Sealed cut = in_header;
    cut.seal.resize(length);
    EXPECT_EQ(reason_of(session.server.open("GET", "/x", cut, kMax)), "bad_seal") << length;
  }
  Sealed longer = with_body;
  longer.body += 'x';
  EXPECT_EQ(reason_of(session.server.open("POST", "/x", longer, kMax)), "bad_seal");
}

TEST(ChannelAttackTest, ARequestWithBothOrNeitherOfSealAndBodyIsRefused) {
  Session session = make_session();
  Sealed both = session.client.seal("GET", "/x", {})->sealed;
  both.body = "x";
  EXPECT_EQ(reason_of(session.server.open("GET", "/x", both, kMax)), "bad_seal");
  Sealed neither = session.client.seal("GET", "/x", {})->sealed;
  neither.seal.clear();
  EXPECT_EQ(reason_of(session.server.open("GET", "/x", neither, kMax)), "bad_seal");
}

TEST(ChannelAttackTest, AFrameMovedFromTheHeaderToTheBodyIsRefused) {
  Session session = make_session();
  Sealed moved = session.client.seal("GET", "/x", {{{"a", "b"}}, {}})->sealed;
  moved.body = *from_base64url(moved.seal);
  moved.seal.clear();
  EXPECT_EQ(reason_of(session.server.open("GET", "/x", moved, kMax)), "bad_frame");
  Sealed back = session.client.seal("POST", "/x", {{}, "body"})->sealed;
  back.seal = to_base64url(back.body);
  back.body.clear();
  EXPECT_EQ(reason_of(session.server.open("POST", "/x", back, kMax)), "bad_frame");
}

TEST(ChannelAttackTest, ReplayedAndOutdatedRequestsAreRefused) {
  Session session = make_session();
  const Sealed first = session.client.seal("GET", "/x", {})->sealed;
  const Sealed late = session.client.seal("GET", "/x", {})->sealed;
  EXPECT_EQ(reason_of(session.server.open("GET", "/x", first, kMax)), "opened");
  EXPECT_EQ(reason_of(session.server.open("GET", "/x", first, kMax)), "replayed");
  for (std::uint64_t i = 0; i < kReplayWindowCounters; ++i) {
    const Sealed next = session.client.seal("GET", "/x", {})->sealed;
    ASSERT_EQ(reason_of(session.server.open("GET", "/x", next, kMax)), "opened");
  }
  EXPECT_EQ(reason_of(session.server.open("GET", "/x", late, kMax)), "replayed");
  EXPECT_EQ(session.server.replays_refused(), 2u);
}

TEST(ChannelAttackTest, AnAnswerIsBoundToItsRequestStatusAndSession) {
  Session session = make_session();
  Session other = make_session();
  const Message message{{{"revision", "7"}}, std::string(300, 'a')};
  const auto first = session.client.seal("GET", "/x", {});
  const auto second = session.client.seal("GET", "/x", {});
  const Sealed answer = *session.server.seal(first->counter, 200, message);
  const auto reason = [&answer](const ClientChannel& client, std::uint64_t counter, int status) {
    const auto opened = client.open(counter, status, answer);
    return opened.ok() ? std::string("opened") : opened.error().reason;
  };
  EXPECT_EQ(reason(session.client, second->counter, 200), "bad_seal");
  EXPECT_EQ(reason(session.client, first->counter, 201), "bad_seal");
  EXPECT_EQ(reason(session.client, first->counter, 404), "bad_seal");
  EXPECT_EQ(reason(other.client, first->counter, 200), "bad_seal");
  EXPECT_EQ(reason(session.client, first->counter, 200), "opened");
}

TEST(ChannelAttackTest, ADamagedAnswerIsRefused) {
  Session session = make_session();
  const Sealed answer = *session.server.seal(0, 200, {{{"a", "b"}}, std::string(200, 'a')});
  for (std::size_t bit = 0; bit < answer.body.size() * 8; ++bit) {
    Sealed damaged = answer;
    damaged.body = flipped(damaged.body, bit);
    EXPECT_FALSE(session.client.open(0, 200, damaged).ok()) << bit;
  }
  for (std::size_t length = 0; length < answer.body.size(); ++length) {
    Sealed cut = answer;
    cut.body.resize(length);
    EXPECT_FALSE(session.client.open(0, 200, cut).ok()) << length;
  }
  for (const std::optional<std::size_t> lie : {std::optional<std::size_t>{}, {0}, {199}, {201}}) {
    Sealed lying = answer;
    lying.original_size = lie;
    EXPECT_EQ(session.client.open(0, 200, lying).error().reason, "bad_seal");
  }
}

TEST(ChannelAttackTest, AChangedOriginalSizeIsRefused) {
  Session session = make_session();
  const Sealed sealed = session.client.seal("POST", "/x", {{}, std::string(300, 'a')})->sealed;
  for (const std::optional<std::size_t> lie : {std::optional<std::size_t>{}, {0}, {299}, {301}}) {
    Sealed lying = sealed;
    lying.original_size = lie;
    EXPECT_EQ(reason_of(session.server.open("POST", "/x", lying, kMax)), "bad_seal");
  }
  Sealed huge = sealed;
  huge.original_size = std::size_t{1} << 60;
  EXPECT_EQ(reason_of(session.server.open("POST", "/x", huge, kMax)), "too_large");
}

// ---- Authentic frames that lie: a client that holds a session and means harm -----------------

std::string frame_with(const std::string& fields, const std::string& body) {
  std::string plain;
  plain.push_back(static_cast<char>(fields.size() & 0xff));
  plain.push_back(static_cast<char>(fields.size() >> 8));
  return plain + fields + body;
}

std::string lz4(const std::string& body) {
  std::string out(static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(body.size()))), '\0');
  const int size = LZ4_compress_default(body.data(), out.data(), static_cast<int>(body.size()),
                                        static_cast<int>(out.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

TEST(ChannelAttackTest, AHandmadeFrameIsUnderstood) {
  auto [client, server] = HandmadeClient::connect();
  const auto plain = server.open("POST", "/x", client.seal(frame_with("a:b\n", "hi"), {}), kMax);
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(*plain->message.field("a"), "b");
  EXPECT_EQ(plain->message.body, "hi");
  const std::string body(500, 'z');
  const auto compressed =
      server.open("POST", "/x", client.seal(frame_with("", lz4(body)), 500), kMax);
  ASSERT_TRUE(compressed.ok());
  EXPECT_EQ(compressed->message.body, body);
}

TEST(ChannelAttackTest, LiesAboutTheOriginalSizeInsideAnAuthenticFrameAreRefused) {
  auto [client, server] = HandmadeClient::connect();
  const std::string body(500, 'z');
  const std::string plain = frame_with("", lz4(body));
  for (const std::size_t lie : {0u, 1u, 100u, 499u, 501u, 2'000u, 1'000'000u}) {
    EXPECT_EQ(reason_of(server.open("POST", "/x", client.seal(plain, lie), kMax)), "bad_frame")
        << lie;
  }
  for (const std::size_t lie : {kMax + 1, kPlainBodyBytesMax + 1, std::size_t{1} << 40,
                                std::numeric_limits<std::size_t>::max()}) {
    EXPECT_EQ(reason_of(server.open("POST", "/x", client.seal(plain, lie), kMax)), "too_large")
        << lie;
  }
  // Present though the body is not compressed; and present with no body at all.
  EXPECT_EQ(reason_of(server.open("POST", "/x", client.seal(frame_with("", body), 500), kMax)),
            "bad_frame");
  EXPECT_EQ(reason_of(server.open("POST", "/x", client.seal(frame_with("a:b\n", ""), 500), kMax)),
            "bad_frame");
  EXPECT_EQ(reason_of(server.open("POST", "/x", client.seal("", 500), kMax)), "bad_frame");
}

TEST(ChannelAttackTest, MalformedFieldBlocksInsideAnAuthenticFrameAreRefused) {
  auto [client, server] = HandmadeClient::connect();
  std::string too_many;
  for (std::size_t i = 0; i <= kFieldsMax; ++i) too_many += "a:b\n";
  for (const std::string& plain :
       {std::string("\x01", 1), std::string("\0\0", 2), std::string("\xff\xff", 2),
        std::string("\x05\0a:b\n", 6), frame_with("a:b", ""), frame_with("ab\n", ""),
        frame_with(":b\n", ""), frame_with("A:b\n", ""), frame_with("\n", "body"),
        frame_with(std::string("a:\0\n", 4), ""), frame_with(too_many, "body")}) {
    EXPECT_EQ(reason_of(server.open("POST", "/x", client.seal(plain, {}), kMax)), "bad_frame")
        << base::to_hex(plain);
  }
}

TEST(ChannelAttackTest, BodiesOverTheServersLimitAreTooLargeCompressedOrNot) {
  auto [client, server] = HandmadeClient::connect();
  constexpr std::size_t kSmallMax = 1000;
  const std::string body(kSmallMax + 1, 'z');
  EXPECT_EQ(reason_of(server.open("POST", "/x", client.seal(frame_with("", body), {}), kSmallMax)),
            "too_large");
  EXPECT_EQ(reason_of(server.open("POST", "/x", client.seal(frame_with("", lz4(body)), body.size()),
                                  kSmallMax)),
            "too_large");
  const std::string huge(kSmallMax + kFrameOverheadBytesMax + 1, 'z');
  EXPECT_EQ(reason_of(server.open("POST", "/x", client.seal(huge, {}), kSmallMax)), "too_large");
}

TEST(ChannelAttackTest, ACounterBeyondTheLimitIsRefused) {
  auto [client, server] = HandmadeClient::connect();
  client.set_counter(std::uint64_t{1} << 60);
  EXPECT_EQ(reason_of(server.open("POST", "/x", client.seal(frame_with("", "a"), {}), kMax)),
            "bad_seal");
  client.set_counter((std::uint64_t{1} << 60) - 1);
  EXPECT_EQ(reason_of(server.open("POST", "/x", client.seal(frame_with("", "a"), {}), kMax)),
            "opened");
}

}  // namespace
}  // namespace mlguard::wire
